/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/head.h
 * The head of a request: what we need of it, and whether its framing is beyond doubt.
 *
 * libmicrohttpd 0.9 takes heads that RFC 9112 says must be refused (they are how requests are smuggled past a proxy):
 * folded lines, bare LF, NUL, a blank before the colon, two lengths. It parses in place: it puts NULs into the
 * received bytes and hands out pointers to them. So the bytes between one header's value and the next one's name tell
 * how the line ended. A walk over the headers in order, comparing where each *is* with where it must be, sees every
 * such fault. That is done where the library is one of the 0.9 line; later ones refuse these heads themselves.
 */
#ifndef INGEST_HTTP_HEAD_H
#define INGEST_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct head {
    /* values, NULL when absent; valid as long as the request */
    const char *host, *content_type, *content_encoding, *authorization, *request_id, *accept;
    uint64_t content_length;
    bool has_content_length;
    bool chunked;
    bool expect_continue;
    bool is_1_0;
};

/** Progress of the walk. Zero it, then begin, header for each in order, end. */
struct head_walk {
    struct head *head;
    const char *at;    /**< where the next header's name must stand; NULL: places are not looked at */
    int status;        /**< 0, or the status to refuse with */
    const char *fault; /**< a sentence, when status is not 0 */
};

/** Is it free of blanks and control characters? To be asked before the library takes its query apart. */
bool head_is_target(const char *uri, size_t length);

/**
 * @param uri, uri_length  where the request target is, and its length as received; its bytes are not looked at.
 * @param in_place whether the library parses in place (see above).
 */
void head_begin(struct head_walk *walk, struct head *head, const char *method, const char *uri, size_t uri_length,
                const char *version, bool in_place);
/** One header. @return false when the walk may stop: walk->status is set. */
bool head_header(struct head_walk *walk, const char *name, size_t name_length, const char *value, size_t value_length);
/** @param end one past the last byte of the head in memory (not looked at unless in_place). @return walk->status */
int head_end(struct head_walk *walk, const char *end);

#endif
