/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/registry.h
 * A registry: a set of metric families that are scraped together. It lives in one arena
 * (a contiguous address range of fixed size; see docs/library/internals.md).
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

/** Settings of a registry. Start from promc_registry_default_settings(); a field that is 0 takes its default. */
typedef struct promc_registry_settings {
    /**
     * The hard memory budget in bytes. The address range is reserved at creation; memory is committed piece by piece when it is needed. If the
     * system refuses memory, the arena is full early. Range 256 KiB … 32 GiB (1 GiB with 32-bit pointers), default 64 MiB.
     * mlockall(2) locks the memory in use. Exception: with shared_path or memory, MCL_CURRENT commits the whole arena
     * (MCL_ONFAULT does not; MCL_FUTURE before the creation locks pages as they are touched).
     */
    size_t arena_bytes;
    /**
     * How many threads get their own shard; further threads share one with atomic instructions.
     * Range 1 … 1024, default 64, or in an arena below 1 MiB as many as fit. If you set it, all of them must fit: each needs a run of
     * pages, and 64 of them do not fit 256 KiB (PROMC_E_INVALID says how much they need).
     */
    uint32_t max_threads;
    /** Maximum series of a family that sets no cap. Default 10,000. */
    uint32_t max_series_per_family;
    /** Longest label value in bytes; a longer one is cut at a character boundary. Default 1024, at most 65,535. */
    uint32_t max_label_value_bytes;
    /**
     * NULL (default): private memory. A path: the arena is this file, mapped MAP_SHARED, so that forked workers
     * write to it together and `promc dump FILE` can read it after a crash (put it on tmpfs, e.g. under /dev/shm).
     * If running processes use the file, this one joins them (the sizes in the file apply, not these settings). If all its users are dead, the
     * file is replaced, so a restarted program starts from zero. Families with the same definition are the same family.
     * The file's pages are allocated before they are used: on a full file system the creation or registration fails, or updates go to an overflow
     * series or the shared shard (see max_threads). There is never a SIGBUS.
     */
    const char *shared_path;
    /**
     * Labels added to every series of the registry, ended by a NULL name like a family's, or by the count if that is not 0.
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
     * reads since 3.0. Default false: they are refused, since most tools cannot query them.
     */
    bool utf8_names;
    /**
     * The operator's changes to metrics: entries, one per line or separated by `;`. Each has a metric's name and the settings that
     * replace the program's. Empty entries and those that start with `#` are skipped. A text that starts with `@` is the path
     * of a file with such entries.
     *
     *     http_request_duration_seconds buckets=0.01,0.1,1 max_series=500
     *     jobs_total idle_expiry_seconds=3600
     *     upload_bytes histogram=both schema=5 max_buckets=100 zero_threshold=1
     *     lookup_seconds quantiles=0.5,0.99 max_age_seconds=300
     *     emails_sent_total cap_label=organisation_id max_series=500
     *     * birth_zero_seconds=15
     *
     * If the program sets no idle_expiry_seconds for a metric, an override hides an idle series but keeps its handles valid: the next update shows
     * it again, with its counts. Idle series are removed only while the metric is at three quarters of its cap or above.
     *
     * `*` stands for all metrics whose program does not set the value; only birth_zero_seconds is allowed (0: none).
     *
     * NULL (default): the environment variable PROMC_OVERRIDES, if it is set. "": none. If there is an error in it, the registry's
     * creation fails with PROMC_E_INVALID, PROMC_E_BUCKETS or PROMC_E_IO and a detail that says where. Buckets for a metric that is not
     * a histogram, or an age or quantiles for one that is not a summary, make that metric's registration fail.
     */
    const char *overrides;
    /** Default for families that do not set it: see promc_family_settings. Default 0: new series are shown with their value. */
    uint32_t birth_zero_seconds;
    /**
     * NULL (default): promc's own memory. Otherwise the arena uses these arena_bytes. They are yours, aligned to 64 bytes, and must last until
     * promc_registry_destroy(): a static buffer, or shared memory of PostgreSQL or nginx. Not with a shared_path.
     * Their contents do not matter; they are written when they are needed. Do not use handles after you have used the memory for something
     * else, including another registry.
     */
    void *memory;
    /** Permissions of a new shared_path, regardless of the umask: 0660 lets the group's processes join. 0: 0640, less the umask's bits. */
    uint32_t shared_mode;
    /**
     * 1: processes share `memory`, like a shared_path. It must be zero at first. The first creation makes the arena; later ones, by
     * processes that have it mapped at any address, join it after the first has returned (PROMC_E_BUSY until then). You must prevent two
     * first creations at the same time, as PostgreSQL does with AddinShmemInitLock. Children of a fork need not create anything.
     * 0 (default): the memory belongs to this process; after a fork, the child's copy counts from zero.
     */
    uint32_t memory_is_shared;
    /** Must be zero: see version.h. */
    uint64_t reserved[6];
} promc_registry_settings;

