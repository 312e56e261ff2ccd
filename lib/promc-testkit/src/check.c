/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool sample_belongs(const struct exposed_family *family, const char *name, enum promc_format format)
{
    size_t length = strlen(family->name);
    const char *type = family->type ? family->type : "";
    bool openmetrics = format == PROMC_FORMAT_OPENMETRICS;
    if (strncmp(family->name, name, length) != 0)
        return false;
    const char *suffix = name + length;
    if (strcmp(type, "histogram") == 0) {
        return strcmp(suffix, "_bucket") == 0 || strcmp(suffix, "_sum") == 0 || strcmp(suffix, "_count") == 0 ||
               (openmetrics && strcmp(suffix, "_created") == 0);
    }
    if (strcmp(type, "summary") == 0) {
        return !*suffix || strcmp(suffix, "_sum") == 0 || strcmp(suffix, "_count") == 0 ||
               (openmetrics && strcmp(suffix, "_created") == 0);
    }
    if (openmetrics && strcmp(type, "counter") == 0)
        return strcmp(suffix, "_total") == 0 || strcmp(suffix, "_created") == 0;
    if (openmetrics && strcmp(type, "info") == 0)
        return strcmp(suffix, "_info") == 0;
    return !*suffix;
}

static bool digits(const char **at, const char *end)
{
    const char *start = *at;
    while (*at < end && strchr("0123456789+-.eE", **at))
        (*at)++;
    return *at > start;
}

static bool exemplar(const char *at, const char *end)
{
    size_t characters = 0;
    if (at == end || *at++ != '{')
        return false;
    bool inside = false;
    for (; at < end && (inside || *at != '}'); at++) {
        if (inside && *at == '\\' && at + 1 < end)
            at++;
        else if (*at == '"')
            inside = !inside;
        if (((unsigned char)*at & 0xC0) != 0x80 && *at != '"' && *at != '=' && *at != ',')
            characters++;
    }
    if (at == end || characters > 128)
        return false;
    at++;
    if (at == end || *at++ != ' ' || !digits(&at, end))
        return false;
    return at == end || (*at++ == ' ' && digits(&at, end) && at == end);
}

bool check_tail(const char *at, const char *end, enum promc_format format)
{
    if (at < end && *at == ' ' && at + 1 < end && at[1] != '#') {
        at++;
        if (!digits(&at, end))
            return false;
    }
    if (at == end)
        return true;
    return format == PROMC_FORMAT_OPENMETRICS && end - at > 3 && memcmp(at, " # ", 3) == 0 && exemplar(at + 3, end);
}

static int compare_samples(const struct sample *x, const struct sample *y, bool without_le)
{
    size_t i = 0, j = 0;
    for (;;) {
        while (without_le && i < x->label_count && strcmp(x->labels[i].name, "le") == 0)
            i++;
        while (without_le && j < y->label_count && strcmp(y->labels[j].name, "le") == 0)
            j++;
        if (i == x->label_count || j == y->label_count)
            return (i < x->label_count) - (j < y->label_count);
        int order = strcmp(x->labels[i].name, y->labels[j].name);
        if (order == 0)
            order = strcmp(x->labels[i].value, y->labels[j].value);
        if (order != 0)
            return order;
        i++;
        j++;
    }
}

static int by_series(const void *a, const void *b)
{
    const struct sample *x = *(const struct sample *const *)a, *y = *(const struct sample *const *)b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : compare_samples(x, y, false);
}

static int no_doubles(const struct exposition *exposition, char *fault, size_t fault_size)
{
    if (exposition->sample_count == 0)
        return 0;
    const struct sample **sorted = malloc(exposition->sample_count * sizeof(const struct sample *));
    int code = 0;
    if (!sorted)
        return PROMC_E_NOMEM;
    for (size_t i = 0; i < exposition->sample_count; i++)
        sorted[i] = &exposition->samples[i];
    qsort(sorted, exposition->sample_count, sizeof(const struct sample *), by_series);
    for (size_t i = 1; code == 0 && i < exposition->sample_count; i++) {
        if (by_series(&sorted[i - 1], &sorted[i]) == 0) {
            (void)snprintf(fault, fault_size, "line %zu: the series of %s stands twice (also in line %zu)",
                           sorted[i]->line, sorted[i]->name, sorted[i - 1]->line);
            code = PROMC_E_INVALID;
        }
    }
    free(sorted);
    return code;
}

