/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file api/cursor.h
 * Where a keyset page ended, as an opaque text: the last id and a tag over id, organisation and `scope` (the list and its
 * filters). It does not hide the id and keeps no secret; the tag makes sure that a cursor which was altered, cut, or taken
 * from another list or organisation is told from a good one. Pure functions.
 */
#ifndef INGEST_API_CURSOR_H
#define INGEST_API_CURSOR_H

#include <stdbool.h>

/** 16 bytes of id and 8 of tag in hexadecimal, and NUL. */
#define CURSOR_SIZE 49

/** @param id UUID text. @return false if it is none, or hashing failed. */
bool cursor_write(const char *id, const char *organisation_id, const char *scope, char out[CURSOR_SIZE]);
/** @param id_out UUID text. @return false for anything cursor_write() has not made of the same organisation and scope. */
bool cursor_read(const char *cursor, const char *organisation_id, const char *scope, char id_out[37]);

#endif
