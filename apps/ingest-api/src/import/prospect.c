/* SPDX-License-Identifier: Apache-2.0 */
#include "import/prospect.h"
#include "base/email_address.h"
#include "base/utf8.h"
#include "import/address.h"

#include <string.h>

/* In characters: docs/openapi.yaml has them as maxLength. */
static const size_t field_max[PROSPECT_FIELDS] = {
    [PROSPECT_EMAIL] = ADDRESS_PASTED_MAX, /* before address_unwrap() */
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
    for (int i = 0; i < PROSPECT_FIELDS; i++)
        if (strcmp(name, prospect_field_names[i]) == 0)
            return i;
    return -1;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct db_text trim(const char *data, size_t length)
{
    utf8_trim(&data, &length);
    return (struct db_text){length > 0 ? data : NULL, length};
}

/* NUL counts as a control character, although it is valid UTF-8. */
static bool has_bad_control(const char *p, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)p[i];
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
            return true;
        if (c == 0xc2 && i + 1 < length && (unsigned char)p[i + 1] < 0xa0)
            return true;
    }
    return utf8_has_direction(p, length);
}

static bool is_utf8(const char *p, size_t length)
{
    size_t at;

    while ((at = utf8_check(p, length)) != UTF8_VALID && p[at] == '\0') {
        p += at + 1;
        length -= at + 1;
    }
    return at == UTF8_VALID;
}

/* A spreadsheet's cell may contain line breaks; a name or a company is one line. */
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
    if (!text->data)
        return NULL;
    if (!is_utf8(text->data, text->length))
        return "invalid_utf8";
    if (has_bad_control(text->data, text->length))
        return "control_character";
    return text->length > max && utf8_characters(text->data, text->length) > max ? "too_long" : NULL;
}

static enum prospect_check normalise_fields(struct prospect_input *row, struct arena *arena, const char **field,
                                            const char **reason)
{
    for (int i = 0; i < PROSPECT_FIELDS; i++) {
        struct db_text *text = &row->field[i];
        if (!text->data)
            continue;
        *text = trim(text->data, text->length);
        if (!text->data) {
            *text = (struct db_text){row->clears ? "" : NULL, 0};
            continue;
        }
        if (text->length <= field_max[i] && utf8_is_plain(text->data, text->length))
            continue;
        *field = prospect_field_names[i];
        *reason = refusal(text, field_max[i]);
        if (*reason)
            return PROSPECT_REFUSED;
        if (!join_lines(text, arena))
            return PROSPECT_NO_MEMORY;
    }
    return PROSPECT_GOOD;
}

enum prospect_check prospect_normalise(struct prospect_input *row, struct arena *arena, const char **field,
                                       const char **reason)
{
    enum prospect_check rc = normalise_fields(row, arena, field, reason);

    if (rc != PROSPECT_GOOD)
        return rc;
    struct db_text *email = &row->field[PROSPECT_EMAIL];
    *field = prospect_field_names[PROSPECT_EMAIL];
    *reason = "missing";
    if (email->length == 0)
        return PROSPECT_REFUSED;
    if (!address_unwrap(email, arena))
        return PROSPECT_NO_MEMORY;
    *reason = email->length > EMAIL_ADDRESS_MAX ? "too_long" : "invalid_email";
    return email_address_valid(email->data, email->length) ? PROSPECT_GOOD : PROSPECT_REFUSED;
}

enum prospect_check prospect_normalise_change(struct prospect_input *row, struct arena *arena, const char **field,
                                              const char **reason)
{
    return row->field[PROSPECT_EMAIL].data ? prospect_normalise(row, arena, field, reason)
                                           : normalise_fields(row, arena, field, reason);
}

void prospect_custom_begin(struct prospect_custom *custom, struct arena *arena, bool clear)
{
    *custom = (struct prospect_custom){.clear = clear};
    text_init_in_arena(&custom->text, arena);
}

const char *prospect_custom_add(struct prospect_custom *custom, const char *name, const char *value, size_t length)
{
    struct db_text text = trim(value, length);

    if (!text.data && !custom->clear)
        return NULL;
    const char *reason = text.length <= PROSPECT_CUSTOM_VALUE_MAX && utf8_is_plain(text.data, text.length)
                             ? NULL
                             : refusal(&text, PROSPECT_CUSTOM_VALUE_MAX);
    if (reason)
        return reason;
    if (custom->count == PROSPECT_CUSTOM_MAX)
        return "too_many_fields";
    size_t name_length = strlen(name), more = name_length + text.length + sizeof("{\"\":\"\"}");
    if (custom->text.capacity - custom->text.length < more)
        (void)text_grow(&custom->text, more); /* grow once, not piece by piece */
    text_add(&custom->text, custom->count++ == 0 ? "{" : ",");
    text_add_json(&custom->text, name, name_length, SIZE_MAX);
    text_add(&custom->text, ":");
    text_add_json(&custom->text, text.data, text.length, SIZE_MAX); /* writes null if data is NULL */
    custom->out_of_memory = custom->text.overflow;
    return NULL;
}

bool prospect_custom_may_do_without(const char *reason)
{
    return strcmp(reason, "too_long") == 0 || strcmp(reason, "too_many_fields") == 0;
}

struct db_text prospect_custom_end(struct prospect_custom *custom)
{
    if (custom->count > 0)
        text_add(&custom->text, "}");
    custom->out_of_memory = custom->text.overflow;
    if (custom->count == 0 || custom->out_of_memory)
        return (struct db_text){NULL, 0};
    return (struct db_text){custom->text.data, custom->text.length};
}
