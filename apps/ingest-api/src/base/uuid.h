/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/uuid.h
 * UUID version 7 (RFC 9562): milliseconds, then a 12-bit sequence, then 62 random bits.
 * Ids of one process increase strictly, whatever the clock does, so that they append to a B-tree and page by key.
 * Thread safe; safe after fork.
 */
#ifndef INGEST_BASE_UUID_H
#define INGEST_BASE_UUID_H

#include <stdbool.h>

#define UUID_TEXT 37 /* 36 characters and NUL */

void uuid_new(unsigned char out[16]);
/** The text of a new one. */
void uuid_new_text(char out[UUID_TEXT]);
void uuid_format(const unsigned char uuid[16], char out[UUID_TEXT]);
/** The canonical form in either case. @return false, and out untouched, for anything else or NULL. */
bool uuid_parse(const char *text, unsigned char out[16]);

#endif
