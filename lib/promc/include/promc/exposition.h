/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/exposition.h
 * `/metrics` for your own server: you pass parts of the request and get the head of the answer and its body in slices.
 * It handles content negotiation, compression, `name[]`, the scraper's time-out, and the limit of scrapes in
 * flight. promc-exporter uses it; so can any other server:
 *
 *     promc_exposition *exposition;                                  // once
 *     promc_exposition_create(&exposition, registry, NULL);
 *
 *     promc_exposition_scrape *scrape;                               // for each request
 *     promc_exposition_open(exposition, &(promc_exposition_request){.accept = {…}, .query = …}, &scrape);
 *     promc_exposition_begin(scrape);                                // runs the collectors: may block
 *     const promc_exposition_head *head = promc_exposition_get_head(scrape);
 *     … send head->status and head->headers …
 *     while ((n = promc_exposition_read(scrape, buffer, sizeof(buffer))) > 0)
 *         … send n bytes …                                           // chunked: the length is not known before the end
 *     promc_exposition_close(scrape);                                // n < 0: cut the connection, so that the scraper knows
 *
 * Specifications: RFC 9110 (Accept, Accept-Encoding, Vary), Prometheus' content negotiation (promc/scrape.h).
 */
#ifndef PROMC_EXPOSITION_H
#define PROMC_EXPOSITION_H

#include <promc/scrape.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A content coding. promc itself has none, since it depends only on libc; promc-exporter has gzip
 * (promc_exporter_gzip()). The functions may be called on any thread, for one stream by one thread at a time.
 */
typedef struct promc_compressor {
    /** The name of the coding in Accept-Encoding and Content-Encoding, e.g. "gzip". */
    const char *coding;
    /** Begin a stream. @return NULL: no memory. */
    void *(*open)(void *user);
    /**
     * Read bytes from `*input` (advancing it and `*length`) and write at most `capacity` compressed bytes.
     * @param last this is the last input: called until it returns 0, which means that the stream is complete.
     * @return bytes written, or a negative code. If not `last`, 0 means that all input was read.
     */
    long (*write)(void *stream, const char **input, size_t *length, bool last, char *output, size_t capacity);
    /** Free the stream, complete or not. */
    void (*close)(void *stream);
    void *user;           /**< passed to open() */
    uint64_t reserved[4]; /**< must be zero: see version.h */
} promc_compressor;

/** A field that is 0 takes its default. */
typedef struct promc_exposition_settings {
    /** Maximum scrapes in flight; one more is answered with 503. Default 32, which is the maximum of a registry. */
    unsigned max_scrapes;
    /** Not copied: a constant of the program. NULL: bodies are not compressed. */
    const promc_compressor *compressor;
    /**
     * Further registries, shown after the first as one exposition, each with its own collectors, at most 64; copied. Only the first
     * registry's own metrics of promc are shown. Two registries must not have a family of the same name (PROMC_E_DUPLICATE; if one is
     * registered later, the first registry's is shown): give one of them a prefix.
     */
    promc_registry *const *more;
    uint64_t more_count;
    uint64_t reserved[2]; /**< must be zero: see version.h */
} promc_exposition_settings;

typedef struct promc_exposition promc_exposition;

/**
 * @param settings NULL for the defaults.
 * @return 0, PROMC_E_INVALID, PROMC_E_NOMEM, PROMC_E_VERSION (a reserved word is set, here or in the compressor), PROMC_E_DUPLICATE.
 */
PROMC_API int promc_exposition_create(promc_exposition **out, promc_registry *registry,
                                      const promc_exposition_settings *settings);
/** Free it, after all its scrapes are closed and before its registries are destroyed. NULL is allowed. */
PROMC_API void promc_exposition_destroy(promc_exposition *exposition);

/** The lines of one header field of the request: a field may be sent in several lines. */
typedef struct promc_exposition_field {
    const char *const *lines; /**< NUL-terminated; NULL entries are skipped */
    size_t count;
} promc_exposition_field;

/** The relevant parts of the request. Nothing is kept. Zero the members that the request does not have. */
typedef struct promc_exposition_request {
    promc_exposition_field accept, accept_encoding;
    /** X-Prometheus-Scrape-Timeout-Seconds. The scrape ends after nine tenths of that time. */
    const char *scrape_timeout;
    /** The part of the target after `?`, percent-encoded. `name[]` selects families; other parameters are ignored. */
    const char *query;
    /** The values of `name[]`, for a server that has decoded the query itself. They are added to those of `query`. */
    promc_exposition_field names;
    /** The method is HEAD: the head is that of GET, no collector runs, the body is empty. */
    bool head;
    uint64_t reserved[4]; /**< must be zero */
} promc_exposition_request;

/** A field of the answer. */
typedef struct promc_exposition_header {
    const char *name, *value;
} promc_exposition_header;

/** The answer's head. Lives as long as its scrape. */
typedef struct promc_exposition_head {
    /** 200; 400: the query is malformed; 503: too many scrapes, no memory, or the collectors took longer than the scraper waits. */
    int status;
    /** Content-Type; with 200 also Vary and, if it applies, Content-Encoding; with 503 also Retry-After. */
    const promc_exposition_header *headers;
    size_t header_count;
    /** With any status except 200: one line that says what is wrong; it is also the body. NULL with 200. */
    const char *error;
    uint64_t reserved[4]; /**< zero: room for future members */
} promc_exposition_head;

typedef struct promc_exposition_scrape promc_exposition_scrape;

/** Maximum names that one request may ask for. */
#define PROMC_EXPOSITION_MAX_NAMES 4096

/**
 * Read the request, and count it among the scrapes in flight. Does not block. Any bytes are safe.
 * @param[out] out never NULL after 0; its head may say that the request is refused.
 * @return 0, PROMC_E_INVALID (a NULL), PROMC_E_NOMEM, PROMC_E_VERSION (a reserved word is set).
 */
PROMC_API int promc_exposition_open(promc_exposition *exposition, const promc_exposition_request *request,
                                    promc_exposition_scrape **out);
/**
 * Run the collectors and begin the body. Collectors may block, so an event loop does this on another thread. The head is final from
 * here on. Does nothing for a scrape that is already refused.
 */
PROMC_API void promc_exposition_begin(promc_exposition_scrape *scrape);
PROMC_API const promc_exposition_head *promc_exposition_get_head(const promc_exposition_scrape *scrape);
/**
 * The next slice of the body, of at most `capacity` ≥ 1 bytes.
 * @return bytes written, 0 at the end; PROMC_E_TIMEOUT: the scraper no longer waits; another negative code: it cannot be completed.
 */
PROMC_API long promc_exposition_read(promc_exposition_scrape *scrape, char *buffer, size_t capacity);
/** Free it, complete or not; it no longer counts as in flight. NULL is allowed. */
PROMC_API void promc_exposition_close(promc_exposition_scrape *scrape);

#ifdef __cplusplus
}
#endif
#endif
