/* SPDX-License-Identifier: Apache-2.0 */
#include "check_histograms.h"
#include "check.h"

#include <math.h>
#include <string.h>

/* The contiguous lines of one histogram at one timestamp. */
struct run {
    const struct exposed_family *family;
    const struct sample *first; /* NULL: none */
    double bound, last, count;  /* of the last bucket; NaN: none yet */
    bool negative, negative_sum, sum, gsum;
};

static int close_run(struct cursor *cursor, struct run *run)
{
    const char *wrong = NULL;
    if (!run->first)
        return 0;
    bool openmetrics = cursor->format == PROMC_FORMAT_OPENMETRICS, counted = !isnan(run->count);
    if (!(run->bound == (double)INFINITY))
        wrong = "has no +Inf bucket";
    else if (counted && run->count != run->last)
        wrong = "has no +Inf bucket equal to its count";
    else if (openmetrics && counted != (run->sum || run->gsum))
        wrong = "has a sum without a count, or a count without a sum";
    else if (openmetrics && run->negative && run->sum)
        wrong = "has negative bounds and a sum, which could decrease";
    else if (openmetrics && !run->negative && run->negative_sum)
        wrong = "has a negative sum without negative bounds";
    cursor->line = run->first->line;
    run->first = NULL;
    return wrong ? refuse(cursor, "%s %s", run->family->name, wrong) : 0;
}

static int take_bucket(struct cursor *cursor, struct run *run, const struct sample *sample)
{
    const char *le = sample_label(sample, "le");
    const char *wrong = NULL;
    double bound;
    if (!le || !parse_number(le, &bound))
        bound = (double)NAN;
    if (!le)
        wrong = "a bucket without le";
    else if (isnan(bound) || bound <= run->bound)
        wrong = "bucket bounds are not ascending";
    else if (sample->value < run->last)
        wrong = "bucket counts are not cumulative";
    run->bound = bound;
    run->last = sample->value;
    run->negative |= bound < 0;
    cursor->line = sample->line;
    return wrong ? refuse(cursor, "%s", wrong) : 0;
}

static bool same_run(const struct run *run, const struct exposed_family *family, const struct sample *sample)
{
    const struct sample *first = run->first;
    return first && run->family == family && first->stamped == sample->stamped &&
           (!first->stamped ||
            (first->stamp.seconds == sample->stamp.seconds && first->stamp.nanoseconds == sample->stamp.nanoseconds)) &&
           compare_groups(family, first, sample) == 0;
}

static int take(struct cursor *cursor, struct run *run, const struct exposed_family *family,
                const struct sample *sample)
{
    const char *suffix = sample->name + strlen(family->name);
    /* The order of sums is free in 0.0.4. */
    if (cursor->format != PROMC_FORMAT_OPENMETRICS && strcmp(suffix, "_sum") == 0)
        return 0;
    if (!same_run(run, family, sample)) {
        int code = close_run(cursor, run);
        if (code != 0)
            return code;
        *run = (struct run){.family = family, .first = sample, .bound = NAN, .count = NAN};
    }
    if (strcmp(suffix, "_bucket") == 0)
        return take_bucket(cursor, run, sample);
    if (strcmp(suffix, "_count") == 0 || strcmp(suffix, "_gcount") == 0)
        run->count = sample->value;
    run->sum |= strcmp(suffix, "_sum") == 0;
    run->gsum |= strcmp(suffix, "_gsum") == 0;
    run->negative_sum |= strcmp(suffix, "_gsum") == 0 && sample->value < 0;
    return 0;
}

int check_histograms(struct cursor *cursor, const struct exposition *exposition)
{
    struct run run = {0};
    int code = 0;
    for (size_t i = 0; code == 0 && i < exposition->sample_count; i++) {
        const struct sample *sample = &exposition->samples[i];
        const struct exposed_family *family = &exposition->families[sample->family];
        if (family_is(family, "histogram") || family_is(family, "gaugehistogram"))
            code = take(cursor, &run, family, sample);
    }
    return code != 0 ? code : close_run(cursor, &run);
}
