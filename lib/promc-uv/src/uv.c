/* SPDX-License-Identifier: Apache-2.0 */
#include <promc-uv/uv.h>

#include <promc/gauge.h>
#include <promc/histogram.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

static const double default_buckets[] = {.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5};

struct promc_uv {
    uv_timer_t timer; /* first: closing it frees the watch */
    char *name;
    promc_registry *registry;
    struct promc_uv *next; /* of this process' watches */
    pid_t process;
    uint64_t interval_ns, due_ns;
    void (*on_lag)(void *user, double seconds);
    void *user;
    uint64_t looked_ns, idle_ns; /* at the last update of utilisation and handles */
    promc_family *utilizations, *handles;
    promc_histogram lag;
    bool seen[UV_HANDLE_TYPE_MAX]; /* a type has a gauge from its first occurrence on */
    unsigned count[UV_HANDLE_TYPE_MAX];
};

/* ---- this process' watches: no two of a registry have one name ---- */

/*
 * That a series exists does not mean that its loop is watched: in a shared arena it may be of a worker that was killed. A forked child has
 * its parent's watches in its list; they do not count, because their loops run in the parent.
 */
static pthread_mutex_t watches_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static promc_uv *watches;

static void lock(void)
{
    pthread_mutex_lock(&watches_lock);
}

static void unlock(void)
{
    pthread_mutex_unlock(&watches_lock);
}

static void watch_fork(void)
{
    pthread_atfork(lock, unlock, unlock);
}

/* @return false: there is one of that name. */
static bool enter(promc_uv *watch)
{
    pthread_once(&fork_once, watch_fork);
    watch->process = getpid();
    lock();
    const promc_uv *other = watches;
    while (other && (other->process != watch->process || other->registry != watch->registry ||
                     strcmp(other->name, watch->name) != 0))
        other = other->next;
    if (!other) {
        watch->next = watches;
        watches = watch;
    }
    unlock();
    return !other;
}

static void leave(const promc_uv *watch)
{
    lock();
    for (promc_uv **place = &watches; *place; place = &(*place)->next) {
        if (*place == watch) {
            *place = watch->next;
            break;
        }
    }
    unlock();
}

/* ---- the metrics ---- */

/* Get or register the family. If two threads race, the second uses the first one's. */
static int lag_family(promc_registry *registry, const promc_uv_settings *settings, promc_family **out)
{
    bool given = settings->buckets != NULL;
    promc_histogram_settings lag = {
        .family = {.name = "eventloop_lag_seconds", .help = "Delay of a timer on the event loop.", .labels = {"loop"}},
        .buckets = given ? settings->buckets : default_buckets,
        .bucket_count = given ? settings->bucket_count : sizeof(default_buckets) / sizeof(default_buckets[0]),
    };
    *out = promc_family_find(registry, lag.family.name);
    int rc = *out ? 0 : promc_histogram_register(registry, &lag, out);
    if (rc == PROMC_E_DUPLICATE && (*out = promc_family_find(registry, lag.family.name)))
        rc = 0;
    return rc;
}

static int gauge_family(promc_registry *registry, const promc_family_settings *settings, promc_family **out)
{
    *out = promc_family_find(registry, settings->name);
    int rc = *out ? 0 : promc_gauge_register(registry, settings, out);
    if (rc == PROMC_E_DUPLICATE && (*out = promc_family_find(registry, settings->name)))
        rc = 0;
    return rc;
}

static int find_metrics(promc_uv *watch, promc_registry *registry, const promc_uv_settings *settings)
{
    const promc_family_settings utilization = {
        .name = "eventloop_utilization_ratio",
        .help = "Fraction of the last second in which the event loop was busy, 0 to 1.",
        .labels = {"loop"}};
    const promc_family_settings handles = {.name = "eventloop_handles",
                                           .help = "Active libuv handles of the event loop, by type.",
                                           .labels = {"loop", "type"}};
    const char *const name[] = {watch->name};
    promc_family *lag;
    promc_gauge first;
    int rc;
    if ((rc = lag_family(registry, settings, &lag)) < 0 ||
        (rc = gauge_family(registry, &utilization, &watch->utilizations)) < 0 ||
        (rc = gauge_family(registry, &handles, &watch->handles)) < 0 ||
        (rc = promc_histogram_get(lag, name, &watch->lag)) < 0)
        return rc;
    return promc_gauge_get(watch->utilizations, name, &first);
}

static void count_handle(uv_handle_t *handle, void *arg)
{
    promc_uv *watch = arg;
    if (handle != (uv_handle_t *)&watch->timer && uv_is_active(handle) && handle->type < UV_HANDLE_TYPE_MAX)
        watch->count[handle->type]++;
}

