/* SPDX-License-Identifier: Apache-2.0 */
#include "api/health.h"

#include "api/answer.h"
#include "api/why.h"
#include "base/app.h"
#include "base/backends.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/settings.h"
#include "http/router.h"
#include "http/server.h"
#include "metrics/metrics.h"
#include "queue/queue.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FRESH_NS UINT64_C(1000000000)
/* while a check runs, the previous result is returned for this long */
#define USABLE_NS (UINT64_C(10) * 1000000000)
#define CHECK_TIMEOUT_MS 2000

enum { CHECK_STORE = 1, CHECK_QUEUE = 2 }; /* bits of the failed checks */

struct health {
    uint64_t started_ns;
    pthread_mutex_t checking; /* one check at a time */
    _Atomic uint64_t result;  /* time of the result in ns, with the failed checks in the low two bits; 0: none yet */
    pthread_mutex_t causes_lock;
    struct causes causes; /* found by the check of `result`; guarded by causes_lock */
};

struct health *health_create(void)
{
    struct health *health = calloc(1, sizeof(*health));
    if (!health)
        return NULL;
    health->started_ns = promc_now_ns();
    pthread_mutex_init(&health->checking, NULL);
    pthread_mutex_init(&health->causes_lock, NULL);
    return health;
}

void health_destroy(struct health *health)
{
    if (!health)
        return;
    pthread_mutex_destroy(&health->checking);
    pthread_mutex_destroy(&health->causes_lock);
    free(health);
}

/* @return whether there is a result not older than `age_ns`; *failed has the failed checks. */
static bool result_within(struct health *health, uint64_t age_ns, unsigned *failed)
{
    uint64_t result = atomic_load_explicit(&health->result, memory_order_acquire);
    *failed = result & 3;
    return result && promc_now_ns() - (result & ~UINT64_C(3)) < age_ns;
}

static void find_causes(struct app *app)
{
    struct causes causes;
    why_collect(app, &causes);
    pthread_mutex_lock(&app->health->causes_lock);
    app->health->causes = causes;
    pthread_mutex_unlock(&app->health->causes_lock);
}

static unsigned check(struct app *app)
{
    struct health *health = app->health;
    unsigned failed;
    if (result_within(health, FRESH_NS, &failed))
        return failed;
    if (pthread_mutex_trylock(&health->checking) != 0) {
        if (result_within(health, USABLE_NS, &failed))
            return failed;
        pthread_mutex_lock(&health->checking);
    }
    if (!result_within(health, FRESH_NS, &failed)) {
        unsigned before = failed;
        failed = (store_check(app->store, CHECK_TIMEOUT_MS) < 0 ? CHECK_STORE : 0) |
                 (queue_check(app->queue, CHECK_TIMEOUT_MS) < 0 ? CHECK_QUEUE : 0);
        find_causes(app);
        atomic_store_explicit(&health->result, (promc_now_ns() & ~UINT64_C(3)) | failed, memory_order_release);
        if (failed != before) /* log changes only, not every probe */
            log_write(failed ? LOG_ERROR : LOG_INFO, failed ? "health check failed" : "health check passes again",
                      "b:store", !(failed & CHECK_STORE), "b:queue", !(failed & CHECK_QUEUE), (const char *)0);
    }
    pthread_mutex_unlock(&health->checking);
    return failed;
}

static int answer(struct request *req, int status, struct text *text)
{
    char *body = malloc(text->length);
    if (!body)
        return respond_error(req, 503, "no_memory", "The server has no memory for this request.");
    memcpy(body, text->data, text->length);
    return respond_bytes(req, status, "application/json", body, text->length);
}

static void add_check(struct text *text, const char *name, bool failed)
{
    text_add(text, "\"");
    text_add(text, name);
    text_add(text, failed ? "\":\"error\"" : "\":\"ok\"");
}

static void begin(struct text *text, bool ok)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    text_add(text, ok ? "{\"status\":\"ok\",\"timestamp\":\"" : "{\"status\":\"error\",\"timestamp\":\"");
    text_add_iso_time(text, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    text_add(text, "\"");
}

