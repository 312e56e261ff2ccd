/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/loop.h
 * One event loop: a thread, a libuv loop, a listening socket, and the connections that came from it.
 * Everything in it belongs to its thread, the fields marked otherwise excepted.
 */
#ifndef INGEST_HTTP_LOOP_H
#define INGEST_HTTP_LOOP_H

#include "base/log.h"
#include "http/auth.h"
#include "http/request_id.h"
#include "http/router.h"

#include <promc-uv/uv.h>
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

struct app;
struct connection;
struct loop;

/** What one read takes at most. */
#define LOOP_READ_SIZE 65536

/** Something another thread hands to the loop. Embedded in its owner: posting allocates nothing. */
struct loop_mail {
    struct loop_mail *next;
    void (*deliver)(struct loop_mail *mail); /* on the loop */
};

/** Whose loop it is: what it calls, on its thread. */
struct loop_owner {
    void (*accepted)(struct loop *loop, int fd);       /**< takes over the descriptor, and counts itself */
    void (*sweep)(struct loop *loop, uint64_t now_ns); /**< four times a second: deadlines */
    void (*drain)(struct loop *loop);                  /**< once: what is idle ends */
    void (*close_all)(struct loop *loop);              /**< after the loop has ended */
};

struct loop {
    struct app *app;
    const struct loop_owner *owner;
    const struct router *router;
    unsigned index;
    bool monitoring; /* of METRICS_LISTEN */
    int listener;    /* -1 once it is closed */
    unsigned max_connections;

    bool draining;
    bool accepting;                  /* the listener is watched */
    _Atomic bool waiting_for_events; /* written by the loop, read by loop_settle */
    _Atomic bool ended;              /* set by the loop as its last act */
    unsigned connection_count;
    unsigned connection_peak;       /* since memory was last given back */
    unsigned in_flight;             /* requests begun and not completed */
    struct connection *connections; /* all of them, doubly linked */

    _Atomic(struct loop_mail *) mailbox; /* any thread; newest first */
    _Atomic uint64_t drain_deadline_ns;  /* 0: not draining; set by any thread */
    _Atomic uint64_t turns;              /* written by the loop, read by loop_settle */
    struct loop_mail *later;             /* for when `rest` is over */
    uint64_t drained_ns;                 /* when in_flight fell to 0 while draining */
    uint64_t second_ns;                  /* when the handles were last reported */
    promc_uv *watch;                     /* of promc-uv; NULL: metrics are off */

    uv_loop_t uv;
    uv_poll_t poll;      /* the listener */
    uv_timer_t timeouts; /* 250 ms: deadlines, drain */
    uv_timer_t rest;     /* runs while there is mail for later */
    uv_prepare_t prepare;
    uv_check_t check;
    uv_work_t trim;
    bool trimming;
    uv_async_t wake;
    pthread_t thread;

    struct auth_cache *auth;
    struct request_ids ids;
    struct log_buffer log;
    char date[32]; /* "Date: …", made once a second */
    int64_t date_second;
    char scratch[LOOP_READ_SIZE]; /* what is read of a body on its way to where it is kept */
};

/** Make the handles, on the calling thread. @return 0, or -1 after one line in the log. */
int loop_init(struct loop *loop);
/** Run it on a thread of its own. @return 0 or -1. */
int loop_start(struct loop *loop);
/** Any thread. The loop calls mail->deliver soon. */
void loop_post(struct loop *loop, struct loop_mail *mail);
/** On the loop, which calls mail->deliver in about a millisecond. */
void loop_post_later(struct loop *loop, struct loop_mail *mail);
/** On the loop: a connection has gone, others may come in its place. */
void loop_accept_again(struct loop *loop);
/** On the loop: the time as HTTP writes it. */
const char *loop_date(struct loop *loop);
/** Any thread, once. */
void loop_drain(struct loop *loop, uint64_t deadline_ns);
/** Any other thread: wait until the loop has been through its present turn, at most until `until_ns`. */
void loop_settle(const struct loop *loop, uint64_t until_ns);
/** Frees what is left; after its thread has been joined, or instead of loop_start(). */
void loop_destroy(struct loop *loop);

#endif
