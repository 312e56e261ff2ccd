/* SPDX-License-Identifier: Apache-2.0 */
/* The exporter as its files see it. What is not said to change is constant once the server's thread runs. */
#ifndef PROMC_EXPORTER_INTERNAL_H
#define PROMC_EXPORTER_INTERNAL_H

#include <promc-exporter/exporter.h>

#include <pthread.h>
#include <sys/types.h>

struct pollfd;
struct promc_history;
struct promc_connection;
struct promc_tls;

#define PROMC_LISTENERS 8

struct promc_exporter {
    promc_exporter_settings settings; /* complete; its strings are not kept */
    promc_registry *registry;
    bool owns_registry;
    promc_exposition *exposition;
    struct promc_tls *tls;
    char *token;     /* NULL: everybody may read */
    char *unix_path; /* unlinked at the end; NULL: there is none */
    unsigned port;

    /* written and closed with promc_exporter_lock_fds(): a child closes what it finds here */
    int listeners[PROMC_LISTENERS]; /* -1: none */
    int wake[2];
    int reserve;  /* given up for a connection when there is no other descriptor */
    int *clients; /* settings.max_connections + 1 of them */
    pid_t owner;  /* the process that has the thread */

    /* of the server's thread alone */
    struct promc_connection **connections;
    size_t connection_count;
    struct pollfd *polls;
    struct promc_history *history; /* NULL: no live view */
    unsigned history_answers;      /* under way */
    uint64_t accept_again_ns;      /* no descriptor is left: wait until then */

    pthread_t thread;
    bool started;
    bool stop;
    promc_exporter *next; /* all of this process, for fork */
};

/* Set this thread's error text; returns code. */
int promc_exporter_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* listen.c: fill listeners, port and unix_path. 0 or a negative code. */
int promc_exporter_listen(struct promc_exporter *exporter);

/* descriptors.c: an exporter's descriptors, and what becomes of them at fork. */
int promc_exporter_take_fds(struct promc_exporter *exporter); /* wake, reserve; 0 or PROMC_E_IO */
void promc_exporter_drop_fds(struct promc_exporter *exporter);
void promc_exporter_lock_fds(void);
void promc_exporter_unlock_fds(void);
/* Keep a client's, with the lock held. @return false: there are max_connections already. */
bool promc_exporter_keep_fd(struct promc_exporter *exporter, int fd);
void promc_exporter_close_fd(struct promc_exporter *exporter, int fd);
/* Somebody else has closed it. */
void promc_exporter_forget_fd(struct promc_exporter *exporter, int fd);
void promc_exporter_remember(struct promc_exporter *exporter);
void promc_exporter_forget(struct promc_exporter *exporter);

/* server.c: the thread. 0 or a negative code. */
int promc_exporter_serve(struct promc_exporter *exporter);
void promc_exporter_end(struct promc_exporter *exporter);

/* The live view; see live/. */
extern const char promc_exporter_page[];
extern const size_t promc_exporter_page_size;

#endif
