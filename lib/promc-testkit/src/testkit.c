/* SPDX-License-Identifier: Apache-2.0 */
#include "exposition.h"
#include "report.h"
#include <promc/testkit.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const promc_scrape_settings text_settings = {.format = PROMC_FORMAT_TEXT, .escaping = PROMC_ESCAPING_ALLOW_UTF8};

/* The registry's current exposition, parsed. `fault` is set if promc itself wrote something invalid. */
static int read_registry(promc_registry *registry, const char *const *names, struct exposition *out, char *fault,
                         size_t fault_size)
{
    promc_scrape_settings settings = text_settings;
    char *text;
    size_t length;
    settings.names = names;
    while (names && names[settings.name_count])
        settings.name_count++;
    *out = (struct exposition){0};
    int code = promc_scrape_string(registry, &settings, &text, &length);
    if (code != 0)
        return code;
    code = exposition_parse(out, text, length, PROMC_FORMAT_TEXT, fault, fault_size);
    free(text);
    return code;
}

static int give(struct report *report, char **out, int code)
{
    if (report->failed || !out) {
        free(report->text);
        report->text = NULL;
    }
    if (out)
        *out = report->text;
    return report->failed ? PROMC_E_NOMEM : code;
}

/* Lines of one side: compared metadata and samples, sorted, so that two sides can be merged. */
struct lines {
    char **line;
    size_t count;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void lines_free(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->line[i]);
    free(lines->line);
}

static const struct exposed_family *family_named(const struct exposition *exposition, const char *name)
{
    for (size_t i = 0; i < exposition->family_count; i++)
        if (strcmp(exposition->families[i].name, name) == 0)
            return &exposition->families[i];
    return NULL;
}

/* `like` is the expected text: HELP is compared only for families for which it has HELP. */
static bool lines_of(const struct exposition *exposition, const struct exposition *like, struct lines *out)
{
    *out = (struct lines){calloc(exposition->family_count * 2 + exposition->sample_count + 1, sizeof(char *)), 0};
    if (!out->line)
        return false;
    bool good = true;
    for (size_t i = 0; i < exposition->family_count; i++) {
        const struct exposed_family *family = &exposition->families[i];
        const struct exposed_family *other = family_named(like, family->name);
        struct report type = {0}, help = {0};
        report_add(&type, "# TYPE %s %s", family->name, family->type ? family->type : "untyped");
        good = good && !type.failed;
        if (type.text)
            out->line[out->count++] = type.text;
        if (family->help && other && other->help) {
            report_add(&help, "# HELP %s %s", family->name, family->help);
            good = good && !help.failed;
            if (help.text)
                out->line[out->count++] = help.text;
        }
    }
    for (size_t i = 0; i < exposition->sample_count; i++) {
        char *text = sample_text(&exposition->samples[i]);
        good = good && text;
        if (text)
            out->line[out->count++] = text;
    }
    qsort(out->line, out->count, sizeof(char *), by_text);
    return good;
}

static int differences(const struct lines *expected, const struct lines *actual, struct report *report)
{
    size_t i = 0, j = 0;
    int different = 0;
    while (i < expected->count || j < actual->count) {
        int order = i == expected->count ? 1 : j == actual->count ? -1 : strcmp(expected->line[i], actual->line[j]);
        if (order < 0)
            report_add(report, "- %s\n", expected->line[i++]);
        else if (order > 0)
            report_add(report, "+ %s\n", actual->line[j++]);
        else
            i++, j++;
        different |= order != 0;
    }
    return different;
}

int promc_testkit_compare(promc_registry *registry, const char *expected, const char *const *names, char **report)
{
    struct exposition want, have = {0};
    struct report text = {0};
    struct lines left = {0}, right = {0};
    char fault[512];
    int code = exposition_parse(&want, expected, strlen(expected), PROMC_FORMAT_TEXT, fault, sizeof(fault));
    if (code == PROMC_E_INVALID)
        report_add(&text, "the expected text is not valid: %s\n", fault);
    if (code == 0)
        code = read_registry(registry, names, &have, fault, sizeof(fault));
    if (code == 0)
        code = lines_of(&want, &have, &left) && lines_of(&have, &want, &right) ? differences(&left, &right, &text)
                                                                               : PROMC_E_NOMEM;
    lines_free(&left);
    lines_free(&right);
    exposition_free(&want);
    exposition_free(&have);
    return give(&text, report, code);
}

static bool has_labels(const struct sample *sample, const promc_label *labels, size_t count)
{
    if (sample->label_count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *value = sample_label(sample, labels[i].name);
        if (!value || strcmp(value, labels[i].value) != 0)
            return false;
    }
    return true;
}

int promc_testkit_value(promc_registry *registry, const char *name, const promc_label *labels, size_t label_count,
                        double *out)
{
    struct exposition exposition;
    char fault[512];
    int code = read_registry(registry, NULL, &exposition, fault, sizeof(fault));
    if (code == 0) {
        code = PROMC_E_NOT_FOUND;
        for (size_t i = 0; i < exposition.sample_count && code != 0; i++) {
            const struct sample *sample = &exposition.samples[i];
            if (strcmp(sample->name, name) == 0 && has_labels(sample, labels, label_count)) {
                *out = sample->value;
                code = 0;
            }
        }
    }
    exposition_free(&exposition);
    return code;
}

double promc_testkit_read_pairs(promc_registry *registry, const char *const *name_and_pairs, size_t count)
{
    size_t pairs = count ? (count - 1) / 2 : 0;
    double value = NAN;
    promc_label *labels = count % 2 ? malloc((pairs + 1) * sizeof(*labels)) : NULL;
    if (!labels)
        return NAN;
    for (size_t i = 0; i < pairs; i++)
        labels[i] = (promc_label){name_and_pairs[1 + 2 * i], name_and_pairs[2 + 2 * i]};
    int code = promc_testkit_value(registry, name_and_pairs[0], labels, pairs, &value);
    free(labels);
    return code == 0 ? value : NAN;
}

size_t promc_testkit_series_count(promc_registry *registry, const char *family)
{
    promc_family *found = promc_family_find(registry, family);
    return found ? promc_family_series_count(found) : 0;
}

int promc_testkit_check(const char *text, size_t length, enum promc_format format, char **report)
{
    struct exposition exposition;
    struct report said = {0};
    char fault[512];
    int code = exposition_parse(&exposition, text, length, format, fault, sizeof(fault));
    if (code == PROMC_E_INVALID)
        report_add(&said, "%s\n", fault);
    exposition_free(&exposition);
    return give(&said, report, code);
}
