/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/chunked.h
 * The body of `Transfer-Encoding: chunked` (RFC 9112, 7.1), read strictly: a state machine over bytes, however they
 * come. Lines end in CR LF only; sizes are hexadecimal digits, leading zeros allowed; extensions and trailers must be
 * well formed and are thrown away.
 */
#ifndef INGEST_HTTP_CHUNKED_H
#define INGEST_HTTP_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

/** What a body may have besides its data: extensions, leading zeros and trailers, in bytes, all together. */
#define CHUNKED_EXTRA_MAX 4096

/** Zero it for each body. */
struct chunked {
    unsigned char state;
    uint64_t left;     /* of the chunk */
    unsigned digits;   /* of its size, leading zeros apart */
    unsigned extra;    /* bytes of extensions, zeros and trailers so far */
    const char *fault; /**< a sentence, with CHUNKED_BAD and CHUNKED_TOO_MUCH */
};

enum chunked_result {
    CHUNKED_MORE,    /**< all was used; the body goes on */
    CHUNKED_DATA,    /**< *data and *length are a piece of it, perhaps more follows in the input */
    CHUNKED_END,     /**< it is complete; what was not used belongs to the next request */
    CHUNKED_BAD,     /**< no chunked body: 400 */
    CHUNKED_TOO_MUCH /**< more than CHUNKED_EXTRA_MAX: 431 */
};

/** @param[out] used bytes of the input that were used; call again with the rest after CHUNKED_DATA. */
enum chunked_result chunked_read(struct chunked *chunked, const char *in, size_t n, size_t *used, const char **data,
                                 size_t *length);

#endif
