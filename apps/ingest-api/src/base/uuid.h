/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/uuid.h
 * UUIDs of version 7 (RFC 9562): milliseconds, then a 12-bit sequence, then 62 random bits. The ids of one
 * process always increase, whatever the clock does, so that they append to a B-tree and pages follow the key.
 * Thread safe; safe after fork.
 */
#ifndef INGEST_BASE_UUID_H
#define INGEST_BASE_UUID_H

#include <stdbool.h>

#define UUID_TEXT 37 /* 36 characters and NUL */

void uuid_new(unsigned char out[16]);
/** Make a new UUID as text. */
void uuid_new_text(char out[UUID_TEXT]);
void uuid_format(const unsigned char uuid[16], char out[UUID_TEXT]);
/** Parse the canonical form, in either case. @return false for anything else or NULL; then out is unchanged. */
bool uuid_parse(const char *text, unsigned char out[16]);

#endif
