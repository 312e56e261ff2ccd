/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/request.h
 * One HTTP request as a route handler sees it. The front (http/exchange.c) fills the input, the handler the answer.
 *
 * Life: parsed on a loop thread → matched → authenticated → `prepare` on the loop (parse and validate, no database) →
 * `execute` on a store thread inside a transaction → committed → answered on the loop. A handler never blocks a loop.
 * Work that may block but needs no transaction is done in `background` instead, on a thread of libuv's pool.
 * A request is touched by one thread at a time; no locks are needed.
 */
#ifndef INGEST_HTTP_REQUEST_H
#define INGEST_HTTP_REQUEST_H

#include <jansson.h>
#include <promc/exposition.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct app;
struct body;
struct db;
struct head;
struct idempotency;
struct query;

#define REQUEST_MAX_PARAMS 4

struct request {
    struct app *app;
    char id[64];               /**< request id, [A-Za-z0-9._-] */
    const char *method;        /**< verb as sent */
    const char *path;          /**< raw path, no query */
    bool monitoring;           /**< it has come to METRICS_LISTEN */
    const struct route *route; /**< never NULL; unmatched requests have the unmatched route */
    /** Path parameters in template order, percent-decoded, NUL-terminated; a value with a NUL byte never gets here. */
    const char *params[REQUEST_MAX_PARAMS];
    /** Organisation (UUID text) of the API key; "" on routes without auth. */
    char organisation_id[37];
    /** Body, contiguous: in memory when small, a mapped spool file when large. Valid until the answer is sent. */
    const char *body;
    size_t body_length;
    const char *content_type; /**< media type only, lower case, "" when absent */
    const char *charset;      /**< its parameter, "" when absent; UTF-8 or ASCII unless the route reads others */

    void *state; /**< the handler's own, from prepare to execute */
    void (*state_free)(void *);

    /* the answer, set through respond_*() */
    int status;
    char *response; /**< malloc()ed */
    size_t response_length;
    const char *response_type;
    const char *allow;     /**< Allow header for a 405 */
    int retry_after;       /**< seconds; 0: no header */
    bool www_authenticate; /**< with a 401: the header that says how */
    char location[128];    /**< Location header, "" for none */
    /** Further fields of the answer's head, `field_count` of them; they live as long as the request. */
    const promc_exposition_header *fields;
    size_t field_count;
    /**
     * Set by execute, which then answers nothing yet and returns 0: this transaction is committed and execute is called again, in
     * one of this kind. So work on many rows is done in slices, between which others have their turn.
     */
    enum { REQUEST_LAST, REQUEST_READS_NEXT, REQUEST_WRITES_NEXT } next;
    /** Called once after the transaction has committed (metrics of the business, wake a worker), not if it rolled back. */
    void (*committed)(struct request *);

    /* a streamed answer, see respond_stream() */
    long (*stream_read)(void *stream, char *buffer, size_t capacity);
    void (*stream_free)(void *stream);
    void *stream;

    struct idempotency *idempotency; /**< NULL: sent without a key; see http/idempotency.h */

    /* the front's own; NULL in a request that a test makes by hand */
    struct query *query;
    const struct head *head;
    const struct body *spool;
};

/** First value of a query parameter, percent-decoded, or NULL. Owned by the request. */
const char *request_query(struct request *req, const char *name);
/** All values of a query parameter, in order. @return how many were written to values, at most max. */
size_t request_query_all(struct request *req, const char *name, const char **values, size_t max);
/** First value of a header, or NULL. Owned by the request. */
const char *request_header(struct request *req, const char *name);
/** The value of the next line of this header behind the one that has `value`, or NULL. */
const char *request_header_next(struct request *req, const char *name, const char *value);

/** A large body has been read up to here: what is before costs no memory any more, and may be read again nevertheless. */
void request_body_pass(const struct request *req, const char *up_to);

/** Answer with JSON; steals the reference to `body`. Returns `status`. */
int respond_json(struct request *req, int status, json_t *body);
/** Answer with bytes; takes over `body`, which is malloc()ed. `type` is a literal. Returns `status`. */
int respond_bytes(struct request *req, int status, const char *type, char *body, size_t length);
#define STREAM_REST (-2L)
/**
 * Answer with a body of unknown length in constant memory. `read` is called on the loop, whenever the client has taken
 * what was written, until it returns 0 (the end) or a negative value (the connection is cut, so that the client knows);
 * STREAM_REST says that there is nothing yet: it is asked again in about a millisecond. It must not block; a long answer
 * also rests a millisecond after each slice, so that the requests beside it are not held up. `release` is called once in
 * any case. Returns `status`.
 */
int respond_stream(struct request *req, int status, const char *type, void *stream,
                   long (*read)(void *stream, char *buffer, size_t capacity), void (*release)(void *stream));
/**
 * Answer {"error": {"code", "message", "request_id"}}; `code` is a snake_case constant, the message a sentence that
 * says what was wrong and where. Returns `status`, so that a handler can `return respond_error(...)`.
 */
int respond_error(struct request *req, int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
