/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/describe.h
 * Descriptions of a registry's families, without values: for a printed reference of a program's metrics, and for tools.
 */
#ifndef PROMC_DESCRIBE_H
#define PROMC_DESCRIBE_H

#include <promc/family.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A family as it was registered. All pointers point into the registry and are valid until it is destroyed. */
typedef struct promc_family_description {
    const char *name; /**< as in text 0.0.4, a counter's with `_total` */
    const char *help; /**< "" if there is none */
    const char *unit; /**< "" if there is none */
    enum promc_type type;
    const char *type_name; /**< as in the TYPE line: `counter`, `gauge` (also for PROMC_UPDOWN), `histogram` … */
    const char *labels[PROMC_MAX_LABELS]; /**< the first of label_count; the others: promc_family_label() */
    size_t label_count;
    const double *buckets; /**< upper bounds without +Inf; bucket_count of them */
    size_t bucket_count;
    const double *quantiles; /**< of a summary, ascending; quantile_count of them */
    size_t quantile_count;
    double quantile_error;    /**< the bound of their relative error */
    uint32_t max_age_seconds; /**< of a summary's observations; 0 for other types */
    uint32_t max_series;
    uint32_t idle_expiry_seconds; /**< 0: never */
    uint32_t birth_zero_seconds;  /**< 0: none */
    const char *cap_label;        /**< NULL: one cap for the family */
    bool native;                  /**< a histogram with exponential buckets, with or without `buckets` */
} promc_family_description;

/**
 * `promc_family_describe(family, &description, sizeof description)`. Thread safe, lock-free, O(labels).
 * @param size sizeof *out at compile time: later versions may add members at its end, see version.h.
 * @return 0, PROMC_E_VERSION (*out is zeroed), PROMC_E_INVALID (no such size).
 */
PROMC_API int promc_family_describe(const promc_family *family, promc_family_description *out, size_t size);

/** The name of label i, in the order of the values; NULL past the last. Valid until the family is destroyed. Thread safe, O(1). */
PROMC_API const char *promc_family_label(const promc_family *family, size_t i);

/**
 * Walk the families that this process has registered, including promc's own (unless no_self_metrics is set), newest first:
 * `for (f = promc_family_next(registry, NULL); f; f = promc_family_next(registry, f))`.
 * @return the family after `previous`, the first for NULL; NULL at the end. Thread safe, lock-free, O(1).
 */
PROMC_API promc_family *promc_family_next(promc_registry *registry, const promc_family *previous);

#ifdef __cplusplus
}
#endif
#endif
