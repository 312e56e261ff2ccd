/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc-uv/uv.h
 * Is the event loop keeping up? Three metrics for a libuv loop:
 *
 *     eventloop_lag_seconds{loop}          histogram: how late a timer of 10 ms fires; the delay that blocking callbacks cause
 *     eventloop_utilization_ratio{loop}    share of the last second in which the loop was not waiting for events
 *     eventloop_handles{loop,type}         active handles by libuv's type (tcp, timer, …), except the watch's own
 *
 *     promc_uv *watch;
 *     promc_uv_start(&watch, registry, uv_default_loop(), NULL);
 *     uv_run(uv_default_loop(), UV_RUN_DEFAULT);       // the watch does not keep the loop alive
 *     promc_uv_stop(watch);
 *     uv_run(uv_default_loop(), UV_RUN_DEFAULT);       // closes its handle and frees it
 *     uv_loop_close(uv_default_loop());
 *
 * If the program has already registered families with these names and labels, e.g. as rows of its table (promc/table.h), they are used.
 *
 * Make all calls for one watch on its loop's thread, or while the loop does not run. Several loops, each with its own
 * thread, may be watched in one registry under different names. In a shared arena, give the loops of different processes different
 * names too: the gauges of one name show the process that set them last. The worker that replaces a dead one may have its names.
 */
#ifndef PROMC_UV_UV_H
#define PROMC_UV_UV_H

#include <promc/registry.h>
#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct promc_uv promc_uv;

/** A field that is 0 takes its default. Strings are copied. */
typedef struct promc_uv_settings {
    /** The label `loop`. Default "main". */
    const char *loop;
    /** Milliseconds of the timer whose lateness is measured. Range 1 … 1000, default 10. */
    unsigned interval_ms;
    /**
     * Upper bounds of the lag in seconds, as promc_histogram_settings.buckets; the registry's first watch decides.
     * Default .0005 .001 .0025 .005 .01 .025 .05 .1 .25 .5 1 2.5 5. libuv's timers count whole milliseconds: a lag
     * below 1 ms counts as 0.
     */
    const double *buckets;
    size_t bucket_count;
    /** Called on the loop with each lag in seconds, for a program that needs more than the histogram. NULL: none. */
    void (*on_lag)(void *user, double seconds);
    void *user; /**< passed to on_lag */
    /** Must be zero: see promc/version.h. */
    uint64_t reserved[4];
} promc_uv_settings;

/**
 * Watch a loop. Registers the families if they do not exist yet. The loop gets an unreferenced timer; each firing costs
 * about a microsecond, and once a second all handles are walked (about 10 ns each).
 * @param[out] out  the watch; promc_uv_stop() ends it. NULL after an error.
 * @param settings  NULL for the defaults.
 * @return 0, PROMC_E_INVALID, PROMC_E_NOMEM, PROMC_E_DUPLICATE (this process already watches a loop of this name),
 *         PROMC_E_VERSION (a reserved word is set), PROMC_E_FULL, PROMC_E_BUCKETS, PROMC_E_TYPE or PROMC_E_LABEL_COUNT (a family of that name has another type or other labels).
 * @note call it before the loop runs for the first time: it configures UV_METRICS_IDLE_TIME.
 */
PROMC_API int promc_uv_start(promc_uv **out, promc_registry *registry, uv_loop_t *loop,
                             const promc_uv_settings *settings);

/**
 * End the watch. Its gauges are removed, its histogram stays. The memory is freed when the loop has run again, as with
 * every uv_close(). NULL is allowed. The registry may be destroyed right after.
 */
PROMC_API void promc_uv_stop(promc_uv *watch);

#ifdef __cplusplus
}
#endif
#endif
