/* SPDX-License-Identifier: Apache-2.0 */
#include "expose/request.h"

#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of a query's text, which ends at `&`, NUL or, in a key, `=`. @return its value; -1 at the end; -2: a malformed escape. */
static int next_byte(const char **p, bool in_key)
{
    char c = **p;
    if (c == '\0' || c == '&' || (in_key && c == '='))
        return -1;
    ++*p;
    if (c == '+')
        return ' ';
    if (c != '%')
        return (unsigned char)c;
    int high = hex_digit((*p)[0]), low = high >= 0 ? hex_digit((*p)[1]) : -1;
    if (low < 0 || (high == 0 && low == 0))
        return -2; /* no name contains a NUL */
    *p += 2;
    return high << 4 | low;
}

/* Is the key at *p `name[]`? Advances *p past it. */
static bool key_is_name(const char **p)
{
    static const char wanted[] = "name[]";
    bool same = true;
    size_t i = 0;
    int c;
    for (; (c = next_byte(p, true)) != -1; i += c != -2)
        same = same && c != -2 && i < sizeof(wanted) - 1 && c == wanted[i];
    return same && i == sizeof(wanted) - 1;
}

/* Walks the query twice: to count, and to write. */
struct walk {
    size_t count, bytes;
    const char **names; /* NULL: count */
    char *text;
};

static bool take_value(struct walk *walk, const char **p)
{
    int c;
    if (walk->names)
        walk->names[walk->count] = walk->text + walk->bytes;
    while ((c = next_byte(p, false)) >= 0) {
        if (walk->text)
            walk->text[walk->bytes] = (char)c;
        walk->bytes++;
    }
    if (walk->text)
        walk->text[walk->bytes] = '\0';
    walk->bytes++;
    walk->count++;
    return c == -1;
}

static void take_decoded(struct walk *walk, const promc_exposition_field *decoded)
{
    for (size_t i = 0; i < decoded->count; i++) {
        if (!decoded->lines[i])
            continue;
        size_t size = strlen(decoded->lines[i]) + 1;
        if (walk->names)
            walk->names[walk->count] = memcpy(walk->text + walk->bytes, decoded->lines[i], size);
        walk->bytes += size;
        walk->count++;
    }
}

static const char *walk_query(struct walk *walk, const char *p, const promc_exposition_field *decoded)
{
    take_decoded(walk, decoded);
    while (*p != '\0') {
        if (key_is_name(&p) && *p == '=') {
            p++;
            if (!take_value(walk, &p))
                return "the query: name[] has an invalid percent-escape or a NUL byte";
        }
        p += strcspn(p, "&");
        p += *p == '&';
    }
    return walk->count > PROMC_EXPOSITION_MAX_NAMES ? "the query: more than 4096 name[] parameters" : NULL;
}

const char *promc_names_read(struct promc_wanted *names, const char *query, const promc_exposition_field *decoded)
{
    struct walk walk = {0};
    *names = (struct promc_wanted){0};
    query = query ? query : "";
    const char *fault = walk_query(&walk, query, decoded);
    if (fault || walk.count == 0)
        return fault;
    names->names = malloc(walk.count * sizeof(names->names[0]) + walk.bytes);
    if (!names->names)
        return "out of memory";
    names->count = walk.count;
    walk = (struct walk){.names = names->names, .text = (char *)(names->names + names->count)};
    return walk_query(&walk, query, decoded);
}

void promc_names_free(struct promc_wanted *names)
{
    free(names->names);
    *names = (struct promc_wanted){0};
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool is_coding(const char *text, size_t length, const char *coding)
{
    size_t i = 0;
    while (i < length && coding[i] != '\0' && lower(text[i]) == lower(coding[i]))
        i++;
    return i == length && coding[i] == '\0';
}

/* `;q=0`, `;q=0.000`. Any other weight allows the coding, and so does a malformed one. */
static bool weight_is_zero(const char *parameters, size_t length)
{
    size_t i = 0;
    while (i < length && strchr(" \t;", parameters[i]))
        i++;
    if (i + 2 >= length || lower(parameters[i]) != 'q' || parameters[i + 1] != '=' || parameters[i + 2] != '0')
        return false;
    for (i += 3; i < length && strchr("0. \t", parameters[i]); i++) {
    }
    return i == length;
}

/* Does a line allow the coding: 1 allowed, 0 refused, -1 not mentioned. A `*` is recorded in `any`. */
static int look_for_coding(const char *line, const char *coding, bool *any)
{
    while (*line != '\0') {
        line += strspn(line, " \t,");
        size_t length = strcspn(line, ","), name = strcspn(line, " \t;,");
        bool allowed = !weight_is_zero(line + name, length - name);
        /* "x-" is the old prefix of a coding: x-gzip. */
        if (is_coding(line, name, coding) ||
            (name > 2 && lower(line[0]) == 'x' && line[1] == '-' && is_coding(line + 2, name - 2, coding)))
            return allowed;
        *any = *any || (name == 1 && *line == '*' && allowed);
        line += length;
    }
    return -1;
}

bool promc_accepts_coding(const promc_exposition_field *accept_encoding, const char *coding)
{
    bool any = false;
    for (size_t i = 0; i < accept_encoding->count; i++) {
        if (accept_encoding->lines[i]) {
            int said = look_for_coding(accept_encoding->lines[i], coding, &any);
            if (said >= 0)
                return said != 0;
        }
    }
    return any;
}

/* Not strtod(): the program may have set a locale with a decimal comma. */
uint64_t promc_scrape_timeout_ns(const char *text)
{
    const uint64_t second = UINT64_C(1000000000), hour = 3600 * second;
    uint64_t ns = 0, scale = second;
    bool fraction = false;
    for (; text && ((*text >= '0' && *text <= '9') || (*text == '.' && !fraction)); text++) {
        unsigned digit = (unsigned)(*text - '0');
        if (*text == '.') {
            fraction = true;
        } else if (fraction) {
            scale /= 10;
            ns += digit * scale;
        } else {
            ns = ns * 10 + digit * second;
        }
        if (ns > hour)
            return 0; /* so long that it is no limit */
    }
    return text && *text == '\0' ? ns : 0;
}

char *promc_field_join(const promc_exposition_field *field)
{
    size_t size = 1;
    for (size_t i = 0; i < field->count; i++)
        size += field->lines[i] ? strlen(field->lines[i]) + 1 : 0;
    char *joined = malloc(size), *end = joined;
    for (size_t i = 0; i < field->count && joined; i++) {
        if (field->lines[i]) {
            size_t length = strlen(field->lines[i]);
            memcpy(end, field->lines[i], length);
            end[length] = ',';
            end += length + 1;
        }
    }
    if (joined)
        *end = '\0';
    return joined;
}