static void look_at_handles(promc_uv *watch)
{
    memset(watch->count, 0, sizeof(watch->count));
    uv_walk(watch->timer.loop, count_handle, watch);
    for (int type = 0; type < UV_HANDLE_TYPE_MAX; type++) {
        const char *name = uv_handle_type_name((uv_handle_type)type);
        promc_gauge gauge;
        watch->seen[type] |= watch->count[type] > 0;
        if (watch->seen[type] && name &&
            promc_gauge_get(watch->handles, (const char *const[]){watch->name, name}, &gauge) == 0)
            promc_gauge_set(gauge, watch->count[type]);
    }
}

/* The gauges are looked up each time: another process of a shared arena may have had the name, and have removed them. */
static void look(promc_uv *watch, uint64_t now)
{
    promc_gauge utilization;
    uint64_t idle = uv_metrics_idle_time(watch->timer.loop), elapsed = now - watch->looked_ns;
    if (watch->looked_ns &&
        promc_gauge_get(watch->utilizations, (const char *const[]){watch->name}, &utilization) == 0) {
        double ratio = 1.0 - (double)(idle - watch->idle_ns) / (double)elapsed;
        promc_gauge_set(utilization, ratio < 0 ? 0 : ratio);
    }
    watch->looked_ns = now;
    watch->idle_ns = idle;
    look_at_handles(watch);
}

/* The timer is restarted from now each time, so a late call causes one late observation, and no burst. */
static void on_timer(uv_timer_t *timer)
{
    promc_uv *watch = timer->data;
    uint64_t now = uv_hrtime();
    double lag = now > watch->due_ns ? (double)(now - watch->due_ns) / 1e9 : 0;
    promc_histogram_observe(watch->lag, lag);
    if (watch->on_lag)
        watch->on_lag(watch->user, lag);
    if (uv_is_closing((uv_handle_t *)timer)) /* on_lag has stopped the watch */
        return;
    if (now - watch->looked_ns >= SECOND)
        look(watch, now);
    uv_update_time(timer->loop);
    watch->due_ns = uv_hrtime() + watch->interval_ns;
    (void)uv_timer_start(timer, on_timer, watch->interval_ns / 1000000, 0);
}

static void free_watch(promc_uv *watch)
{
    if (watch)
        free(watch->name);
    free(watch);
}

static void on_closed(uv_handle_t *handle)
{
    free_watch(handle->data);
}

int promc_uv_start(promc_uv **out, promc_registry *registry, uv_loop_t *loop, const promc_uv_settings *settings)
{
    static const promc_uv_settings defaults;
    *out = NULL;
    if (!settings)
        settings = &defaults;
    int rc = PROMC_RESERVED_CHECK(promc_uv_settings, settings);
    if (rc < 0)
        return rc;
    unsigned interval_ms = settings->interval_ms ? settings->interval_ms : 10;
    if (!registry || !loop || interval_ms > 1000)
        return PROMC_E_INVALID;
    promc_uv *watch = calloc(1, sizeof(*watch));
    if (!watch || !(watch->name = strdup(settings->loop ? settings->loop : "main"))) {
        free_watch(watch);
        return PROMC_E_NOMEM;
    }
    watch->registry = registry;
    rc = find_metrics(watch, registry, settings);
    if (rc == 0 && !enter(watch))
        rc = PROMC_E_DUPLICATE;
    if (rc < 0) {
        free_watch(watch);
        return rc;
    }
    (void)uv_loop_configure(loop, UV_METRICS_IDLE_TIME);
    (void)uv_timer_init(loop, &watch->timer);
    watch->timer.data = watch;
    watch->interval_ns = interval_ms * UINT64_C(1000000);
    watch->on_lag = settings->on_lag;
    watch->user = settings->user;
    uv_update_time(loop);
    look(watch, uv_hrtime());
    watch->due_ns = uv_hrtime() + watch->interval_ns;
    (void)uv_timer_start(&watch->timer, on_timer, interval_ms, 0);
    uv_unref((uv_handle_t *)&watch->timer);
    *out = watch;
    return 0;
}

void promc_uv_stop(promc_uv *watch)
{
    if (!watch)
        return;
    leave(watch);
    (void)promc_family_remove(watch->utilizations, (const char *const[]){watch->name});
    (void)promc_family_remove_matching(watch->handles, &(promc_label){"loop", watch->name}, 1);
    uv_close((uv_handle_t *)&watch->timer, on_closed);
}
