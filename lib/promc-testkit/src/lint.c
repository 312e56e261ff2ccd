/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of Prometheus' promlint (client_golang/prometheus/testutil/promlint), one function each. */
#include "exposition.h"
#include <promc/testkit.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct lint {
    const struct exposition *exposition;
    struct report text;
    int problems;
};

typedef void rule(struct lint *lint, const struct exposed_family *family, size_t index);

#define PROBLEM(lint, family, ...)                         \
    do {                                                   \
        report_add(&(lint)->text, "%s: ", (family)->name); \
        report_add(&(lint)->text, __VA_ARGS__);            \
        report_add(&(lint)->text, "\n");                   \
        (lint)->problems++;                                \
    } while (0)

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return length > tail && strcmp(text + length - tail, suffix) == 0;
}

static bool is(const struct exposed_family *family, const char *type)
{
    return family->type && strcmp(family->type, type) == 0;
}

/* Is `word` one of the parts that `_` separates? */
static bool has_part(const char *name, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = name; at; at = strchr(at, '_'), at = at ? at + 1 : NULL) {
        if (strncmp(at, word, length) == 0 && (at[length] == '_' || at[length] == '\0'))
            return true;
    }
    return false;
}

static void help(struct lint *lint, const struct exposed_family *family, size_t index)
{
    (void)index;
    if (!family->help || !*family->help)
        PROBLEM(lint, family, "no help text");
}

static void base_units(struct lint *lint, const struct exposed_family *family, size_t index)
{
    static const struct {
        const char *unit, *base;
    } units[] = {{"milliseconds", "seconds"}, {"microseconds", "seconds"}, {"nanoseconds", "seconds"},
                 {"minutes", "seconds"},      {"hours", "seconds"},        {"days", "seconds"},
                 {"kilobytes", "bytes"},      {"kibibytes", "bytes"},      {"megabytes", "bytes"},
                 {"mebibytes", "bytes"},      {"gigabytes", "bytes"},      {"gibibytes", "bytes"},
                 {"bits", "bytes"},           {"percent", "ratio"},        {"percents", "ratio"},
                 {"fahrenheit", "celsius"},   {"kelvin", "celsius"},       {"inches", "meters"},
                 {"kilometers", "meters"},    {"calories", "joules"},      {"kilowatts", "watts"}};
    (void)index;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (has_part(family->name, units[i].unit))
            PROBLEM(lint, family, "use base unit \"%s\" instead of \"%s\"", units[i].base, units[i].unit);
    }
}

static void counter_suffix(struct lint *lint, const struct exposed_family *family, size_t index)
{
    (void)index;
    if (is(family, "counter") && !ends_with(family->name, "_total"))
        PROBLEM(lint, family, "counter metrics should have \"_total\" suffix");
    if (!is(family, "counter") && family->type && !is(family, "untyped") && ends_with(family->name, "_total"))
        PROBLEM(lint, family, "non-counter metrics should not have \"_total\" suffix");
}

static void histogram_suffixes(struct lint *lint, const struct exposed_family *family, size_t index)
{
    bool histogram = is(family, "histogram"), summary = is(family, "summary");
    if (!histogram && ends_with(family->name, "_bucket"))
        PROBLEM(lint, family, "non-histogram metrics should not have \"_bucket\" suffix");
    if (!histogram && !summary && ends_with(family->name, "_count"))
        PROBLEM(lint, family, "non-histogram and non-summary metrics should not have \"_count\" suffix");
    if (!histogram && !summary && ends_with(family->name, "_sum"))
        PROBLEM(lint, family, "non-histogram and non-summary metrics should not have \"_sum\" suffix");
    for (size_t i = 0; i < lint->exposition->sample_count; i++) {
        const struct sample *sample = &lint->exposition->samples[i];
        if (sample->family != index)
            continue;
        if (!histogram && sample_label(sample, "le"))
            PROBLEM(lint, family, "non-histogram metrics should not have \"le\" label");
        if (!summary && sample_label(sample, "quantile"))
            PROBLEM(lint, family, "non-summary metrics should not have \"quantile\" label");
        break;
    }
}

static void type_in_name(struct lint *lint, const struct exposed_family *family, size_t index)
{
    static const char *const types[] = {"counter", "gauge", "histogram", "summary", "untyped"};
    (void)index;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (is(family, types[i]) && has_part(family->name, types[i]))
            PROBLEM(lint, family, "metric name should not include type '%s'", types[i]);
    }
}

static void colon(struct lint *lint, const struct exposed_family *family, size_t index)
{
    (void)index;
    if (strchr(family->name, ':'))
        PROBLEM(lint, family, "metric names should not contain ':'");
}

static bool camel(const char *name)
{
    for (; *name && name[1]; name++) {
        if (islower((unsigned char)*name) && isupper((unsigned char)name[1]))
            return true;
    }
    return false;
}

static void camel_case(struct lint *lint, const struct exposed_family *family, size_t index)
{
    if (camel(family->name))
        PROBLEM(lint, family, "metric names should be written in 'snake_case' not 'camelCase'");
    for (size_t i = 0; i < lint->exposition->sample_count; i++) {
        const struct sample *sample = &lint->exposition->samples[i];
        if (sample->family != index)
            continue;
        for (size_t j = 0; j < sample->label_count; j++) {
            if (camel(sample->labels[j].name))
                PROBLEM(lint, family, "label names should be written in 'snake_case' not 'camelCase'");
        }
        break;
    }
}

static void abbreviations(struct lint *lint, const struct exposed_family *family, size_t index)
{
    static const char *const units[] = {"s",  "ms", "us", "ns", "sec", "b",   "kb",  "mb", "gb",
                                        "tb", "pb", "m",  "h",  "d",   "kib", "mib", "gib"};
    (void)index;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (has_part(family->name, units[i]))
            PROBLEM(lint, family, "metric names should not contain abbreviated units (\"%s\")", units[i]);
    }
}

int promc_testkit_lint(promc_registry *registry, char **report)
{
    static rule *const rules[] = {help,         base_units, counter_suffix, histogram_suffixes,
                                  type_in_name, colon,      camel_case,     abbreviations};
    promc_scrape_settings settings = {.format = PROMC_FORMAT_TEXT, .escaping = PROMC_ESCAPING_ALLOW_UTF8};
    struct exposition exposition;
    char *text, fault[512];
    size_t length;
    if (report)
        *report = NULL;
    int code = promc_scrape_string(registry, &settings, &text, &length);
    if (code != 0)
        return code;
    code = exposition_parse(&exposition, text, length, PROMC_FORMAT_TEXT, fault, sizeof fault);
    free(text);
    struct lint lint = {.exposition = &exposition};
    for (size_t i = 0; code == 0 && i < exposition.family_count; i++) {
        for (size_t j = 0; j < sizeof rules / sizeof *rules; j++)
            rules[j](&lint, &exposition.families[i], i);
    }
    exposition_free(&exposition);
    if (lint.text.failed || code == PROMC_E_NOMEM) {
        free(lint.text.text);
        return PROMC_E_NOMEM;
    }
    if (code != 0)
        return code;
    if (report)
        *report = lint.text.text;
    else
        free(lint.text.text);
    return lint.problems;
}
