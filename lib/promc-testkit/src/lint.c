/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of Prometheus' promlint (client_golang/prometheus/testutil/promlint), one function each, with its names and messages;
 * then our own.
 */
#include "check_groups.h"
#include "exposition.h"
#include "report.h"
#include <promc/testkit.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct lint {
    const struct exposition *exposition;
    struct report text;
    int problems;
};

/* Input of a rule: a family and its samples, which are contiguous. */
struct subject {
    const struct exposed_family *family;
    const struct sample *samples;
    size_t count;
    const char *name; /* in lower case */
};

typedef void rule(struct lint *lint, const struct subject *subject);

#define PROBLEM(lint, subject, ...)                                 \
    do {                                                            \
        report_add(&(lint)->text, "%s: ", (subject)->family->name); \
        report_add(&(lint)->text, __VA_ARGS__);                     \
        report_add(&(lint)->text, "\n");                            \
        (lint)->problems++;                                         \
    } while (0)

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

static bool is(const struct subject *subject, const char *type)
{
    return family_is(subject->family, type);
}

static bool untyped(const struct subject *subject)
{
    return !subject->family->type || is(subject, "untyped");
}

/* Does the name contain `_word`, at its end or before another `_`? */
static bool has_word(const char *name, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = strchr(name, '_'); at; at = strchr(at + 1, '_'))
        if (strncmp(at + 1, word, length) == 0 && (at[1 + length] == '_' || at[1 + length] == '\0'))
            return true;
    return false;
}

static bool has_label(const struct subject *subject, const char *name)
{
    for (size_t i = 0; i < subject->count; i++)
        if (sample_label(&subject->samples[i], name))
            return true;
    return false;
}

static void lint_help(struct lint *lint, const struct subject *subject)
{
    if (!subject->family->help || !*subject->family->help)
        PROBLEM(lint, subject, "no help text");
}

/* The base unit of a word, with or without an SI prefix; NULL: not a unit. */
static const char *base_unit(const char *word, size_t length)
{
    static const char *const units[][2] = {
        {"amperes", "amperes"}, {"bytes", "bytes"},        {"celsius", "celsius"}, {"grams", "grams"},
        {"joules", "joules"},   {"kelvin", "kelvin"},      {"meters", "meters"},   {"metres", "metres"},
        {"seconds", "seconds"}, {"volts", "volts"},        {"minutes", "seconds"}, {"hours", "seconds"},
        {"days", "seconds"},    {"weeks", "seconds"},      {"kelvins", "kelvin"},  {"rankine", "celsius"},
        {"inches", "meters"},   {"fahrenheit", "celsius"}, {"yards", "meters"},    {"miles", "meters"},
        {"calories", "joules"}, {"pounds", "grams"},       {"ounces", "grams"},    {"bits", "bytes"},
        {"percents", "ratio"},  {"percent", "ratio"},
    };
    static const char *const prefixes[] = {"",     "pico",  "nano", "micro", "milli", "centi", "deci",
                                           "deca", "hecto", "kilo", "kibi",  "mega",  "mebi",  "giga",
                                           "gibi", "tera",  "tebi", "peta",  "pebi"};
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        size_t prefix = strlen(prefixes[i]);
        if (length < prefix || strncmp(word, prefixes[i], prefix) != 0)
            continue;
        for (size_t j = 0; j < COUNT(units); j++)
            if (strlen(units[j][0]) == length - prefix && strncmp(word + prefix, units[j][0], length - prefix) == 0)
                return units[j][1];
    }
    return NULL;
}

static void lint_metric_units(struct lint *lint, const struct subject *subject)
{
    for (const char *word = subject->family->name; word; word = strchr(word, '_'), word = word ? word + 1 : NULL) {
        size_t length = strcspn(word, "_");
        const char *base = base_unit(word, length);
        if (!base)
            continue;
        if (strlen(base) != length || strncmp(base, word, length) != 0)
            PROBLEM(lint, subject, "use base unit \"%s\" instead of \"%.*s\"", base, (int)length, word);
        return; /* the first one counts */
    }
}

static void lint_counter(struct lint *lint, const struct subject *subject)
{
    bool total = ends_with(subject->family->name, "_total");
    if (is(subject, "counter") && !total)
        PROBLEM(lint, subject, "counter metrics should have \"_total\" suffix");
    if (!is(subject, "counter") && !untyped(subject) && total)
        PROBLEM(lint, subject, "non-counter metrics should not have \"_total\" suffix");
}

static void lint_histogram_summary_reserved(struct lint *lint, const struct subject *subject)
{
    bool histogram = is(subject, "histogram"), summary = is(subject, "summary");
    const char *name = subject->family->name;
    if (untyped(subject))
        return;
    if (!histogram && ends_with(name, "_bucket"))
        PROBLEM(lint, subject, "non-histogram metrics should not have \"_bucket\" suffix");
    if (!histogram && !summary && ends_with(name, "_count"))
        PROBLEM(lint, subject, "non-histogram and non-summary metrics should not have \"_count\" suffix");
    if (!histogram && !summary && ends_with(name, "_sum"))
        PROBLEM(lint, subject, "non-histogram and non-summary metrics should not have \"_sum\" suffix");
    if (!histogram && has_label(subject, "le"))
        PROBLEM(lint, subject, "non-histogram metrics should not have \"le\" label");
    if (!summary && has_label(subject, "quantile"))
        PROBLEM(lint, subject, "non-summary metrics should not have \"quantile\" label");
}

