/* SPDX-License-Identifier: Apache-2.0 */
#include "types/bounds.h"
#include "base/number.h"

#include <math.h>
#include <string.h>

int promc_bounds_check(const char *metric, const double *bounds, size_t *count)
{
    const char *name = metric ? metric : "(null)";
    size_t n = *count;
    bool infinite = n > 0 && bounds[n - 1] == INFINITY;
    n -= infinite;
    if ((n == 0 && !infinite) || n > PROMC_MAX_BUCKETS)
        return promc_fail(PROMC_E_BUCKETS,
                          "metric \"%s\": %zu finite bucket bounds, 1 to %d are allowed (or +Inf alone)", name, n,
                          PROMC_MAX_BUCKETS);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(bounds[i]))
            return promc_fail(PROMC_E_BUCKETS, "metric \"%s\": bucket bound %zu is not finite", name, i);
        if (i > 0 && bounds[i] <= bounds[i - 1])
            return promc_fail(PROMC_E_BUCKETS,
                              "metric \"%s\": bucket bound %zu (%g) is not above the previous one (%g)", name, i,
                              bounds[i], bounds[i - 1]);
    }
    *count = n;
    return 0;
}

void promc_bounds_text(struct promc_le *le, double bound)
{
    char classic[PROMC_NUMBER_MAX], openmetrics[PROMC_NUMBER_MAX];
    size_t n = (size_t)(promc_number_bound(openmetrics, bound, true) - openmetrics);
    size_t m = (size_t)(promc_number_bound(classic, bound, false) - classic);
    memcpy(le->text, openmetrics, n);
    le->openmetrics_length = (uint8_t)n;
    le->classic_length = (uint8_t)m;
}

/* Check computed bounds: rounding or bad arguments may have made them invalid. */
static int check_filled(const double *bounds, size_t count, const char *rule)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(bounds[i]) || (i > 0 && bounds[i] <= bounds[i - 1]))
            return promc_fail(PROMC_E_BUCKETS, "%s buckets: bound %zu is not finite or not above the previous one",
                              rule, i);
    }
    return 0;
}

int promc_buckets_linear(double *bounds, size_t count, double start, double width)
{
    if (!bounds || count == 0 || count > PROMC_MAX_BUCKETS || !(width > 0))
        return promc_fail(PROMC_E_BUCKETS, "linear buckets: count 1 to %d and a width above 0 are needed",
                          PROMC_MAX_BUCKETS);
    for (size_t i = 0; i < count; i++)
        bounds[i] = start + (double)i * width;
    return check_filled(bounds, count, "linear");
}

int promc_buckets_exponential(double *bounds, size_t count, double start, double factor)
{
    if (!bounds || count == 0 || count > PROMC_MAX_BUCKETS || !(start > 0) || !(factor > 1))
        return promc_fail(PROMC_E_BUCKETS,
                          "exponential buckets: count 1 to %d, a start above 0 and a factor above 1 are needed",
                          PROMC_MAX_BUCKETS);
    double bound = start;
    for (size_t i = 0; i < count; i++, bound *= factor)
        bounds[i] = bound;
    return check_filled(bounds, count, "exponential");
}
