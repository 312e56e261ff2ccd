/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/head.h
 * Parses the head of a request, strictly. Pure functions over bytes.
 *
 * If a proxy and this server disagree about where a request ends, an attacker can smuggle a second request in. So we
 * refuse whatever RFC 9110 and 9112 do not allow, even where they let a server be lenient: bare LF and bare CR, NUL and
 * other control characters, folded lines, a blank before a colon, two lengths, an invalid Host.
 */
#ifndef INGEST_HTTP_HEAD_H
#define INGEST_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Longest request target. */
#define HEAD_TARGET_MAX 8192

/** Strings point into the bytes that were read and end with NUL; NULL when absent. */
struct head {
    const char *method;
    const char *path;  /**< raw, "/…" or "*"; for "http://host/path" its path */
    const char *query; /**< raw, after the first '?' */
    const char *host, *content_type, *content_encoding, *authorization, *request_id;
    const char *fields, *fields_end; /**< the header lines, for head_next() */
    uint64_t content_length;
    bool has_content_length;
    bool chunked;
    bool expect_continue;
    bool is_1_0;
    bool close;      /**< "Connection: close", or HTTP/1.0 without "keep-alive" */
    bool says_close; /**< "Connection: close", which nothing else in the head overrides */
};

enum head_state { HEAD_MORE, HEAD_WHOLE, HEAD_REFUSED };

/** Progress of the search for the head's end. Zero it for each request. */
struct head_scan {
    size_t at;             /**< bytes searched so far */
    size_t line;           /**< where the incomplete line begins */
    size_t length;         /**< HEAD_WHOLE: of the head with its empty line */
    unsigned lines;        /**< complete lines */
    size_t method, target; /**< lengths; one blank separates method and target */
    char minor;            /**< last digit of the version */
    int status;            /**< HEAD_REFUSED: the status to answer */
    const char *fault;     /**< HEAD_REFUSED: a sentence for the client */
};

/**
 * Look for the end of the head in the bytes so far. Each byte is searched once, and the result does not depend on how
 * the bytes were split into reads. Some faults are refused before the end: an invalid request line, a line that does
 * not end in CR LF, more than `limit` bytes.
 * @param bytes `n` bytes, from the first of the request line; they may include what follows the head.
 */
enum head_state head_scan(struct head_scan *scan, const char *bytes, size_t n, size_t limit);

/**
 * Parse a complete head in place: some of its bytes are overwritten with NUL.
 * @param scan the result HEAD_WHOLE for these bytes. @return 0; or the status to answer, and *fault is a sentence.
 */
int head_parse(struct head *head, const struct head_scan *scan, char *bytes, const char **fault);

/** Value of the first header line with this name (any case), or NULL. */
const char *head_find(const struct head *head, const char *name);
/** The next value with this name after `value`, which head_find() or head_next() returned. NULL: no more. */
const char *head_next(const struct head *head, const char *name, const char *value);

/* for http/chunked.c, which reads header lines too */

/** A character of a token (RFC 9110, 5.6.2). */
bool head_is_token_char(unsigned char c);
/** A character of a header value: visible, blank, tab, or beyond ASCII. */
bool head_is_value_char(unsigned char c);

#endif