static void lint_metric_type_in_name(struct lint *lint, const struct subject *subject)
{
    if (!untyped(subject) && has_word(subject->name, subject->family->type))
        PROBLEM(lint, subject, "metric name should not include type '%s'", subject->family->type);
}

static void lint_reserved_chars(struct lint *lint, const struct subject *subject)
{
    if (strchr(subject->family->name, ':'))
        PROBLEM(lint, subject, "metric names should not contain ':'");
}

static bool camel(const char *name)
{
    for (; *name && name[1]; name++)
        if (islower((unsigned char)*name) && isupper((unsigned char)name[1]))
            return true;
    return false;
}

static void lint_camel_case(struct lint *lint, const struct subject *subject)
{
    bool labels = false;
    for (size_t i = 0; i < subject->count; i++)
        for (size_t j = 0; j < subject->samples[i].label_count; j++)
            labels |= camel(subject->samples[i].labels[j].name);
    if (camel(subject->family->name))
        PROBLEM(lint, subject, "metric names should be written in 'snake_case' not 'camelCase'");
    if (labels)
        PROBLEM(lint, subject, "label names should be written in 'snake_case' not 'camelCase'");
}

static void lint_unit_abbreviations(struct lint *lint, const struct subject *subject)
{
    static const char *const units[] = {"s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d"};
    for (size_t i = 0; i < COUNT(units); i++)
        if (has_word(subject->name, units[i]))
            PROBLEM(lint, subject, "metric names should not contain abbreviated units");
}

static int by_series(const void *a, const void *b)
{
    return compare_series(*(const struct sample *const *)a, *(const struct sample *const *)b);
}

static void lint_duplicate_metric(struct lint *lint, const struct subject *subject)
{
    const struct sample **sorted = malloc((subject->count + 1) * sizeof(*sorted));
    bool twice = false;
    if (!sorted) {
        lint->text.failed = true;
        return;
    }
    for (size_t i = 0; i < subject->count; i++)
        sorted[i] = &subject->samples[i];
    qsort(sorted, subject->count, sizeof(*sorted), by_series);
    for (size_t i = 1; i < subject->count; i++)
        twice |= compare_series(sorted[i - 1], sorted[i]) == 0;
    free(sorted);
    if (twice)
        PROBLEM(lint, subject, "metric not unique");
}

/* Our own rule: metrics and labels that Prometheus itself adds to each target. */
static void lint_added_by_prometheus(struct lint *lint, const struct subject *subject)
{
    static const char *const names[] = {"up",
                                        "scrape_duration_seconds",
                                        "scrape_samples_scraped",
                                        "scrape_samples_post_metric_relabeling",
                                        "scrape_series_added",
                                        "scrape_timeout_seconds",
                                        "scrape_sample_limit",
                                        "scrape_body_size_bytes",
                                        "ALERTS",
                                        "ALERTS_FOR_STATE"};
    static const char *const labels[] = {"job", "instance"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(subject->family->name, names[i]) == 0)
            PROBLEM(lint, subject, "Prometheus adds a metric of this name itself");
    for (size_t i = 0; i < COUNT(labels); i++) {
        if (has_label(subject, labels[i]))
            PROBLEM(lint, subject, "Prometheus adds the label \"%s\" itself, and renames this one to \"exported_%s\"",
                    labels[i], labels[i]);
    }
}

static void lint_family(struct lint *lint, struct subject *subject)
{
    static rule *const rules[] = {lint_help,
                                  lint_metric_units,
                                  lint_counter,
                                  lint_histogram_summary_reserved,
                                  lint_metric_type_in_name,
                                  lint_reserved_chars,
                                  lint_camel_case,
                                  lint_unit_abbreviations,
                                  lint_duplicate_metric,
                                  lint_added_by_prometheus};
    char *name = strdup(subject->family->name);
    if (!name) {
        lint->text.failed = true;
        return;
    }
    for (char *byte = name; *byte; byte++)
        *byte = (char)tolower((unsigned char)*byte);
    subject->name = name;
    for (size_t i = 0; i < COUNT(rules); i++)
        rules[i](lint, subject);
    free(name);
}

int promc_testkit_lint_text(const char *text, size_t length, char **report)
{
    struct exposition exposition;
    char fault[512];
    if (report)
        *report = NULL;
    int code = exposition_read(&exposition, text, length, PROMC_FORMAT_TEXT, fault, sizeof(fault));
    struct lint lint = {.exposition = &exposition};
    if (code == PROMC_E_INVALID)
        report_add(&lint.text, "%s\n", fault);
    for (size_t i = 0, first = 0; code == 0 && i < exposition.family_count; i++) {
        struct subject subject = {&exposition.families[i], &exposition.samples[first], exposition.families[i].samples,
                                  NULL};
        lint_family(&lint, &subject);
        first += subject.count;
    }
    exposition_free(&exposition);
    if (lint.text.failed)
        code = PROMC_E_NOMEM;
    if (report && code != PROMC_E_NOMEM)
        *report = lint.text.text;
    else
        free(lint.text.text);
    return code != 0 ? code : lint.problems;
}

int promc_testkit_lint(promc_registry *registry, char **report)
{
    promc_scrape_settings settings = {.format = PROMC_FORMAT_TEXT, .escaping = PROMC_ESCAPING_ALLOW_UTF8};
    char *text;
    size_t length;
    if (report)
        *report = NULL;
    int code = promc_scrape_string(registry, &settings, &text, &length);
    if (code != 0)
        return code;
    code = promc_testkit_lint_text(text, length, report);
    free(text);
    return code;
}
