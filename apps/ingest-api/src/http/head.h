/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/head.h
 * The head of a request, read strictly: pure functions over bytes.
 *
 * Two servers in a row must never disagree about where a request ends; that is how requests are smuggled. So whatever
 * RFC 9110 and 9112 do not allow is refused, also where they let a server be lenient: bare LF and bare CR, NUL and
 * other control characters, folded lines, a blank before a colon, two lengths, an invalid Host.
 */
#ifndef INGEST_HTTP_HEAD_H
#define INGEST_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Longest request target. */
#define HEAD_TARGET_MAX 8192

/** Strings are in the bytes that were read, ended by NUL; NULL when absent. */
struct head {
    const char *method;
    const char *path;  /**< raw, "/…" or "*"; of "http://host/path" the path */
    const char *query; /**< raw, after the first '?' */
    const char *host, *content_type, *content_encoding, *authorization, *request_id;
    const char *fields, *fields_end; /**< the header lines, for head_next() */
    uint64_t content_length;
    bool has_content_length;
    bool chunked;
    bool expect_continue;
    bool is_1_0;
    bool close; /**< the client's wish, or HTTP/1.0 without "keep-alive" */
};

enum head_state { HEAD_MORE, HEAD_WHOLE, HEAD_REFUSED };

/** How far a head has been looked through for its end. Zero it for each request. */
struct head_scan {
    size_t at;             /**< bytes that have been looked at */
    size_t line;           /**< where the line that is not complete begins */
    size_t length;         /**< HEAD_WHOLE: of the head, its empty line included */
    unsigned lines;        /**< complete ones */
    size_t method, target; /**< lengths; the target stands one blank behind the method */
    char minor;            /**< digit of the version */
    int status;            /**< HEAD_REFUSED: the status to refuse with, */
    const char *fault;     /**< and a sentence */
};

/**
 * Look for the end of the head in what has come so far; each byte is looked at once, however they come, and what is said
 * does not depend on how they come. What can be refused before the end is: an invalid request line, a line that does
 * not end in CR LF, more than `limit` bytes.
 * @param bytes from the first of the request line, `n` of them; what follows the head may be among them.
 */
enum head_state head_scan(struct head_scan *scan, const char *bytes, size_t n, size_t limit);

/**
 * Take a whole head apart, where it stands: bytes of it are overwritten with NUL.
 * @param scan of these bytes: HEAD_WHOLE. @return 0; or the status to refuse with, and *fault is a sentence.
 */
int head_parse(struct head *head, const struct head_scan *scan, char *bytes, const char **fault);

/** First header line of this name, in any case, or NULL. */
const char *head_find(const struct head *head, const char *name);
/** The next of this name behind `value`, which head_find() or head_next() gave. NULL: no more. */
const char *head_next(const struct head *head, const char *name, const char *value);

/* for http/chunked.c, which reads header lines too */

/** A character of a token (RFC 9110, 5.6.2). */
bool head_is_token_char(unsigned char c);
/** A character of a field's value: visible, blank, tab, or beyond ASCII. */
bool head_is_value_char(unsigned char c);

#endif
