/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's changes to metrics without recompiling. The grammar is in promc/registry.h. Process-local; read once,
 * when the registry is made.
 */
#ifndef PROMC_REGISTRY_OVERRIDES_H
#define PROMC_REGISTRY_OVERRIDES_H

#include "series/family.h"
#include <promc/histogram.h>

struct promc_override {
    struct promc_override *next;
    char *name;
    double *bounds; /* NULL: as the program has them */
    size_t bound_count;
    double *quantiles; /* NULL: as the program has them */
    size_t quantile_count;
    uint32_t max_age_seconds; /* 0: as the program has it */
    enum promc_histogram_kind kind;
    struct promc_native_plan native; /* valid where has_… is true */
    bool has_kind, has_schema, has_max_buckets, has_zero_threshold;
    uint32_t max_series;
    uint32_t idle_expiry_seconds;
    uint32_t birth_zero_seconds; /* PROMC_BIRTH_ZERO_OFF: none */
    char *cap_label;             /* NULL: as the program has it */
    bool has_max_series, has_idle_expiry, has_birth_zero;
    bool used; /* atomic; a family of that name has been registered */
};

/*
 * @param text entries, one per line or separated by `;`. NULL: none.
 * @return 0, PROMC_E_INVALID or PROMC_E_BUCKETS with a detail that names entry and error, PROMC_E_NOMEM. *out is set only on 0.
 */
int promc_overrides_parse(const char *text, struct promc_override **out);
/* The overrides of settings->overrides, or else of the environment. As promc_overrides_parse(), also PROMC_E_IO. */
int promc_overrides_load(const char *given, struct promc_override **out);
void promc_overrides_free(struct promc_override *overrides);

/*
 * Change a plan before the family is made. *settings is a copy to which the plan points. The override's arrays are used
 * until the family exists. PROMC_E_INVALID: buckets for a metric that is not a histogram or has none, native
 * settings for one that is not native, an age or quantiles for one that is not a summary.
 */
int promc_overrides_apply(promc_registry *registry, struct promc_family_plan *plan, promc_family_settings *settings);

#endif
