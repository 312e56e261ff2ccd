/* SPDX-License-Identifier: Apache-2.0 */
#include "import/address.h"
#include "base/email_address.h"
#include "base/idn.h"
#include "base/utf8.h"

#include <string.h>
#include <strings.h>

static void keep(struct db_text *text, const char *data, size_t length)
{
    utf8_trim(&data, &length);
    *text = (struct db_text){data, length};
}

static bool starts_with(const struct db_text *text, const char *word)
{
    return text->length >= strlen(word) && strncasecmp(text->data, word, strlen(word)) == 0;
}

/* If the text ends with a pair of these brackets, reduce it to what is inside. */
static bool take_inside(struct db_text *text, char open, char close)
{
    if (!text->data || text->length < 2 || text->data[text->length - 1] != close)
        return false;
    const char *at = memrchr(text->data, open, text->length - 1);
    if (!at)
        return false;
    keep(text, at + 1, (size_t)(text->data + text->length - 1 - at - 1));
    return true;
}

/* ada@example.com (Ada) */
static bool drop_comment(struct db_text *text)
{
    const char *at = memchr(text->data, '(', text->length);

    if (text->data[text->length - 1] != ')' || !at || at == text->data)
        return false;
    keep(text, text->data, (size_t)(at - text->data));
    return true;
}

static bool is_quoted(const struct db_text *text, const char *quote)
{
    size_t n = strlen(quote);

    return text->length > 2 * n && memcmp(text->data, quote, n) == 0 &&
           memcmp(text->data + text->length - n, quote, n) == 0;
}

/* Remove one layer around the address. @return false: there is none. */
static bool peel(struct db_text *text)
{
    static const char *const schemes[] = {"mailto:", "smtp:", "email:", "e-mail:"};
    const char *end;

    if (text->length == 0)
        return false;
    if (strchr(",;.:", text->data[text->length - 1])) {
        keep(text, text->data, text->length - 1);
        return true;
    }
    if (take_inside(text, '<', '>') || drop_comment(text))
        return true;
    if (is_quoted(text, "'") || is_quoted(text, "\"") || (*text->data == '[' && text->data[text->length - 1] == ']') ||
        (*text->data == '(' && text->data[text->length - 1] == ')')) {
        keep(text, text->data + 1, text->length - 2);
        return true;
    }
    if ((end = memmem(text->data, text->length, " ::: ", 5))) {
        keep(text, text->data, (size_t)(end - text->data));
        return true;
    }
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (!starts_with(text, schemes[i]))
            continue;
        size_t scheme = strlen(schemes[i]);
        end = memchr(text->data, '?', text->length); /* mailto:ada@example.com?subject=… */
        keep(text, text->data + scheme, (size_t)((end ? end : text->data + text->length) - text->data) - scheme);
        return true;
    }
    return false;
}

/* Copy without invisible characters. A visible blank inside stays, and makes the address invalid. @return the length */
static size_t drop_invisible(const struct db_text *text, char *out)
{
    size_t n = 0;

    for (size_t i = 0, step; i < text->length; i += step) {
        size_t blank = utf8_blank(text->data + i, text->length - i);
        bool no_break = blank == 2 && (unsigned char)text->data[i + 1] == 0xa0;
        step = blank > 1 ? blank : 1;
        if (no_break)
            out[n++] = ' ';
        else if (blank <= 1)
            out[n++] = text->data[i];
    }
    return n;
}

/* Convert an international domain to its A-label. */
static bool domain_to_ascii(struct db_text *text, struct arena *arena)
{
    char domain[IDN_MAX];
    const char *at = memrchr(text->data, '@', text->length);
    size_t local = at ? (size_t)(at + 1 - text->data) : 0;
    size_t n = at ? idn_to_ascii(at + 1, text->length - local, domain) : 0;

    if (n == 0 || !utf8_is_plain(text->data, local))
        return true;
    char *address = arena_alloc(arena, local + n);
    if (!address)
        return false;
    memcpy(address, text->data, local);
    memcpy(address + local, domain, n);
    *text = (struct db_text){address, local + n};
    return true;
}

bool address_unwrap(struct db_text *text, struct arena *arena)
{
    if (text->length > ADDRESS_PASTED_MAX || email_address_valid(text->data, text->length))
        return true;
    char *seen = arena_alloc(arena, text->length + 1);
    if (!seen)
        return false;
    struct db_text bare;
    keep(&bare, seen, drop_invisible(text, seen));
    while (peel(&bare))
        ;
    if (bare.length == 0)
        return true;
    *text = bare;
    return utf8_is_plain(bare.data, bare.length) || domain_to_ascii(text, arena);
}
