/* SPDX-License-Identifier: Apache-2.0 */
#include "http/chunked.h"

#include "http/head.h"

#include <stdbool.h>

/* In the order of the grammar; a body begins with SIZE. Each state names what the next byte may be. */
enum state {
    SIZE,           /* the first digit */
    SIZE_MORE,      /* another digit, or the end of the size */
    EXT_SEMICOLON,  /* blanks before a ';' */
    EXT_NAME_FIRST, /* blanks and the first character of a name */
    EXT_NAME,
    EXT_EQUALS, /* blanks before '=', ';' or the end */
    EXT_VALUE_FIRST,
    EXT_VALUE,
    EXT_QUOTED,
    EXT_ESCAPED,
    EXT_QUOTED_END, /* behind the closing quote */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST, /* the first character of a line, or the CR of the empty one */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    END,
    BAD
};

static int hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}

static enum state bad(struct chunked *chunked, const char *fault)
{
    chunked->fault = fault;
    return BAD;
}

static enum state on_size(struct chunked *chunked, unsigned char c, bool first)
{
    int digit = hex_value(c);
    if (digit >= 0) {
        if (chunked->digits == 16)
            return bad(chunked, "A chunk's size is too large.");
        if (chunked->digits > 0 || digit > 0)
            chunked->digits++;
        else if (!first)
            chunked->extra++; /* a leading zero: allowed, but counted */
        chunked->left = chunked->left << 4 | (unsigned)digit;
        return SIZE_MORE;
    }
    if (first)
        return bad(chunked, "A chunk does not begin with its size.");
    if (c == '\r')
        return SIZE_LF;
    if (c == ';')
        return EXT_NAME_FIRST;
    return is_blank(c) ? EXT_SEMICOLON : bad(chunked, "A chunk's size is not a number.");
}

/* After a name or value comes the end of the line or another extension. After blanks only another extension. */
static enum state after_extension(struct chunked *chunked, unsigned char c)
{
    if (c == '\r')
        return SIZE_LF;
    if (c == ';')
        return EXT_NAME_FIRST;
    return is_blank(c) ? EXT_SEMICOLON : bad(chunked, "A chunk's extension is malformed.");
}

static enum state on_extension(struct chunked *chunked, unsigned char c)
{
    static const char fault[] = "A chunk's extension is malformed.";
    switch (chunked->state) {
    case EXT_SEMICOLON:
        if (is_blank(c))
            return EXT_SEMICOLON;
        return c == ';' ? EXT_NAME_FIRST : bad(chunked, fault);
    case EXT_NAME_FIRST:
        if (is_blank(c))
            return EXT_NAME_FIRST;
        return head_is_token_char(c) ? EXT_NAME : bad(chunked, fault);
    case EXT_NAME:
        if (head_is_token_char(c))
            return EXT_NAME;
        if (c == '=')
            return EXT_VALUE_FIRST;
        return is_blank(c) ? EXT_EQUALS : after_extension(chunked, c);
    case EXT_EQUALS:
        if (is_blank(c))
            return EXT_EQUALS;
        if (c == '=')
            return EXT_VALUE_FIRST;
        return c == ';' ? EXT_NAME_FIRST : bad(chunked, fault);
    case EXT_VALUE_FIRST:
        if (is_blank(c))
            return EXT_VALUE_FIRST;
        if (c == '"')
            return EXT_QUOTED;
        return head_is_token_char(c) ? EXT_VALUE : bad(chunked, fault);
    case EXT_VALUE:
        return head_is_token_char(c) ? EXT_VALUE : after_extension(chunked, c);
    case EXT_QUOTED:
        if (c == '"')
            return EXT_QUOTED_END;
        if (c == '\\')
            return EXT_ESCAPED;
        return head_is_value_char(c) ? EXT_QUOTED : bad(chunked, fault);
    case EXT_ESCAPED:
        return head_is_value_char(c) ? EXT_QUOTED : bad(chunked, fault);
    default:
        return after_extension(chunked, c);
    }
}

static enum state on_trailer(struct chunked *chunked, unsigned char c)
{
    static const char fault[] = "A trailer line is malformed.";
    switch (chunked->state) {
    case TRAILER_FIRST:
        if (c == '\r')
            return END_LF;
        return head_is_token_char(c) ? TRAILER_NAME : bad(chunked, fault);
    case TRAILER_NAME:
        if (c == ':')
            return TRAILER_VALUE;
        return head_is_token_char(c) ? TRAILER_NAME : bad(chunked, fault);
    default:
        if (c == '\r')
            return TRAILER_LF;
        return head_is_value_char(c) ? TRAILER_VALUE : bad(chunked, fault);
    }
}

static enum state on_byte(struct chunked *chunked, unsigned char c)
{
    static const char line_end[] = "A line of the chunked body does not end in CR LF.";
    switch (chunked->state) {
    case SIZE:
        return on_size(chunked, c, true);
    case SIZE_MORE:
        return on_size(chunked, c, false);
    case SIZE_LF:
        if (c != '\n')
            return bad(chunked, line_end);
        chunked->digits = 0;
        return chunked->left ? DATA : TRAILER_FIRST;
    case DATA_CR:
        return c == '\r' ? DATA_LF : bad(chunked, "A chunk's data does not end at its size.");
    case DATA_LF:
        return c == '\n' ? SIZE : bad(chunked, line_end);
    case TRAILER_FIRST:
    case TRAILER_NAME:
    case TRAILER_VALUE:
        chunked->extra++;
        return on_trailer(chunked, c);
    case TRAILER_LF:
        return c == '\n' ? TRAILER_FIRST : bad(chunked, line_end);
    case END_LF:
        return c == '\n' ? END : bad(chunked, line_end);
    default:
        chunked->extra++;
        return on_extension(chunked, c);
    }
}

enum chunked_result chunked_read(struct chunked *chunked, const char *in, size_t n, size_t *used, const char **data,
                                 size_t *length)
{
    size_t i = 0;
    while (i < n && chunked->state != DATA && chunked->state < END) {
        chunked->state = (unsigned char)on_byte(chunked, (unsigned char)in[i++]);
        if (chunked->extra > CHUNKED_EXTRA_MAX) {
            chunked->state = BAD;
            chunked->fault = "The chunked body has too many extensions or trailers.";
            *used = i;
            return CHUNKED_TOO_MUCH;
        }
    }
    *used = i;
    if (chunked->state == END)
        return CHUNKED_END;
    if (chunked->state == BAD)
        return CHUNKED_BAD;
    if (i == n)
        return CHUNKED_MORE;
    *data = in + i;
    *length = n - i < chunked->left ? n - i : (size_t)chunked->left;
    *used += *length;
    chunked->left -= *length;
    if (chunked->left == 0)
        chunked->state = DATA_CR;
    return CHUNKED_DATA;
}
