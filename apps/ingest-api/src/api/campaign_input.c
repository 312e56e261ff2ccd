/* SPDX-License-Identifier: Apache-2.0 */
#include "api/campaign_input.h"
#include "base/utf8.h"
#include "mail/template.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct faults {
    char *text;
    size_t size, used;
    int count;
};

static void __attribute__((format(printf, 3, 4)))
add_fault(struct faults *faults, const char *field, const char *format, ...)
{
    char line[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    int n = snprintf(faults->text + faults->used, faults->size - faults->used, "%s%s: %s", faults->count ? "; " : "",
                     field, line);
    if (n > 0)
        faults->used += (size_t)n < faults->size - faults->used ? (size_t)n : faults->size - faults->used - 1;
    faults->count++;
}

/*
 * Read a text of 1 to max characters, not only white space, without control characters; line ends and tabs are allowed
 * unless one_line. @return NULL after an error.
 */
static const char *read_text(struct faults *faults, json_t *body, const char *field, size_t max, bool one_line)
{
    json_t *value = json_object_get(body, field);
    const char *text = json_string_value(value);

    if (!value) {
        add_fault(faults, field, "is missing");
        return NULL;
    }
    if (!text) {
        add_fault(faults, field, "must be a string");
        return NULL;
    }
    size_t length = json_string_length(value), characters = utf8_characters(text, length);
    if (text[strspn(text, " \t\r\n")] == '\0' || characters > max) {
        add_fault(faults, field, "must be 1 to %zu characters and not blank, is %zu", max, characters);
        return NULL;
    }
    for (size_t i = 0; i < length; i++) {
        bool line_end = text[i] == '\n' || text[i] == '\r' || text[i] == '\t';
        size_t sequence = (unsigned char)text[i] == 0xc2 ? 2 : 1; /* the C1 controls are two bytes */
        if ((!one_line && line_end) || !utf8_has_control(&text[i], sequence))
            continue;
        add_fault(faults, field, "has a control character at byte %zu", i + 1);
        return NULL;
    }
    return text;
}

static const char *read_template(struct faults *faults, json_t *body, const char *field, size_t max, bool one_line)
{
    struct template_fault fault;
    const char *text = read_text(faults, body, field, max, one_line);

    if (text && template_check(text, &fault) != TEMPLATE_OK)
        add_fault(faults, field, "line %lu, column %lu: %s", fault.line, fault.column, fault.reason);
    return text;
}

static const char *const known[] = {"name", "subject_template", "body_template"};
#define KNOWN (sizeof(known) / sizeof(known[0]))

static bool is_known(const char *key)
{
    for (size_t i = 0; i < KNOWN; i++)
        if (strcmp(key, known[i]) == 0)
            return true;
    return false;
}

static int read_fields(struct campaign_input *campaign, json_t *body, bool change, struct faults *faults)
{
    const char *key;
    json_t *value;
    bool any = false;

    faults->text[0] = '\0';
    *campaign = (struct campaign_input){NULL, NULL, NULL};
    if (!json_is_object(body)) {
        add_fault(faults, "body", "must be a JSON object");
        return faults->count;
    }
    for (size_t i = 0; i < KNOWN; i++)
        any |= json_object_get(body, known[i]) != NULL;
    if (change && !any)
        add_fault(faults, "body", "must have a name, a subject_template or a body_template");
    if (!change || json_object_get(body, known[0]))
        campaign->name = read_text(faults, body, known[0], CAMPAIGN_NAME_MAX, true);
    if (!change || json_object_get(body, known[1]))
        campaign->subject_template = read_template(faults, body, known[1], CAMPAIGN_SUBJECT_MAX, true);
    if (!change || json_object_get(body, known[2]))
        campaign->body_template = read_template(faults, body, known[2], CAMPAIGN_BODY_MAX, false);
    json_object_foreach(body, key, value)
    {
        char name[80]; /* a longer name is not shown, because cutting it inside a character would make invalid UTF-8 */
        if (is_known(key))
            continue;
        (void)snprintf(name, sizeof(name), "%s", strlen(key) < sizeof(name) ? key : "(a long name)");
        add_fault(faults, name, "is not a field of a campaign");
    }
    return faults->count;
}

int campaign_read(struct campaign_input *campaign, json_t *body, char *faults_text, size_t faults_size)
{
    struct faults faults = {.text = faults_text, .size = faults_size};
    return read_fields(campaign, body, false, &faults);
}

int campaign_read_change(struct campaign_input *campaign, json_t *body, char *faults_text, size_t faults_size)
{
    struct faults faults = {.text = faults_text, .size = faults_size};
    return read_fields(campaign, body, true, &faults);
}
