/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/loop.h
 * One event loop: a thread, a libuv loop, a listening socket, and the connections accepted from it.
 * Every field belongs to the loop's thread, unless its comment says otherwise.
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

/** Most bytes that one read takes. */
#define LOOP_READ_SIZE 65536

/** A callback that another thread asks the loop to make. Embedded in its owner, so that posting allocates nothing. */
struct loop_mail {
    struct loop_mail *next;
    void (*deliver)(struct loop_mail *mail); /* on the loop */
};

/** The callbacks that a loop makes, on its thread. */
struct loop_owner {
    void (*accepted)(struct loop *loop, int fd);       /**< takes over the descriptor and raises connection_count */
    void (*sweep)(struct loop *loop, uint64_t now_ns); /**< four times a second: deadlines */
    void (*drain)(struct loop *loop);                  /**< once: close idle connections */
    void (*close_all)(struct loop *loop);              /**< after the loop has ended */
};

struct loop {
    struct app *app;
    const struct loop_owner *owner;
    const struct router *router;
    unsigned index;
    bool monitoring; /* it serves METRICS_LISTEN */
    int listener;    /* -1 once it is closed */
    unsigned max_connections;

    bool draining;
    bool accepting;                  /* the listener is polled */
    _Atomic bool waiting_for_events; /* written by the loop, read by loop_settle */
    _Atomic bool ended;              /* set by the loop last of all, read by any thread */
    unsigned connection_count;
    unsigned connection_peak;       /* since memory was last given back */
    unsigned in_flight;             /* requests that have begun and not ended */
    struct connection *connections; /* all of them, doubly linked */

    _Atomic(struct loop_mail *) mailbox; /* pushed by any thread, emptied by the loop; newest first */
    _Atomic uint64_t drain_deadline_ns;  /* 0: not draining; set by any thread */
    _Atomic uint64_t turns;              /* written by the loop, read by loop_settle */
    struct loop_mail *later;             /* to be delivered when `rest` fires */
    uint64_t drained_ns;                 /* since when nothing is in flight while draining; 0: something is */
    uint64_t second_ns;                  /* when the handles were last reported */
    promc_uv *watch;                     /* metrics of the libuv loop; NULL: metrics are off */

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
    char scratch[LOOP_READ_SIZE]; /* shared by all connections to read bodies into */
};

/** Create the libuv loop and its handles, on the calling thread. @return 0, or -1 after one line in the log. */
int loop_init(struct loop *loop);
/** Run it on a thread of its own. @return 0 or -1. */
int loop_start(struct loop *loop);
/** Any thread. The loop calls mail->deliver soon. */
void loop_post(struct loop *loop, struct loop_mail *mail);
/** Loop thread. The loop calls mail->deliver in about a millisecond. */
void loop_post_later(struct loop *loop, struct loop_mail *mail);
/** Loop thread: a connection has ended, so another may be accepted. */
void loop_accept_again(struct loop *loop);
/** Loop thread. The current time as an HTTP date. */
const char *loop_date(struct loop *loop);
/** Any thread, once: stop accepting, cut off connections at `deadline_ns`, and end when nothing is in flight. */
void loop_drain(struct loop *loop, uint64_t deadline_ns);
/** Any other thread: wait until the loop has ended its current turn, at most until `until_ns`. */
void loop_settle(const struct loop *loop, uint64_t until_ns);
/** Frees everything. After its thread has been joined, or if it was never started. */
void loop_destroy(struct loop *loop);

#endif
