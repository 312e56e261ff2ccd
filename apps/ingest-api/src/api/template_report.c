/* SPDX-License-Identifier: Apache-2.0 */
#include "api/template_report.h"

#include "import/column_names.h"
#include "mail/personalise.h"

#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 200

struct used {
    char name[FIELD_NAME_MAX + 1];
    bool has_default, seen;
    int64_t missing;
};

struct report {
    size_t count;
    int64_t looked_at;
    struct used fields[FIELDS_MAX];
};

static void add_field(void *arg, const char *name, bool has_default)
{
    struct report *report = arg;

    for (size_t i = 0; i < report->count; i++) {
        if (strcmp(report->fields[i].name, name) == 0) {
            report->fields[i].has_default &= has_default; /* one use without a default makes rendering fail */
            return;
        }
    }
    if (report->count == FIELDS_MAX)
        return;
    struct used *used = &report->fields[report->count++];
    memcpy(used->name, name, strlen(name) + 1);
    used->has_default = has_default;
}

static int look_at(void *arg, const struct prospect *row)
{
    struct report *report = arg;
    struct person person;

    if (row->status == PROSPECT_STATUS_INVALID)
        return 0; /* no draft is rendered from it */
    if (person_copy(&person, row) < 0)
        return 1;
    report->looked_at++;
    for (size_t i = 0; i < report->count; i++) {
        struct used *used = &report->fields[i];
        const char *value = person_value(&person, used->name);
        bool there = value && value[strspn(value, " \t\r\n")] != '\0';
        used->seen |= there;
        used->missing += !there;
    }
    person_release(&person);
    return 0;
}

/* For a name that no prospect has: the field in which an import stores a column of this name. */
static const char *imported_as(const char *name)
{
    unsigned rank;
    int field = person_knows(name) ? -1 : column_name_field(name, strlen(name), &rank);

    return field >= 0 ? prospect_field_names[field] : NULL;
}

static json_t *field_json(const struct used *used, int64_t looked_at)
{
    return json_pack("{s:s, s:b, s:b, s:I, s:I, s:s?}", "name", used->name, "known",
                     person_knows(used->name) || used->seen, "default", (int)used->has_default, "missing",
                     (json_int_t)used->missing, "of", (json_int_t)looked_at, "imported_as", imported_as(used->name));
}

json_t *template_report(struct db *db, const char *organisation_id, const char *subject_template,
                        const char *body_template, int *rc)
{
    struct report *report = calloc(1, sizeof(*report));
    json_t *list = json_array();

    *rc = DB_OK;
    if (report) {
        template_fields(subject_template, add_field, report);
        template_fields(body_template, add_field, report);
        if (report->count > 0)
            *rc = prospects_newest(db, organisation_id, TEMPLATE_REPORT_PROSPECTS, look_at, report);
    }
    for (size_t i = 0; report && list && *rc >= 0 && i < report->count; i++)
        (void)json_array_append_new(list, field_json(&report->fields[i], report->looked_at));
    if (!report || *rc < 0) {
        json_decref(list);
        list = NULL;
    }
    free(report);
    return list;
}
