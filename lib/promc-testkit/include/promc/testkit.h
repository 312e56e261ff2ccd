/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/testkit.h
 * For tests of programs that use promc: compare what a registry exposes with a text, read one value, lint.
 * Link with `promc-testkit`; production code does not need it.
 *
 *     char *report;
 *     if (promc_testkit_compare(registry, "# TYPE jobs_total counter\njobs_total{queue=\"mail\"} 3\n",
 *                               (const char *[]){"jobs_total", NULL}, &report) != 0)
 *         fail_msg("%s", report);
 *
 * All functions are thread safe. Strings that they return are malloc()ed; the caller frees them.
 */
#ifndef PROMC_TESTKIT_H
#define PROMC_TESTKIT_H

#include <promc/promc.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Compare the registry with an expected exposition in text 0.0.4. The order of families and series does not matter, and the expected
 * text may leave out HELP lines. Everything else must be equal.
 * @param names   NULL-terminated list of family names to look at; NULL: all.
 * @param[out] report  on a difference: lines marked `-` are missing, `+` are unexpected; on a syntax error of
 *                `expected`: its line and what is wrong. NULL when equal. May be NULL.
 * @return 0 equal, 1 different, PROMC_E_INVALID (`expected` is not valid text), PROMC_E_NOMEM.
 */
PROMC_API int promc_testkit_compare(promc_registry *registry, const char *expected, const char *const *names,
                                    char **report);

/**
 * Read one sample by its exposed name, e.g. "jobs_total", "job_seconds_count", or "job_seconds_bucket" with le = "0.5",
 * and exactly these labels (any order).
 * @return 0, or PROMC_E_NOT_FOUND, PROMC_E_NOMEM.
 */
PROMC_API int promc_testkit_value(promc_registry *registry, const char *name, const promc_label *labels,
                                  size_t label_count, double *out);

/** promc_testkit_value() in an expression: `promc_testkit_read(reg, "jobs_total", "queue", "mail")`; NaN if absent. */
#define promc_testkit_read(registry, ...)                                    \
    promc_testkit_read_pairs((registry), (const char *const[]){__VA_ARGS__}, \
                             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))
/** For the macro: the name, then label names and values in turn. */
PROMC_API double promc_testkit_read_pairs(promc_registry *registry, const char *const *name_and_pairs, size_t count);

/** Number of series of a family (a histogram's label set counts once). 0 if there is no such family. */
PROMC_API size_t promc_testkit_series_count(promc_registry *registry, const char *family);

/**
 * The rules of Prometheus' promlint (client_golang v1.25) for everything that the registry exposes, with promlint's messages:
 *
 * | rule | what it says |
 * | --- | --- |
 * | LintHelp | no help text |
 * | LintMetricUnits | use base unit "seconds" instead of "milliseconds" (also: ratio instead of percent, our own) |
 * | LintCounter | a counter ends with `_total`, nothing else does |
 * | LintHistogramSummaryReserved | `_bucket`, `_count`, `_sum`, `le` and `quantile` belong to histograms and summaries |
 * | LintMetricTypeInName | the name does not say `_gauge` |
 * | LintReservedChars | `:` is for recording rules |
 * | LintCamelCase | names of metrics and labels are in snake_case |
 * | LintUnitAbbreviations | no `_ms`, `_kb` … |
 * | LintDuplicateMetric | metric not unique |
 *
 * and one of our own: names that Prometheus itself adds (`up`, `scrape_…`, `ALERTS`, the labels `job` and `instance`).
 * A problem counts once per family, even if many of its series have it.
 * @param[out] report  one line per problem, `metric: problem`; NULL if there is none. May be NULL.
 * @return the number of problems, or PROMC_E_NOMEM; PROMC_E_INVALID if the exposition cannot be read (the report names the line).
 */
PROMC_API int promc_testkit_lint(promc_registry *registry, char **report);
/** The same for an exposition in text 0.0.4 from any source. */
PROMC_API int promc_testkit_lint_text(const char *text, size_t length, char **report);

/**
 * Check an exposition strictly: grammar, UTF-8, TYPE before samples, contiguous families, no series twice, histograms with
 * ascending cumulative buckets and `+Inf` equal to `_count`, summaries with quantiles in 0 … 1 and no NaN or negative sum.
 *
 * OpenMetrics: the rules of OpenMetrics 1.0; of the project's official vectors it accepts each good one and refuses each bad one.
 * Beyond what Python's prometheus_client.openmetrics.parser refuses, it refuses
 * - numbers that are not the specification's decimal `realnumber`, `NaN`, `+Inf` or `-Inf` (no `Inf`, `nan`, `1_000`);
 * - a lone backslash at the end of HELP, bytes that are not UTF-8;
 * - a series twice without timestamps, a bucket twice;
 * - names, label lists and comments that only a lenient parser accepts.
 * Beyond the specification it accepts UTF-8 names in quotes (`{"my.name"} 1`), which Prometheus 3 negotiates.
 * A series may have several points with timestamps that do not fall.
 * @param format  PROMC_FORMAT_TEXT or PROMC_FORMAT_OPENMETRICS.
 * @param[out] report  the first error, `line N: what`; NULL if valid. May be NULL.
 * @return 0, PROMC_E_INVALID, PROMC_E_NOMEM.
 */
PROMC_API int promc_testkit_check(const char *text, size_t length, enum promc_format format, char **report);

#ifdef __cplusplus
}
#endif
#endif
