/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/json_text.h
 * Reads one JSON text (RFC 8259), and keeps what a tree of values loses: numbers as they were written, repeated keys,
 * and the kind and place of an error. Not thread safe.
 */
#ifndef INGEST_IMPORT_JSON_TEXT_H
#define INGEST_IMPORT_JSON_TEXT_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

/** Maximum nesting of objects and arrays. */
#define JSON_TEXT_DEPTH 64

enum json_kind {
    JSON_KIND_NULL,
    JSON_KIND_BOOLEAN,
    JSON_KIND_NUMBER,
    JSON_KIND_STRING,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT
};

struct json_string {
    const char *data; /**< in the text, or the arena if it had escapes; may contain NUL; undefined after an error */
    size_t length;
};

struct json_value {
    enum json_kind kind;
    struct json_string text; /**< a string's value; any other value as it was written */
};

struct json_text {
    const char *at, *end; /**< what is left to read; after an error `at` is its place */
    struct arena *arena;
    const char *reason; /**< invalid_json, invalid_utf8, control_character, too_deep; NULL: no memory */
    unsigned depth;
};

enum json_text_result { JSON_TEXT_END = 0, JSON_TEXT_MEMBER = 1, JSON_TEXT_FAULT = -1 };

/** @param text lives as long as what is read from it. */
void json_text_init(struct json_text *json, const char *text, size_t length, struct arena *arena);
/** Read the text as one value; an object or array is checked as a whole. @return JSON_TEXT_MEMBER or JSON_TEXT_FAULT */
enum json_text_result json_text_value(struct json_text *json, struct json_value *value);
/** Skip white space. @return whether an object begins there. */
bool json_text_is_object(struct json_text *json);
/** Read the text as an object: go to its first member. @return JSON_TEXT_FAULT if it is not an object. */
enum json_text_result json_text_enter(struct json_text *json);
/** The next member of that object; nothing may follow the last one. If the value is wrong, `key` is still set. */
enum json_text_result json_text_member(struct json_text *json, struct json_string *key, struct json_value *value);

#endif
