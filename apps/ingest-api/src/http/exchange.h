/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/exchange.h
 * One request from its first byte to its metrics and its log line: head, route, key, body, handler, answer. It
 * knows no sockets: the connection hands it bytes and does what `enum exchange_next` says. HTTP/1.1 answers
 * the requests of a connection one after the other, so each connection contains one exchange, and a request
 * needs no allocation of its own.
 *
 * An exchange belongs to its loop's thread, except from EXCHANGE_WAIT until `ready` is called: then it belongs to the
 * store or to a pool thread.
 */
#ifndef INGEST_HTTP_EXCHANGE_H
#define INGEST_HTTP_EXCHANGE_H

#include "http/body.h"
#include "http/head.h"
#include "http/loop.h"
#include "http/request.h"
#include "store/store.h"

#include <promc-http/request.h>

struct exchange;

/** What the connection does next. */
enum exchange_next {
    EXCHANGE_READ,  /**< read the body, then call exchange_complete() */
    EXCHANGE_WAIT,  /**< nothing until `ready` is called: another thread owns the exchange */
    EXCHANGE_ANSWER /**< send the answer in `req`, then call exchange_end() */
};

struct exchange {
    struct request req;
    uint64_t start_ns; /* when the first byte arrived; 0: no request */
    enum promc_http_method method;
    promc_http_token token;
    struct head head;
    struct body body;
    uint64_t received; /* bytes of body, including discarded ones */
    uint64_t sent;     /* bytes of the answer's body that the connection has taken over to send */
    bool has_body;
    bool refused;      /* there is an answer already: the body is discarded */
    bool close;        /* the connection is closed after this answer */
    bool auth_pending; /* the key is not in the cache: the store must be asked */
    unsigned char key_hash[AUTH_HASH];
    struct store_work work;
    uv_work_t background;
    struct loop_mail mail;
    void (*then)(struct exchange *exchange); /* called on the loop when the other thread has finished */

    /* reset() clears everything above; what follows is kept from one request to the next */
    char params[512];
    char type[64]; /* req.content_type */
    char charset[32];
    struct loop *loop;
    void (*ready)(struct exchange *exchange, enum exchange_next next); /* on the loop, after EXCHANGE_WAIT */
};

/** @param ready see enum exchange_next. */
void exchange_init(struct exchange *exchange, struct loop *loop,
                   void (*ready)(struct exchange *exchange, enum exchange_next next));
/** The first byte has arrived. */
void exchange_begin(struct exchange *exchange, uint64_t now_ns);
/** The head is complete. It is parsed in place, and `bytes` must stay where they are until exchange_end(). */
enum exchange_next exchange_head(struct exchange *exchange, const struct head_scan *scan, char *bytes);
/** Bytes of the body. @return EXCHANGE_READ, or EXCHANGE_ANSWER if no more are wanted. */
enum exchange_next exchange_data(struct exchange *exchange, const char *data, size_t n);
/** The body is complete. */
enum exchange_next exchange_complete(struct exchange *exchange);
/**
 * The bytes are not a valid request, or it arrived too slowly: answer with this status, unless there is an answer
 * already. The connection is closed after it.
 */
void exchange_refuse(struct exchange *exchange, int status, const char *fault);
/** Count and log the request, and reset for the next. @param delivered whether the whole answer was sent. */
void exchange_end(struct exchange *exchange, bool delivered);
/** Reset without counting: the bytes were not even a request line. */
void exchange_forget(struct exchange *exchange);

static inline bool exchange_is_begun(const struct exchange *exchange)
{
    return exchange->start_ns != 0;
}

static inline struct exchange *exchange_of_mail(struct loop_mail *mail)
{
    return (struct exchange *)((char *)mail - offsetof(struct exchange, mail));
}

#endif
