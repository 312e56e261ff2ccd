/* SPDX-License-Identifier: Apache-2.0 */
/* The registry, and what belongs to no single subsystem. The other files of this folder have a subsystem each. */
#include "metrics/internal.h"

#include "base/log.h"

#include <sys/resource.h>

#ifdef INGEST_AMQP
#include <promc-amqp/amqp.h>
#endif
#ifdef INGEST_GZIP
#include <promc-exporter/gzip.h>
#endif

PROMC_TABLE_DEFINE(ingest, INGEST_METRICS);

/*
 * A new counter series is exported as 0 for this long, for series that are created by their first event. At least twice
 * the scrape interval and a time-out (5 s and 4 s: infra/prometheus/prometheus.yml), so that each scraper sees the 0.
 */
#define BIRTH_ZERO_SECONDS 15

static promc_registry *registry;
static promc_http *http;
static promc_exposition *exposition;
static unsigned max_scrapes;
static const char *arena; /* the registry's file, or NULL */

promc_registry *metrics_registry(void)
{
    return registry;
}

promc_http *metrics_http(void)
{
    return http;
}

promc_exposition *metrics_exposition(void)
{
    return exposition;
}

/* up to 60 s, so that requests of 60 s do not look like requests of 10 s */
static const double http_buckets[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60};

/* The metrics of broker connections, which these use from their creation (queue/amqp/link.c). */
static int register_broker(void)
{
#ifdef INGEST_AMQP
    return promc_amqp_register(registry, NULL);
#else
    return 0;
#endif
}

static int register_all(unsigned loops)
{
    int rc;
    promc_http_settings http_settings = {
        .duration_buckets = http_buckets,
        .duration_bucket_count = METRICS_COUNT(http_buckets),
        .max_series = 2000,
    };
    if ((rc = promc_http_create(&http, registry, &http_settings)) < 0 ||
        (rc = promc_table_register(registry, &ingest_table, &ingest)) < 0 || (rc = metrics_db_register(registry)) < 0 ||
        (rc = metrics_business_register(registry)) < 0 || (rc = metrics_data_dir_register(registry)) < 0 ||
        (rc = metrics_loops_register(loops)) < 0 || (rc = promc_collect_process(registry)) < 0 ||
        (rc = promc_collect_cgroup(registry)) < 0 || (rc = promc_collect_malloc(registry)) < 0 ||
        (rc = register_broker()) < 0)
        return rc;
    metrics_queue_register();
    return metrics_runtime_register(registry);
}

static int open_exposition(void)
{
    promc_exposition_settings settings = {.max_scrapes = max_scrapes};
#ifdef INGEST_GZIP
    settings.compressor = promc_exporter_gzip();
#endif
    return promc_exposition_create(&exposition, registry, &settings);
}

void metrics_keep_in(const char *path)
{
    arena = *path ? path : NULL;
}

void metrics_limit_scrapes(unsigned max)
{
    max_scrapes = max;
}

/*
 * Address space: only used pages get memory. Large enough that series are limited by their family's cap and
 * not by the arena. With so many shards a cell takes 1.4 KB and a counter two cells, and an operator may
 * raise a cap (PROMC_OVERRIDES).
 */
#define ARENA_BYTES ((size_t)512 << 20)
#define ARENA_BYTES_MIN ((size_t)32 << 20)

/* If address space is limited (ulimit -v), leave most of it to threads and the heap. */
static size_t arena_bytes(void)
{
    struct rlimit limit;
    size_t bytes = ARENA_BYTES;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        while (bytes > limit.rlim_cur / 4 && bytes > ARENA_BYTES_MIN)
            bytes /= 2;
    return bytes;
}

/*
 * Try smaller arenas until the system grants one. A smaller one holds fewer series; further ones count in
 * their family's overflow series.
 */
static int create_registry(promc_registry_settings *settings)
{
    int rc;
    settings->arena_bytes = arena_bytes();
    while ((rc = promc_registry_create(&registry, settings)) == PROMC_E_NOMEM &&
           settings->arena_bytes > ARENA_BYTES_MIN)
        settings->arena_bytes /= 2;
    if (rc == 0 && settings->arena_bytes < ARENA_BYTES)
        log_warn("the metrics get less address space than they need, and so have fewer series: see ulimit -v",
                 "s:component", "metrics", "u:bytes", (uint64_t)settings->arena_bytes, "u:wanted",
                 (uint64_t)ARENA_BYTES);
    return rc;
}

int metrics_init(bool enabled, unsigned loops)
{
    if (!enabled)
        return 0;
    promc_registry_settings settings;
    promc_registry_default_settings(&settings);
    /* loops, the store's threads, workers, libuv's pool: each thread should have its own shard */
    settings.max_threads = 160;
    settings.shared_path = arena;
    settings.birth_zero_seconds = BIRTH_ZERO_SECONDS;
    int rc = create_registry(&settings);
    if (rc == 0)
        rc = register_all(loops);
    if (rc == 0)
        rc = open_exposition();
    if (rc < 0) {
        log_error("the metrics cannot be set up", "s:error", promc_strerror(rc), "s:detail", promc_error_detail());
        metrics_destroy();
        return -1;
    }
    return 0;
}

void metrics_destroy(void)
{
    ingest = (struct ingest){0};
    metrics_db_reset();
    metrics_business_reset();
    metrics_loops_reset();
    promc_http_destroy(http);
    promc_exposition_destroy(exposition);
    promc_registry_destroy(registry);
    http = NULL;
    exposition = NULL;
    registry = NULL;
}