/** Fill *settings with the defaults. Never fails. */
PROMC_API void promc_registry_default_settings(promc_registry_settings *settings);

/**
 * Make an empty registry. Up to 255 may exist in a process. The first fifteen have the fast path. Registries that are made while
 * fifteen exist use atomic instructions and find the registry by its address, which costs some tens of nanoseconds per update.
 * @param[out] out    the registry; the caller destroys it.
 * @param settings    NULL for the defaults; copied.
 * @return 0, PROMC_E_INVALID, PROMC_E_NOMEM, PROMC_E_IO, PROMC_E_FORMAT (shared_path is another kind of file),
 *         PROMC_E_BUSY (255 registries exist in the process; another process is making the arena in `memory`),
 *         PROMC_E_VERSION (a reserved word is set).
 */
PROMC_API int promc_registry_create(promc_registry **out, const promc_registry_settings *settings);

/**
 * Unmap the registry and everything in it. NULL is allowed.
 * Its handles do nothing from then on, even after another registry is made. For that, a part of its address range stays reserved, without using
 * memory, for the last 1,024 registries or 1 TiB (256 MiB with 32-bit pointers). (The settings' `memory` belongs to the caller again.)
 * @note no other thread may update or scrape during the call. The registry's families, scrapes and descriptions become invalid.
 */
PROMC_API void promc_registry_destroy(promc_registry *registry);

/**
 * Open the shared arena at `path` without writing to it, to scrape the last values of a program that is dead
 * or hangs. Nothing can be registered, found or updated through it. Destroy it like any other registry.
 * @return 0, PROMC_E_IO, PROMC_E_FORMAT, PROMC_E_NOMEM, PROMC_E_BUSY.
 */
PROMC_API int promc_registry_open_readonly(promc_registry **out, const char *path);

/**
 * The name of an override for which no metric has been registered (yet), or NULL. Use it for a warning at the end of the
 * program's start, since the name may be misspelt. Owned by the registry. Do not call it while another thread registers.
 */
PROMC_API const char *promc_overrides_unused(const promc_registry *registry);

/** What is in the arena. */
typedef struct promc_registry_stats {
    size_t arena_bytes;         /**< the budget */
    size_t arena_used_bytes;    /**< metadata and cells in use, over all shards */
    uint32_t families;          /**< families registered */
    uint64_t series;            /**< series that exist now */
    uint64_t series_dropped;    /**< updates that went to an overflow series because of a cap or the budget */
    uint64_t stale_updates;     /**< updates through a handle whose series had been removed */
    uint32_t shards;            /**< shards ever used */
    uint32_t scrapes_in_flight; /**< scrapes that have begun but not ended */
} promc_registry_stats;

/**
 * `promc_registry_get_stats(registry, &stats, sizeof stats)`. Thread safe, lock-free, O(families).
 * @param size sizeof *out at compile time: later versions may add members at its end, see version.h.
 * @return 0, PROMC_E_VERSION (*out is zeroed), PROMC_E_INVALID (no such size).
 */
PROMC_API int promc_registry_get_stats(const promc_registry *registry, promc_registry_stats *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
