/* SPDX-License-Identifier: Apache-2.0 */
#include "import/json_text.h"
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

void json_text_init(struct json_text *json, const char *text, size_t length, struct arena *arena)
{
    *json = (struct json_text){.at = text, .end = text + length, .arena = arena};
}

static enum json_text_result fault(struct json_text *json, const char *reason)
{
    json->reason = reason;
    return JSON_TEXT_FAULT;
}

static void skip_space(struct json_text *json)
{
    while (json->at < json->end && (*json->at == ' ' || *json->at == '\n' || *json->at == '\r' || *json->at == '\t'))
        json->at++;
}

static bool take(struct json_text *json, char c)
{
    if (json->at == json->end || *json->at != c)
        return false;
    json->at++;
    return true;
}

/* ---- strings ---- */

static int hex4(const char *p)
{
    int value = 0;

    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static char *put(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c >= 0x10000) {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
    } else if (c >= 0x800) {
        *to++ = (char)(0xe0 | c >> 12);
    }
    if (c >= 0x800)
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    else
        *to++ = (char)(0xc0 | c >> 6);
    *to++ = (char)(0x80 | (c & 0x3f));
    return to;
}

/* Read \uXXXX at json->at, or both halves of a surrogate pair. @return the character, -1: malformed, -2: half a pair */
static int64_t unicode_escape(struct json_text *json)
{
    if (json->end - json->at < 6)
        return -1;
    int64_t c = hex4(json->at + 2);
    json->at += c < 0 ? 0 : 6;
    if (c < 0xd800 || c > 0xdfff)
        return c;
    if (c > 0xdbff || json->end - json->at < 6 || json->at[0] != '\\' || json->at[1] != 'u')
        return -2;
    int low = hex4(json->at + 2);
    if (low < 0xdc00 || low > 0xdfff)
        return -2;
    json->at += 6;
    return 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
}

/* Decode the escape at json->at to `to`. @return the end of what was written; NULL after an error */
static char *unescape(struct json_text *json, char *to)
{
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char c = json->end - json->at >= 2 ? json->at[1] : '\0';
    const char *at = c ? strchr(names, c) : NULL;

    if (at) {
        *to++ = meant[at - names];
        json->at += 2;
        return to;
    }
    int64_t code = c == 'u' ? unicode_escape(json) : -1;
    if (code >= 0)
        return put(to, (uint32_t)code);
    (void)fault(json, code == -2 ? "invalid_utf8" : "invalid_json"); /* half a surrogate pair is not a character */
    return NULL;
}

