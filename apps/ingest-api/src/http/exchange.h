/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/exchange.h
 * A connection, and the one request it is busy with: HTTP/1.1 answers requests of a connection one after the other, so
 * the room for it is part of the connection and nothing is allocated for a request as such.
 */
#ifndef INGEST_HTTP_EXCHANGE_H
#define INGEST_HTTP_EXCHANGE_H

#include "http/body.h"
#include "http/head.h"
#include "http/loop.h"
#include "store/store.h"

enum exchange_phase {
    EXCHANGE_NONE,    /* between requests */
    EXCHANGE_HEAD,    /* the request line is in */
    EXCHANGE_KEYED,   /* the store has said whose key it is; the daemon repeats its first call */
    EXCHANGE_BODY,    /* the head is in and good */
    EXCHANGE_WAITING, /* suspended: a store or pool thread has the request */
    EXCHANGE_ANSWER,  /* there is an answer, to be queued when the daemon calls next */
    EXCHANGE_SENDING
};

struct exchange {
    struct request req; /* first: handlers get a pointer to it, we get back to the exchange */
    enum exchange_phase phase;
    uint64_t start_ns;
    uint64_t deadline_ns; /* the phase must be over by then; 0: none */
    const char *uri;      /* where it is; the daemon has changed it since */
    size_t uri_length;
    enum promc_http_method method;
    promc_http_token token;
    struct head head;
    struct body body;
    uint64_t received; /* bytes of body, also those thrown away */
    uint64_t sent;     /* bytes of body handed over */
    uint64_t rest_at;  /* a streamed answer rests when it has sent more than this */
    bool bad_uri;      /* a blank or a control character in it */
    bool has_body;
    bool refused;      /* the answer is known before the body: what comes is thrown away */
    bool close;        /* Connection: close */
    bool auth_pending; /* the store is to be asked for the key */
    int query_error;   /* enum query_error, known before there is an answer to put it in */
    unsigned char key_hash[AUTH_HASH];
    struct store_work work;
    uv_work_t background;
    struct loop_mail mail;
    char params[512];
    char type[64]; /* req.content_type */
};

struct connection {
    struct loop *loop;
    struct MHD_Connection *mhd;
    int fd;
    struct connection *previous, *next;
    uint64_t idle_since_ns;
    bool used; /* a request line was understood */
    struct exchange exchange;
};

static inline struct connection *exchange_connection(struct exchange *exchange)
{
    return (struct connection *)((char *)exchange - offsetof(struct connection, exchange));
}

static inline struct exchange *exchange_of_mail(struct loop_mail *mail)
{
    return (struct exchange *)((char *)mail - offsetof(struct exchange, mail));
}

/* What libmicrohttpd calls; `cls` is the loop. */
void *exchange_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result exchange_on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                    const char *version, const char *data, size_t *size, void **context);
void exchange_on_completed(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code);
void connection_on_notify(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code);

/** Cut off what is past its deadline. Four times a second. */
void connection_sweep(struct loop *loop, uint64_t now_ns);
/** Drain: idle connections read to the end of what the client has sent, no further. */
void connection_close_idle(struct loop *loop);

/* exchange_answer.c */

/** Queue the answer that is in exchange->req. */
enum MHD_Result exchange_queue_answer(struct exchange *exchange);

/* exchange_work.c: the parts of a request that are not done on the loop */

/** Ask the store whose key it is; the connection is suspended. @return false when the store takes no more: answered. */
bool exchange_ask_key(struct exchange *exchange);
/** prepare, then execute or background if there is one. Afterwards the exchange waits or has an answer. */
void exchange_run(struct exchange *exchange);

#endif
