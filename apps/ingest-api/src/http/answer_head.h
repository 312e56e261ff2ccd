/* SPDX-License-Identifier: Apache-2.0 */
/** @file http/answer_head.h The head of an answer, as bytes. */
#ifndef INGEST_HTTP_ANSWER_HEAD_H
#define INGEST_HTTP_ANSWER_HEAD_H

#include "http/request.h"

/** More than any head has. */
#define ANSWER_HEAD_MAX 1024

enum answer_framing {
    ANSWER_LENGTH,     /**< Content-Length */
    ANSWER_CHUNKED,    /**< the length is not known */
    ANSWER_NO_LENGTH,  /**< of a HEAD: the length is not known, and there is no body */
    ANSWER_UNTIL_CLOSE /**< nor does HTTP/1.0 have chunks */
};

struct answer_frame {
    enum answer_framing framing;
    uint64_t length; /**< with ANSWER_LENGTH; that of GET for a HEAD */
    bool is_1_0;     /**< the request's version */
    bool close;      /**< the connection ends with this answer */
};

/** @param date as HTTP writes it. @return bytes written. */
size_t answer_head(char out[ANSWER_HEAD_MAX], const struct request *req, const struct answer_frame *frame,
                   const char *date);

#endif