/* The end of a run of plain bytes: at a quote, a backslash, a control, or the end. */
static const char *plain_run(const char *p, const char *end)
{
    while (p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* Decode a string from its first escape on. The result is never longer than the source. */
static enum json_text_result decode_string(struct json_text *json, const char *start, struct json_string *out)
{
    const char *close = json->at;

    while (close < json->end && *close != '"') /* the most room it can need */
        close += *close == '\\' && close + 1 < json->end ? 2 : 1;
    char *text = arena_alloc(json->arena, (size_t)(close - start) + 1), *to = text;
    if (!text)
        return fault(json, NULL);
    for (const char *run = start;; run = json->at) {
        json->at = plain_run(run, json->end);
        memcpy(to, run, (size_t)(json->at - run));
        to += json->at - run;
        if (json->at == json->end || *json->at != '\\')
            break;
        to = unescape(json, to);
        if (!to)
            return JSON_TEXT_FAULT;
    }
    *out = (struct json_string){text, (size_t)(to - text)};
    return JSON_TEXT_MEMBER;
}

static enum json_text_result read_string(struct json_text *json, struct json_string *out)
{
    const char *start = ++json->at;

    *out = (struct json_string){start, 0};
    json->at = plain_run(start, json->end);
    out->length = (size_t)(json->at - start);
    if (json->at < json->end && *json->at == '\\' && decode_string(json, start, out) < 0)
        return JSON_TEXT_FAULT;
    if (json->at == json->end)
        return fault(json, "invalid_json");
    if (*json->at != '"')
        return fault(json, "control_character");
    size_t bad = utf8_check(start, (size_t)(json->at - start)); /* decoded escapes are valid */
    if (bad != UTF8_VALID) {
        json->at = start + bad;
        return fault(json, "invalid_utf8");
    }
    json->at++;
    return JSON_TEXT_MEMBER;
}

/* ---- numbers and words ---- */

static bool digits(struct json_text *json)
{
    const char *start = json->at;

    while (json->at < json->end && *json->at >= '0' && *json->at <= '9')
        json->at++;
    return json->at > start;
}

static enum json_text_result read_number(struct json_text *json)
{
    (void)take(json, '-');
    bool good = take(json, '0') || digits(json);
    if (good && take(json, '.'))
        good = digits(json);
    if (good && (take(json, 'e') || take(json, 'E'))) {
        if (!take(json, '+'))
            (void)take(json, '-');
        good = digits(json);
    }
    return good ? JSON_TEXT_MEMBER : fault(json, "invalid_json");
}

static enum json_text_result read_word(struct json_text *json, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(json->end - json->at) < n || memcmp(json->at, word, n) != 0)
        return fault(json, "invalid_json");
    json->at += n;
    return JSON_TEXT_MEMBER;
}

/* ---- values ---- */

static enum json_text_result read_value(struct json_text *json, struct json_value *value);

/* Read what follows an element: a comma, or the end of its container. */
static enum json_text_result after(struct json_text *json, char close)
{
    skip_space(json);
    if (take(json, ','))
        return JSON_TEXT_MEMBER;
    return take(json, close) ? JSON_TEXT_END : fault(json, "invalid_json");
}

static enum json_text_result read_member(struct json_text *json, struct json_string *key, struct json_value *value)
{
    *key = (struct json_string){"", 0};
    skip_space(json);
    if (json->at == json->end || *json->at != '"')
        return fault(json, "invalid_json");
    if (read_string(json, key) < 0)
        return JSON_TEXT_FAULT;
    skip_space(json);
    return take(json, ':') ? read_value(json, value) : fault(json, "invalid_json");
}

/* Check an object or array without keeping its values. */
static enum json_text_result skip_nested(struct json_text *json, char close)
{
    struct json_string key;
    struct json_value value;
    enum json_text_result rc;

    if (++json->depth > JSON_TEXT_DEPTH)
        return fault(json, "too_deep");
    json->at++;
    skip_space(json);
    if (take(json, close)) {
        json->depth--;
        return JSON_TEXT_MEMBER;
    }
    do {
        rc = close == '}' ? read_member(json, &key, &value) : read_value(json, &value);
        if (rc > 0)
            rc = after(json, close);
    } while (rc > 0);
    json->depth--;
    return rc < 0 ? rc : JSON_TEXT_MEMBER;
}

static enum json_text_result read_value(struct json_text *json, struct json_value *value)
{
    enum json_text_result rc;

    skip_space(json);
    const char *start = json->at;
    switch (json->at < json->end ? *start : '\0') {
    case '"':
        value->kind = JSON_KIND_STRING;
        return read_string(json, &value->text);
    case '{':
        value->kind = JSON_KIND_OBJECT;
        rc = skip_nested(json, '}');
        break;
    case '[':
        value->kind = JSON_KIND_ARRAY;
        rc = skip_nested(json, ']');
        break;
    case 'n':
        value->kind = JSON_KIND_NULL;
        rc = read_word(json, "null");
        break;
    case 't':
    case 'f':
        value->kind = JSON_KIND_BOOLEAN;
        rc = read_word(json, *start == 't' ? "true" : "false");
        break;
    default:
        value->kind = JSON_KIND_NUMBER;
        rc = read_number(json);
        break;
    }
    value->text = (struct json_string){start, (size_t)(json->at - start)};
    return rc;
}

/* Make sure that only white space is left. */
static enum json_text_result finish(struct json_text *json, enum json_text_result rc)
{
    skip_space(json);
    return json->at == json->end ? rc : fault(json, "invalid_json");
}

enum json_text_result json_text_value(struct json_text *json, struct json_value *value)
{
    enum json_text_result rc = read_value(json, value);

    return rc < 0 ? rc : finish(json, rc);
}

bool json_text_is_object(struct json_text *json)
{
    skip_space(json);
    return json->at < json->end && *json->at == '{';
}

enum json_text_result json_text_enter(struct json_text *json)
{
    skip_space(json);
    json->depth = 1;
    return take(json, '{') ? JSON_TEXT_MEMBER : fault(json, "invalid_json");
}

enum json_text_result json_text_member(struct json_text *json, struct json_string *key, struct json_value *value)
{
    bool first = json->depth == 1;

    if (first) {
        json->depth = 2; /* the first comma follows the first member */
        skip_space(json);
        if (take(json, '}'))
            return finish(json, JSON_TEXT_END);
    } else {
        enum json_text_result rc = after(json, '}');
        if (rc != JSON_TEXT_MEMBER)
            return rc < 0 ? rc : finish(json, JSON_TEXT_END);
    }
    return read_member(json, key, value);
}