static void add_causes(struct text *text, struct request *req)
{
    struct health *health = req->app->health;
    bool names = why_shows_names(req);
    text_add(text, ",\"why\":");
    pthread_mutex_lock(&health->causes_lock);
    causes_write(text, &health->causes, names, clock_wall_ms());
    pthread_mutex_unlock(&health->causes_lock);
}

static int answer_health(struct request *req, unsigned failed)
{
    const struct app *app = req->app;
    const struct settings *settings = app->settings;
    struct text text;
    text_init_growing(&text, 1024);
    begin(&text, failed == 0);
    text_add(&text, ",\"uptime\":");
    text_add_decimal(&text, (double)(promc_now_ns() - app->health->started_ns) / 1e9);
    text_add(&text, ",\"version\":\"");
    text_add(&text, build_version());
    text_add(&text, "\",\"checks\":{");
    add_check(&text, "store", failed & CHECK_STORE);
    text_add(&text, ",");
    add_check(&text, "queue", failed & CHECK_QUEUE);
    text_add(&text, "},\"metrics\":{\"enabled\":");
    text_add(&text, settings->metrics_enabled ? "true" : "false");
    text_add(&text, ",\"endpoint\":\"/metrics\",\"prometheus\":");
    text_add_json(&text, settings->prometheus_url, strlen(settings->prometheus_url), SIZE_MAX);
    text_add(&text, ",\"grafana\":");
    text_add_json(&text, settings->grafana_url, strlen(settings->grafana_url), SIZE_MAX);
    text_add(&text, "}");
    add_causes(&text, req);
    text_add(&text, "}");
    if (failed)
        req->retry_after = 5;
    size_t length = text.length;
    char *body = text_take(&text);
    return body ? respond_bytes(req, failed ? 503 : 200, "application/json", body, length) : answer_no_memory(req);
}

/* An API can work without the broker, because jobs wait in the outbox. A worker cannot. */
static bool able(const struct settings *settings, unsigned failed)
{
    bool outbox = (settings->role & ROLE_API) && backend_is_broker(settings->queue_url);
    return (failed & (outbox ? CHECK_STORE : CHECK_STORE | CHECK_QUEUE)) == 0;
}

static int answer_ready(struct request *req, unsigned failed)
{
    char storage[256];
    struct text text;
    bool draining = http_server_draining(req->app->server), ready = able(req->app->settings, failed) && !draining;
    text_init(&text, storage, sizeof(storage));
    begin(&text, ready);
    text_add(&text, ",\"draining\":");
    text_add(&text, draining ? "true" : "false");
    text_add(&text, ",\"checks\":{");
    add_check(&text, "store", failed & CHECK_STORE);
    text_add(&text, ",");
    add_check(&text, "queue", failed & CHECK_QUEUE);
    text_add(&text, "}}");
    return answer(req, ready ? 200 : 503, &text);
}

/* The loop answers with a recent result; if there is none, the checks run on a pool thread. */

static int health_prepare(struct request *req)
{
    unsigned failed;
    return result_within(req->app->health, FRESH_NS, &failed) ? answer_health(req, failed) : 0;
}

static int health_check(struct request *req)
{
    return answer_health(req, check(req->app));
}

static int ready_prepare(struct request *req)
{
    unsigned failed;
    return result_within(req->app->health, FRESH_NS, &failed) ? answer_ready(req, failed) : 0;
}

static int ready_check(struct request *req)
{
    return answer_ready(req, check(req->app));
}

/* The answer itself is the check: the loop runs. */
static int live_prepare(struct request *req)
{
    char storage[64];
    struct text text;
    text_init(&text, storage, sizeof(storage));
    begin(&text, true);
    text_add(&text, "}");
    return answer(req, 200, &text);
}

struct route *routes_health(void)
{
    static struct route routes[] = {
        {.method = PROMC_HTTP_GET, .path = "/health", .prepare = health_prepare, .background = health_check},
        {.method = PROMC_HTTP_GET, .path = "/health/live", .prepare = live_prepare},
        {.method = PROMC_HTTP_GET, .path = "/health/ready", .prepare = ready_prepare, .background = ready_check},
        {0},
    };
    return routes;
}
