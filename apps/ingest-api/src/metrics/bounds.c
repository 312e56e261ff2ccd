/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/bounds.h"

#include "metrics/metrics.h"

static const struct metrics_bound read_by_rules[] = {
#define BOUND(metric, bound, alerts) {metric, bound, alerts},
    METRICS_BOUNDS(BOUND)
#undef BOUND
};

static bool has(promc_registry *registry, const struct metrics_bound *wanted)
{
    promc_family *family = promc_family_find(registry, wanted->metric);
    promc_family_description is;
    if (!family || promc_family_describe(family, &is, sizeof(is)) < 0)
        return true;
    if (is.bucket_count == 0)
        return is.native;
    for (size_t i = 0; i < is.bucket_count; i++)
        if (is.buckets[i] == wanted->bound)
            return true;
    return false;
}

void metrics_bounds_check(void (*lost)(const struct metrics_bound *bound))
{
    promc_registry *registry = metrics_registry();
    for (size_t i = 0; registry && i < sizeof(read_by_rules) / sizeof(read_by_rules[0]); i++)
        if (!has(registry, &read_by_rules[i]))
            lost(&read_by_rules[i]);
}
