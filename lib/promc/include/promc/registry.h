/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/registry.h
 * A registry: a set of metric families that is scraped as one, living in one arena
 * (a contiguous address range of fixed size; see docs/promc-internals.md).
 */
#ifndef PROMC_REGISTRY_H
#define PROMC_REGISTRY_H

#include <promc/error.h>
#include <promc/version.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct promc_registry promc_registry;

/** A `name="value"` pair that is added to every series. Strings are copied. */
typedef struct promc_label {
    const char *name;
    const char *value;
} promc_label;

/** How a registry is made. Start from promc_registry_default_settings(); a field that is 0 takes its default. */
typedef struct promc_registry_settings {
    /**
     * The hard memory budget in bytes: address range reserved at creation; pages are committed
     * only when touched. Range 256 KiB … 32 GiB, default 64 MiB.
     */
    size_t arena_bytes;
    /**
     * How many threads get a shard of their own; further ones share one with atomic instructions.
     * Range 1 … 1024, default 64, in an arena below 1 MiB as many as have room. Asked for in words, they must have it: each takes a run of
     * pages, and 64 of them do not fit 256 KiB (PROMC_E_INVALID says how much they need).
     */
    uint32_t max_threads;
    /** Series a family may have where it sets no cap of its own. Default 10,000. */
    uint32_t max_series_per_family;
    /** Longest label value in bytes; a longer one is cut at a character boundary. Default 1024, at most 65,535. */
    uint32_t max_label_value_bytes;
    /**
     * NULL (default): private memory. A path: the arena is this file, mapped MAP_SHARED, so that forked workers
     * write into it together and `promc dump FILE` reads it after a crash (put it on tmpfs, e.g. under /dev/shm).
     * A file that living processes use is joined (its own sizes count, not those here); one whose users are all dead is
     * replaced, so a new life of the program starts from zero. Families with the same definition are one.
     */
    const char *shared_path;
    /**
     * Labels added to every series of the registry, ended by a NULL name, as a family's are, or by the count where that is not 0.
     * Default none: identity belongs to the scraper's configuration.
     */
    const promc_label *constant_labels;
    size_t constant_label_count;
    /** Leave out promc's own metrics (`promc_scrape_duration_seconds` …). Default false. */
    bool no_self_metrics;
    /** Expose `_created` timestamps in OpenMetrics. Default false. */
    bool created_timestamps;
    /**
     * Allow metric and label names outside the classic grammar (any UTF-8 without control characters), which Prometheus
     * reads since 3.0. Default false: they are refused, since most of the field's tools cannot query them.
     */
    bool utf8_names;
    /**
     * What the operator changes about metrics: entries, one a line or separated by `;`, each a metric's name and what is
     * other than in the program; empty ones and those that start with `#` are skipped. A text that starts with `@` is the path
     * of a file with such entries.
     *
     *     http_request_duration_seconds buckets=0.01,0.1,1 max_series=500
     *     jobs_total idle_expiry_seconds=3600
     *     upload_bytes histogram=both schema=5 max_buckets=100 zero_threshold=1
     *     lookup_seconds quantiles=0.5,0.99 max_age_seconds=300
     *     emails_sent_total cap_label=organisation_id max_series=500
     *     * birth_zero_seconds=15
     *
     * idle_expiry_seconds for a metric whose program has none hides an idle series and keeps its handles: the next update shows it again, with all
     * that it has counted. Only while the metric is at three quarters of its cap are idle series removed after all.
     *
     * `*` stands for all metrics whose program says nothing of it; it has birth_zero_seconds alone (0: none).
     *
     * NULL (default): the environment variable PROMC_OVERRIDES, if it is set. "": none. A fault in it fails the registry's
     * creation with PROMC_E_INVALID, PROMC_E_BUCKETS or PROMC_E_IO and a detail that says where; buckets for what is no
     * histogram, or an age or quantiles for what is no summary, fail that metric's registration.
     */
    const char *overrides;
    /** What families have that say nothing of it: see promc_family_settings. Default 0: new series are shown as they are. */
    uint32_t birth_zero_seconds;
    /** Must be zero: see version.h. */
    uint64_t reserved[8];
} promc_registry_settings;

/** Fill *settings with the defaults. Never fails. */
PROMC_API void promc_registry_default_settings(promc_registry_settings *settings);

/**
 * Make an empty registry.
 * @param[out] out    the registry; the caller destroys it.
 * @param settings    NULL for the defaults; copied.
 * @return 0, PROMC_E_INVALID, PROMC_E_NOMEM, PROMC_E_IO, PROMC_E_FORMAT (shared_path holds something else),
 *         PROMC_E_BUSY (more than 15 registries alive in the process), PROMC_E_VERSION (a reserved word is set).
 */
PROMC_API int promc_registry_create(promc_registry **out, const promc_registry_settings *settings);

/**
 * Unmap the registry and everything in it. NULL is allowed.
 * Handles of it do nothing from then on, also when another registry is made: its address range stays reserved, without memory (the
 * metadata's part of it, of the last 1,024 registries or 1 TiB).
 * @note no other thread may update or scrape during the call, and families, scrapes and descriptions of it are gone.
 */
PROMC_API void promc_registry_destroy(promc_registry *registry);

/**
 * Look into the shared arena at `path` without writing a byte: for scraping the last values of a program that is dead
 * or hung. Nothing can be registered, found or updated through it. Destroyed like any other.
 * @return 0, PROMC_E_IO, PROMC_E_FORMAT, PROMC_E_NOMEM, PROMC_E_BUSY.
 */
PROMC_API int promc_registry_open_readonly(promc_registry **out, const char *path);

/**
 * The name of an override for which no metric has been registered (yet), or NULL: for a warning at the end of the
 * program's start, since it may be misspelt. Owned by the registry. Not while another thread registers.
 */
PROMC_API const char *promc_overrides_unused(const promc_registry *registry);

/** What the arena holds. */
typedef struct promc_registry_stats {
    size_t arena_bytes;         /**< the budget */
    size_t arena_used_bytes;    /**< metadata and cells handed out, all shards in use */
    uint32_t families;          /**< families registered */
    uint64_t series;            /**< series alive */
    uint64_t series_dropped;    /**< updates that went to an overflow series because of a cap or the budget */
    uint64_t stale_updates;     /**< updates through a handle whose series had been removed */
    uint32_t shards;            /**< shards ever used */
    uint32_t scrapes_in_flight; /**< scrapes begun and not ended */
} promc_registry_stats;

/**
 * `promc_registry_get_stats(registry, &stats, sizeof stats)`. Thread safe, lock-free, O(families).
 * @param size of *out as the program was compiled: members may be added at its end, see version.h.
 * @return 0, PROMC_E_VERSION (*out is zeroed), PROMC_E_INVALID (no such size).
 */
PROMC_API int promc_registry_get_stats(const promc_registry *registry, promc_registry_stats *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
