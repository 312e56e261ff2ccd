/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file api/cursor.h
 * A cursor: the end of a keyset page as an opaque text, made of the last id and a tag over id, organisation and `scope`
 * (the list and its filters). It does not hide the id and contains no secret. The tag detects a cursor that was
 * altered, cut, or taken from another list or organisation. Pure functions.
 */
#ifndef INGEST_API_CURSOR_H
#define INGEST_API_CURSOR_H

#include <stdbool.h>

/** 16 bytes of id and 8 of tag in hexadecimal, and NUL. */
#define CURSOR_SIZE 49

/** @param id UUID text. @return false if it is invalid, or hashing failed. */
bool cursor_write(const char *id, const char *organisation_id, const char *scope, char out[CURSOR_SIZE]);
/** @param id_out UUID text. @return false unless cursor_write() made the cursor for the same organisation and scope. */
bool cursor_read(const char *cursor, const char *organisation_id, const char *scope, char id_out[37]);

#endif
