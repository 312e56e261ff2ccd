/* SPDX-License-Identifier: Apache-2.0 */
#include "import/prospect.h"
#include "base/email_address.h"
#include "base/utf8.h"

#include <string.h>

/* In bytes. */
static const size_t field_max[PROSPECT_FIELDS] = {
    [PROSPECT_EMAIL] = EMAIL_ADDRESS_MAX,
    [PROSPECT_FIRST_NAME] = 200,
    [PROSPECT_LAST_NAME] = 200,
    [PROSPECT_COMPANY] = 300,
    [PROSPECT_TITLE] = 300,
    [PROSPECT_PHONE] = 64,
    [PROSPECT_WEBSITE] = 1000,
    [PROSPECT_COUNTRY] = 100,
};

int prospect_field_index(const char *name)
{
    for (int i = 0; i < PROSPECT_FIELDS; i++) {
        if (strcmp(name, prospect_field_names[i]) == 0)
            return i;
    }
    return -1;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct db_text trim(const char *data, size_t length)
{
    while (length > 0 && blank(*data)) {
        data++;
        length--;
    }
    while (length > 0 && blank(data[length - 1]))
        length--;
    return (struct db_text){length > 0 ? data : NULL, length};
}

static bool has_bad_control(const char *p, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)p[i];
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
            return true;
        if (c == 0xc2 && i + 1 < length && (unsigned char)p[i + 1] < 0xa0)
            return true;
    }
    return false;
}

/* A cell of a spreadsheet may have been broken into lines; a name or a company is one line. */
static bool join_lines(struct db_text *text, struct arena *arena)
{
    size_t n = 0, at = 0;

    while (at < text->length && !(blank(text->data[at]) && text->data[at] != ' '))
        at++;
    if (at == text->length)
        return true;
    char *copy = arena_alloc(arena, text->length);
    if (!copy)
        return false;
    for (size_t i = 0; i < text->length; i++) {
        bool run = blank(text->data[i]) && i + 1 < text->length && blank(text->data[i + 1]);
        if (!run)
            copy[n++] = blank(text->data[i]) ? ' ' : text->data[i];
    }
    *text = (struct db_text){copy, n};
    return true;
}

static const char *refusal(const struct db_text *text, size_t max)
{
    if (utf8_check(text->data, text->length) != UTF8_VALID)
        return "invalid_utf8";
    if (has_bad_control(text->data, text->length))
        return "control_character";
    return text->length > max ? "too_long" : NULL;
}

enum prospect_check prospect_normalise(struct prospect_input *row, struct arena *arena, const char **field,
                                       const char **reason)
{
    for (int i = 0; i < PROSPECT_FIELDS; i++) {
        struct db_text *text = &row->field[i];
        if (text->data)
            *text = trim(text->data, text->length);
        if (!text->data)
            continue;
        *field = prospect_field_names[i];
        *reason = refusal(text, field_max[i]);
        if (*reason)
            return PROSPECT_REFUSED;
        if (!join_lines(text, arena))
            return PROSPECT_NO_MEMORY;
    }
    const struct db_text *email = &row->field[PROSPECT_EMAIL];
    *field = prospect_field_names[PROSPECT_EMAIL];
    *reason = "missing";
    if (email->data)
        *reason = email_address_valid(email->data, email->length) ? NULL : "invalid_email";
    return *reason ? PROSPECT_REFUSED : PROSPECT_GOOD;
}

void prospect_custom_begin(struct prospect_custom *custom, struct arena *arena)
{
    *custom = (struct prospect_custom){.arena = arena};
}

/* Text in the arena cannot grow in place: it is moved, and the old copy is given back with the batch. */
static bool reserve(struct prospect_custom *custom, size_t more)
{
    if (custom->size - custom->used >= more)
        return true;
    size_t size = (custom->used + more) * 2;
    char *text = arena_alloc(custom->arena, size);
    if (!text) {
        custom->out_of_memory = true;
        return false;
    }
    if (custom->used > 0)
        memcpy(text, custom->text, custom->used);
    custom->text = text;
    custom->size = size;
    return true;
}

/* The text is valid UTF-8 and its only controls are \n, \r and \t. Room for twice its length is reserved. */
static void put_json_string(struct prospect_custom *custom, const char *p, size_t length)
{
    char *to = custom->text + custom->used;

    *to++ = '"';
    for (size_t i = 0; i < length; i++) {
        char c = p[i];
        if (c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t') {
            *to++ = '\\';
            c = c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : c;
        }
        *to++ = c;
    }
    *to++ = '"';
    custom->used = (size_t)(to - custom->text);
}

const char *prospect_custom_add(struct prospect_custom *custom, const char *name, const char *value, size_t length)
{
    struct db_text text = trim(value, length);
    size_t name_length = strlen(name);

    if (!text.data)
        return NULL;
    const char *reason = refusal(&text, PROSPECT_CUSTOM_VALUE_MAX);
    if (reason)
        return reason;
    if (custom->count == PROSPECT_CUSTOM_MAX)
        return "too_many_fields";
    if (!reserve(custom, 2 * (name_length + text.length) + 8))
        return NULL;
    custom->text[custom->used++] = custom->count++ == 0 ? '{' : ',';
    put_json_string(custom, name, name_length);
    custom->text[custom->used++] = ':';
    put_json_string(custom, text.data, text.length);
    return NULL;
}

struct db_text prospect_custom_end(struct prospect_custom *custom)
{
    if (custom->count == 0 || custom->out_of_memory)
        return (struct db_text){NULL, 0};
    custom->text[custom->used++] = '}'; /* reserved by the last add */
    return (struct db_text){custom->text, custom->used};
}
