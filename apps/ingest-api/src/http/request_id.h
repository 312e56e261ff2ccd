/* SPDX-License-Identifier: Apache-2.0 */
/** @file http/request_id.h The id of a request, which its log lines, its answer and its jobs carry. */
#ifndef INGEST_HTTP_REQUEST_ID_H
#define INGEST_HTTP_REQUEST_ID_H

#include <stdbool.h>
#include <stdint.h>

/** Longest id with its NUL. */
#define REQUEST_ID_SIZE 64

/** One per loop. Ids of different loops and processes do not collide: each prefix has 80 random bits. */
struct request_ids {
    char prefix[17]; /**< 16 characters of base 32 */
    uint64_t next;
};

void request_ids_init(struct request_ids *ids);
/**
 * @param given the value of X-Request-Id, or NULL. Used if it is 1 … 63 characters of [A-Za-z0-9._-], else ignored.
 * @param[out] out the request's id.
 */
void request_id_set(struct request_ids *ids, const char *given, char out[REQUEST_ID_SIZE]);

#endif
