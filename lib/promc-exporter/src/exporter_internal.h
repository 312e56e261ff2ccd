/* SPDX-License-Identifier: Apache-2.0 */
/* The exporter's internals. Members are constant once the server's thread runs, unless a comment says otherwise. */
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
    char *token;     /* NULL: no authentication */
    char *unix_path; /* unlinked at the end, if it is still this socket; NULL: none */
    dev_t unix_device;
    ino_t unix_inode;
    unsigned port;

    /* written and closed with promc_exporter_lock_fds(): a forked child closes them */
    int listeners[PROMC_LISTENERS]; /* -1: none */
    int wake[2];
    int reserve;  /* closed to accept a connection when descriptors run out */
    int *clients; /* settings.max_connections + 1 of them */
    pid_t owner;  /* the process that has the thread */

    /* used only by the server's thread */
    struct promc_connection **connections;
    size_t connection_count;
    struct pollfd *polls;
    struct promc_history *history; /* NULL: no live view */
    unsigned history_answers;      /* in flight */
    uint64_t accept_again_ns;      /* out of descriptors: do not accept before this time */

    pthread_t thread;
    bool started;
    bool stop;
    promc_exporter *next; /* list of all exporters of this process, for fork */
};

/* Set this thread's error text; returns code. */
int promc_exporter_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* listen.c: fill listeners, port and unix_path. 0 or a negative code. */
int promc_exporter_listen(struct promc_exporter *exporter);
/* Remove the Unix socket from the file system, unless its path is another one's meanwhile. */
void promc_exporter_unlink(const struct promc_exporter *exporter);

/* descriptors.c: an exporter's descriptors, also across fork. */
int promc_exporter_take_fds(struct promc_exporter *exporter); /* wake, reserve; 0 or PROMC_E_IO */
void promc_exporter_drop_fds(struct promc_exporter *exporter);
void promc_exporter_lock_fds(void);
void promc_exporter_unlock_fds(void);
/* Add a client's descriptor; the lock is held. @return false: max_connections is reached. */
bool promc_exporter_keep_fd(struct promc_exporter *exporter, int fd);
void promc_exporter_close_fd(struct promc_exporter *exporter, int fd);
/* Other code has closed it. */
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
