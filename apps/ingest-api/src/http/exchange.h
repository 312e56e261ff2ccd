/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/exchange.h
 * A request from its first byte to its accounting: head, route, key, body, handler, answer. It knows no sockets: the
 * connection hands it bytes and asks what is next. HTTP/1.1 answers the requests of a connection one after the other,
 * so the room for one is part of the connection and nothing is allocated for a request as such.
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
    EXCHANGE_READ,  /**< read the body, then exchange_complete() */
    EXCHANGE_WAIT,  /**< nothing, until `ready` is called: another thread has the request */
    EXCHANGE_ANSWER /**< send what is in `req`, then exchange_end() */
};

struct exchange {
    struct request req; /* first: handlers get a pointer to it, we get back to the exchange */
    uint64_t start_ns;  /* of its first byte; 0: none under way */
    enum promc_http_method method;
    promc_http_token token;
    struct head head;
    struct body body;
    uint64_t received; /* bytes of body, also those thrown away */
    uint64_t sent;     /* bytes of body handed over */
    bool has_body;
    bool refused;      /* the answer is known before the body: what comes is thrown away */
    bool close;        /* the connection ends with this answer */
    bool auth_pending; /* the store is to be asked for the key */
    unsigned char key_hash[AUTH_HASH];
    struct store_work work;
    uv_work_t background;
    struct loop_mail mail;
    void (*then)(struct exchange *exchange); /* on the loop, when what was waited for is there */

    /* stay from one request to the next */
    char params[512];
    char type[64]; /* req.content_type */
    char charset[32];
    struct loop *loop;
    void (*ready)(struct exchange *exchange, enum exchange_next next); /* on the loop, after EXCHANGE_WAIT */
};

/** @param ready see enum exchange_next. */
void exchange_init(struct exchange *exchange, struct loop *loop,
                   void (*ready)(struct exchange *exchange, enum exchange_next next));
/** The first byte has come. */
void exchange_begin(struct exchange *exchange, uint64_t now_ns);
/** The head is whole; it is taken apart where it stands and must stay there until exchange_end(). */
enum exchange_next exchange_head(struct exchange *exchange, const struct head_scan *scan, char *bytes);
/** Bytes of the body. @return EXCHANGE_READ, or EXCHANGE_ANSWER: no more of it is wanted. */
enum exchange_next exchange_data(struct exchange *exchange, const char *data, size_t n);
/** The body is whole. */
enum exchange_next exchange_complete(struct exchange *exchange);
/**
 * The bytes are no request, or its time is over: an answer with this status, unless one is known already, and then the
 * connection ends.
 */
void exchange_refuse(struct exchange *exchange, int status, const char *fault);
/** Count it and log it, once, and make ready for the next. @param delivered whether the whole answer was sent. */
void exchange_end(struct exchange *exchange, bool delivered);
/** It was none: nothing is counted. */
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
