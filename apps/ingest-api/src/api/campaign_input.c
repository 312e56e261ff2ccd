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

/* Text of 1 to max bytes that is not all blank, without controls; line ends and tabs are allowed unless one_line. NULL after a fault. */
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
    size_t length = json_string_length(value);
    if (text[strspn(text, " \t\r\n")] == '\0' || length > max) {
        add_fault(faults, field, "must be 1 to %zu bytes and not blank, is %zu", max, length);
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

int campaign_read(struct campaign_input *campaign, json_t *body, char *faults_text, size_t faults_size)
{
    static const char *const known[] = {"name", "subject_template", "body_template"};
    struct faults faults = {.text = faults_text, .size = faults_size};
    const char *key;
    json_t *value;

    faults_text[0] = '\0';
    if (!json_is_object(body)) {
        add_fault(&faults, "body", "must be a JSON object");
        return faults.count;
    }
    campaign->name = read_text(&faults, body, known[0], CAMPAIGN_NAME_MAX, true);
    campaign->subject_template = read_template(&faults, body, known[1], CAMPAIGN_SUBJECT_MAX, true);
    campaign->body_template = read_template(&faults, body, known[2], CAMPAIGN_BODY_MAX, false);
    json_object_foreach(body, key, value)
    {
        if (strcmp(key, known[0]) != 0 && strcmp(key, known[1]) != 0 && strcmp(key, known[2]) != 0) {
            char name[80]; /* cut between code points would be invalid UTF-8: a long name is not repeated */
            (void)snprintf(name, sizeof(name), "%s", strlen(key) < sizeof(name) ? key : "(a long name)");
            add_fault(&faults, name, "is not a field of a campaign");
        }
    }
    return faults.count;
}
