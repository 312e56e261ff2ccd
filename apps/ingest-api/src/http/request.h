/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/request.h
 * One HTTP request as a route handler sees it. http/exchange.c fills in the request, the handler the answer.
 *
 * Life: parsed on a loop thread → matched → authenticated → `prepare` on the loop (parse and validate, no database) →
 * `execute` on a store thread inside a transaction → committed → answered on the loop. A handler never blocks a loop.
 * Work that may block but needs no transaction is done in `background` instead, on a thread of libuv's pool.
 * A request belongs to one thread at a time, so it needs no locks.
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
    const char *method;        /**< as sent */
    const char *path;          /**< raw path, no query */
    bool monitoring;           /**< received on METRICS_LISTEN */
    const struct route *route; /**< never NULL; unmatched requests have the unmatched route */
    /** Path parameters in template order, percent-decoded, NUL-terminated; a value with a NUL byte never gets here. */
    const char *params[REQUEST_MAX_PARAMS];
    /** Organisation (UUID text) of the API key; "" on routes without auth. */
    char organisation_id[37];
    /** Body, contiguous: in memory when small, a mapped spool file when large. Valid until the answer is sent. */
    const char *body;
    size_t body_length;
    const char *content_type; /**< media type only, lower case, "" when absent */
    const char *charset;      /**< of Content-Type, "" when absent; UTF-8 or ASCII unless the route reads others */

    void *state; /**< the handler's own data, passed from prepare to execute */
    void (*state_free)(void *);

    /* the answer, set through respond_*() */
    int status;
    char *response; /**< malloc()ed */
    size_t response_length;
    const char *response_type;
    const char *allow;     /**< Allow header for a 405 */
    int retry_after;       /**< seconds; 0: no header */
    bool www_authenticate; /**< send WWW-Authenticate, with a 401 */
    char location[128];    /**< Location header, "" for none */
    /** `field_count` further header lines of the answer; they must live as long as the request. */
    const promc_exposition_header *fields;
    size_t field_count;
    /**
     * Set by an execute that needs another transaction; it then returns 0 without an answer. This transaction is
     * committed, and execute is called again in a new one of this kind. Long work is done in such slices, so that
     * other requests get their turn.
     */
    enum { REQUEST_LAST, REQUEST_READS_NEXT, REQUEST_WRITES_NEXT } next;
    /** Called once after the last transaction has committed, never after a rollback: to count, or to wake a worker. */
    void (*committed)(struct request *);
    /** The same for a transaction after which there is another one (`next`). */
    void (*slice_committed)(struct request *);
    /** An earlier transaction has changed something, and that stays: an error must not say that nothing was changed. */
    bool kept;

    /* a streamed answer, see respond_stream() */
    long (*stream_read)(void *stream, char *buffer, size_t capacity);
    void (*stream_free)(void *stream);
    void *stream;

    struct idempotency *idempotency; /**< NULL: no Idempotency-Key; see http/idempotency.h */

    /* private to http/; NULL in a request that a test builds by hand */
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
/** The value of this header's next line after the one with `value`, or NULL. */
const char *request_header_next(struct request *req, const char *name, const char *value);

/** The handler has read the body up to here: free the memory of what is before, which may still be read again. */
void request_body_pass(const struct request *req, const char *up_to);

/** Answer with JSON; takes over the reference to `body`. Returns `status`. */
int respond_json(struct request *req, int status, json_t *body);
/** Answer with bytes; takes over `body`, which is malloc()ed. `type` is a literal. Returns `status`. */
int respond_bytes(struct request *req, int status, const char *type, char *body, size_t length);
#define STREAM_REST (-2L)
/**
 * Answer with a body of unknown length in constant memory. The loop calls `read` each time the client has taken the
 * bytes before, until it returns 0 (the end) or a negative value (the connection is cut, so that the client sees the
 * failure). STREAM_REST means that there is nothing yet: the loop calls again in about a millisecond. `read` must not
 * block. A long answer pauses a millisecond after each slice, so that other requests get their turn. `release` is
 * called exactly once. Returns `status`.
 */
int respond_stream(struct request *req, int status, const char *type, void *stream,
                   long (*read)(void *stream, char *buffer, size_t capacity), void (*release)(void *stream));
/**
 * Answer {"error": {"code", "message", "request_id"}}. `code` is a snake_case constant; the message is a sentence that
 * says what is wrong and where. Returns `status`, so that a handler can `return respond_error(...)`.
 */
int respond_error(struct request *req, int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
