/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <math.h>
#include <string.h>

static bool one_of(const char *suffix, const char *const *allowed)
{
    while (*allowed && strcmp(*allowed, suffix) != 0)
        allowed++;
    return *allowed != NULL;
}

bool sample_belongs(const struct exposed_family *family, const char *name, enum promc_format format)
{
    size_t length = strlen(family->name);
    bool openmetrics = format == PROMC_FORMAT_OPENMETRICS;
    if (strncmp(family->name, name, length) != 0)
        return false;
    const char *suffix = name + length;
    if (openmetrics && strcmp(suffix, "_created") == 0)
        return family_is(family, "histogram") || family_is(family, "summary") || family_is(family, "counter");
    if (family_is(family, "histogram"))
        return one_of(suffix, (const char *const[]){"_bucket", "_sum", "_count", NULL});
    if (family_is(family, "gaugehistogram"))
        return one_of(suffix, (const char *const[]){"_bucket", "_gsum", "_gcount", NULL});
    if (family_is(family, "summary"))
        return one_of(suffix, (const char *const[]){"", "_sum", "_count", NULL});
    if (openmetrics && family_is(family, "counter"))
        return strcmp(suffix, "_total") == 0;
    if (openmetrics && family_is(family, "info"))
        return strcmp(suffix, "_info") == 0;
    return !*suffix;
}

/* NULL: valid. In both formats a sum must not be negative, because it is a counter. */
static const char *wrong_in_summary(const struct sample *sample, const char *suffix)
{
    double q;
    const char *quantile = sample_label(sample, "quantile");
    if (!*suffix) {
        if (!quantile || !parse_number(quantile, &q) || !(q >= 0 && q <= 1))
            return "a summary's sample without a quantile from 0 to 1";
        return sample->value < 0 ? "a quantile below 0" : NULL;
    }
    if (strcmp(suffix, "_created") == 0)
        return NULL;
    return sample->value >= 0 ? NULL : "a summary's sum or count that is NaN or below 0";
}

static const char *wrong_in_openmetrics(const struct exposed_family *family, const struct sample *sample,
                                        const char *suffix)
{
    static const char *const counts[] = {"_bucket", "_count", "_gcount", NULL};
    static const char *const sums[] = {"_total", "_sum", "_bucket", "_count", "_gcount", NULL};
    const char *state = sample_label(sample, family->name);
    double bound;
    const char *le = sample_label(sample, "le");
    if (family_is(family, "stateset") && (!state || (sample->value != 0 && sample->value != 1)))
        return !state ? "a stateset without its label" : "a state that is neither 0 nor 1";
    if (family_is(family, "info") && sample->value != 1)
        return "an info that is not 1";
    if (strcmp(suffix, "_bucket") == 0 && !le)
        return "a bucket without le";
    if (strcmp(suffix, "_bucket") == 0 && (!parse_number(le, &bound) || isnan(bound)))
        return "a bucket whose le is not a number";
    if (one_of(suffix, sums) && !(sample->value >= 0))
        return "a count or sum that is NaN or below 0";
    if (strcmp(suffix, "_gsum") == 0 && isnan(sample->value))
        return "a sum that is NaN";
    if (one_of(suffix, counts) && (isinf(sample->value) || trunc(sample->value) != sample->value))
        return "a count that is not a whole number";
    bool may_have = one_of(suffix, (const char *const[]){"_bucket", "_total", NULL});
    return sample->exemplar && !may_have ? "an exemplar where none is allowed" : NULL;
}

int check_sample(struct cursor *cursor, const struct exposed_family *family, const struct sample *sample)
{
    const char *suffix = sample->name + strlen(family->name);
    const char *wrong = family_is(family, "summary") ? wrong_in_summary(sample, suffix) : NULL;
    if (!wrong && cursor->format == PROMC_FORMAT_OPENMETRICS)
        wrong = wrong_in_openmetrics(family, sample, suffix);
    return wrong ? refuse(cursor, "%s", wrong) : 0;
}

/* The label that distinguishes the lines of one metric; NULL: none. */
static const char *own_label(const struct exposed_family *family, const struct sample *sample)
{
    const char *suffix = sample->name + strlen(family->name);
    if (strcmp(suffix, "_bucket") == 0)
        return "le";
    if (family_is(family, "stateset"))
        return family->name;
    return family_is(family, "summary") && !*suffix ? "quantile" : NULL;
}

static size_t next_label(const struct sample *sample, size_t i, const char *without)
{
    while (without && i < sample->label_count && strcmp(sample->labels[i].name, without) == 0)
        i++;
    return i;
}

int compare_groups(const struct exposed_family *family, const struct sample *x, const struct sample *y)
{
    const char *own_x = own_label(family, x), *own_y = own_label(family, y);
    size_t i = 0, j = 0;
    for (;; i++, j++) {
        i = next_label(x, i, own_x);
        j = next_label(y, j, own_y);
        if (i == x->label_count || j == y->label_count)
            return (i < x->label_count) - (j < y->label_count);
        int order = strcmp(x->labels[i].name, y->labels[j].name);
        if (order == 0)
            order = strcmp(x->labels[i].value, y->labels[j].value);
        if (order != 0)
            return order;
    }
}
