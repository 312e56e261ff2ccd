/* SPDX-License-Identifier: Apache-2.0 */
/** @file http/answer_head.h Writes the head of an answer: status line and header lines. */
#ifndef INGEST_HTTP_ANSWER_HEAD_H
#define INGEST_HTTP_ANSWER_HEAD_H

#include "http/request.h"

/** No head is longer. */
#define ANSWER_HEAD_MAX 1024

enum answer_framing {
    ANSWER_LENGTH,     /**< Content-Length */
    ANSWER_CHUNKED,    /**< the length is unknown */
    ANSWER_NO_LENGTH,  /**< answer to HEAD: the length is unknown and there is no body */
    ANSWER_UNTIL_CLOSE /**< the length is unknown and HTTP/1.0 has no chunks: the end of the connection ends the body */
};

struct answer_frame {
    enum answer_framing framing;
    uint64_t length; /**< with ANSWER_LENGTH; for HEAD the length that GET would have */
    bool is_1_0;     /**< the request is HTTP/1.0 */
    bool close;      /**< the connection is closed after this answer */
};

/** @param date an HTTP date, see loop_date(). @return bytes written. */
size_t answer_head(char out[ANSWER_HEAD_MAX], const struct request *req, const struct answer_frame *frame,
                   const char *date);

#endif
