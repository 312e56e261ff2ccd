/* SPDX-License-Identifier: Apache-2.0 */
/** @file promc-http/http.h The families of HTTP server metrics. Threads: see promc-http/request.h. */
#ifndef PROMC_HTTP_HTTP_H
#define PROMC_HTTP_HTTP_H

#include <promc/promc.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct promc_http promc_http;

typedef struct promc_http_settings {
    /** Bounds of http_request_duration_seconds; NULL: .005 .01 .025 .05 .1 .25 .5 1 2.5 5 10 30 60. */
    const double *duration_buckets;
    size_t duration_bucket_count;
    /** Bounds of the size histograms; NULL: 100 B … 100 MB in powers of ten. */
    const double *size_buckets;
    size_t size_bucket_count;
    /** Maximum series of each family. 0: the registry's default. */
    uint32_t max_series;
    /** Must be zero: see promc/version.h. */
    uint64_t reserved[4];
} promc_http_settings;

/**
 * Register the families. Everything is copied.
 * @param[out] out  promc_http_destroy() frees it. NULL after an error; a family that was registered stays.
 * @param settings NULL for the defaults.
 * @return 0, PROMC_E_NOMEM, PROMC_E_VERSION (a reserved word is set), or as promc_histogram_register().
 */
PROMC_API int promc_http_create(promc_http **out, promc_registry *registry, const promc_http_settings *settings);
/** Free it, before its registry is destroyed. NULL is allowed. */
PROMC_API void promc_http_destroy(promc_http *http);

#ifdef __cplusplus
}
#endif
#endif