static bool ends(const struct sample *sample, const char *suffix)
{
    size_t length = strlen(sample->name), tail = strlen(suffix);
    return length >= tail && strcmp(sample->name + length - tail, suffix) == 0;
}

/* One histogram's run of lines: buckets ascending and cumulative up to +Inf, then _count equal to it. */
struct run {
    const struct sample *first;
    double bound, count, last;
    bool open, infinite;
};

static int bucket(struct run *run, const struct sample *sample, char *fault, size_t fault_size)
{
    const char *le = sample_label(sample, "le");
    const char *wrong = NULL;
    double bound;
    if (!le || !exposition_number(le, &bound))
        bound = (double)NAN;
    /* OpenMetrics has histograms without a _count, so the one before may still be open. */
    if (!run->open || run->first->family != sample->family || compare_samples(run->first, sample, true) != 0)
        *run = (struct run){.first = sample, .bound = -INFINITY, .open = true};
    if (!le)
        wrong = "a bucket without le";
    else if (!(bound > run->bound))
        wrong = "bucket bounds are not ascending";
    else if (sample->value < run->last)
        wrong = "bucket counts are not cumulative";
    if (wrong) {
        (void)snprintf(fault, fault_size, "line %zu: %s", sample->line, wrong);
        return PROMC_E_INVALID;
    }
    run->bound = bound;
    run->last = sample->value;
    run->infinite = isinf(bound);
    return 0;
}

static int histograms(const struct exposition *exposition, char *fault, size_t fault_size)
{
    struct run run = {0};
    for (size_t i = 0; i < exposition->sample_count; i++) {
        const struct sample *sample = &exposition->samples[i];
        const struct exposed_family *family = &exposition->families[sample->family];
        if (!family->type || strcmp(family->type, "histogram") != 0)
            continue;
        if (ends(sample, "_bucket")) {
            int code = bucket(&run, sample, fault, fault_size);
            if (code != 0)
                return code;
        } else if (ends(sample, "_count")) {
            bool same = run.open && compare_samples(run.first, sample, true) == 0;
            if (!same || !run.infinite || run.last != sample->value) {
                (void)snprintf(fault, fault_size, "line %zu: %s has no +Inf bucket equal to it", sample->line,
                               sample->name);
                return PROMC_E_INVALID;
            }
            run.open = false;
        }
    }
    return 0;
}

/* What stands in a sample of a summary that must not; NULL: nothing. Both formats: a sum is a counter wherever it is read. */
static const char *wrong_in_summary(const struct exposed_family *family, const struct sample *sample)
{
    double q;
    const char *quantile = sample_label(sample, "quantile");
    if (strcmp(sample->name, family->name) == 0) {
        if (!quantile || !exposition_number(quantile, &q) || !(q >= 0 && q <= 1))
            return "a summary's sample without a quantile in 0 … 1";
        return sample->value < 0 ? "a quantile below 0" : NULL;
    }
    if (ends(sample, "_created"))
        return NULL;
    return sample->value >= 0 ? NULL : "a summary's sum or count that is NaN or below 0";
}

static int summaries(const struct exposition *exposition, char *fault, size_t fault_size)
{
    for (size_t i = 0; i < exposition->sample_count; i++) {
        const struct sample *sample = &exposition->samples[i];
        const struct exposed_family *family = &exposition->families[sample->family];
        const char *wrong =
            family->type && strcmp(family->type, "summary") == 0 ? wrong_in_summary(family, sample) : NULL;
        if (wrong) {
            (void)snprintf(fault, fault_size, "line %zu: %s", sample->line, wrong);
            return PROMC_E_INVALID;
        }
    }
    return 0;
}

int check_whole(const struct exposition *exposition, char *fault, size_t fault_size)
{
    int code = no_doubles(exposition, fault, fault_size);
    if (code == 0)
        code = histograms(exposition, fault, fault_size);
    return code != 0 ? code : summaries(exposition, fault, fault_size);
}
