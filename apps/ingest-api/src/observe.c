/* SPDX-License-Identifier: Apache-2.0 */
#include "observe.h"

#include "base/app.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/settings.h"
#include "base/stop.h"
#include "data/campaign_hold.h"
#include "data/campaigns.h"
#include "data/idempotency.h"
#include "data/organisations.h"
#include "data/usage.h"
#include "import/recover.h"
#include "metrics/metrics.h"
#include "model/names.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#define EVERY_MS 5000
#define FORGET_AT_ONCE 500 /* rows in one transaction, which stays short */
#define PAGE 1000
#define ALL_EVERY 12 /* every so many looks all organisations are read again, not only new ones */

struct observer {
    struct app *app;
    struct stop stop;
    pthread_t thread;
    bool started;
    unsigned looks, seen;
    int forgotten; /* keys deleted in one transaction */
    char last[37]; /* the last organisation that was seen */
};

static void see_organisation(void *arg, const char *organisation_id, const char *name)
{
    struct observer *observer = arg;
    (void)snprintf(observer->last, sizeof(observer->last), "%s", organisation_id);
    observer->seen++;
    metrics_organisation(organisation_id, observer->app->settings->role);
    if (*name)
        metrics_organisation_name(organisation_id, name);
}

static void see_campaign(void *arg, const char *organisation_id, const char *id)
{
    (void)arg;
    metrics_campaign(organisation_id, id);
}

static void see_active(void *arg, const char *organisation_id, int64_t active)
{
    (void)arg;
    metrics_active_campaigns(organisation_id, active);
}

static int read_organisations(void *arg, struct db *db)
{
    struct observer *observer = arg;
    bool names = observer->app->settings->role & ROLE_WORKER;
    int n = organisations_page(db, observer->last, names, see_organisation, observer);
    return n < 0 ? n : n == PAGE; /* 1: there are more */
}

static void see_used(void *arg, const char *organisation_id, const char *what, int64_t used)
{
    int limit = name_index(organisation_limit_values, organisation_limit_count, what);
    (void)arg;
    if (limit >= 0)
        metrics_limit_used(organisation_id, (enum organisation_limit)limit, used);
}

/* The series of the workers' counters, and the gauges that workers export. */
static int read_campaigns(void *arg, struct db *db)
{
    int64_t in_doubt = 0, refused = 0;
    int rc = campaigns_active(db, see_campaign, arg);
    if (rc == DB_OK)
        rc = campaigns_active_counts(db, see_active, arg);
    if (rc == DB_OK)
        rc = emails_in_doubt(db, &in_doubt);
    if (rc == DB_OK)
        rc = campaigns_refused(db, &refused);
    if (rc == DB_OK)
        metrics_to_decide(in_doubt, refused);
    return rc == DB_OK ? usage_all(db, see_used, arg) : rc;
}

static int forget_keys(void *arg, struct db *db)
{
    struct observer *observer = arg;
    int64_t before = clock_wall_ms() - (int64_t)observer->app->settings->idempotency_ttl_s * 1000;
    observer->forgotten = idempotency_forget(db, before, FORGET_AT_ONCE);
    return observer->forgotten < 0 ? observer->forgotten : DB_OK;
}

static int fold_usage(void *arg, struct db *db)
{
    (void)arg;
    return usage_fold(db);
}

/* Read all organisations, or those after the last one that was seen. @return whether the last one was reached. */
static bool see_organisations(struct observer *observer, bool all)
{
    int rc;
    if (all) {
        observer->last[0] = '\0';
        observer->seen = 0;
    }
    while ((rc = store_run(observer->app->store, STORE_MODE_READ, read_organisations, observer)) == 1 &&
           !stop_wanted(&observer->stop))
        continue;
    return rc == DB_OK;
}

static void look(struct observer *observer)
{
    struct store *store = observer->app->store;
    bool all = observer->looks++ % ALL_EVERY == 0;
    if (see_organisations(observer, all) && all && metrics_organisation_names_are_old(observer->seen))
        (void)see_organisations(observer, true);
    import_recover(store, &observer->stop);
    if (!(observer->app->settings->role & ROLE_WORKER)) /* only workers may see all organisations (db/roles.h) */
        return;
    (void)store_run(store, STORE_MODE_WRITE, fold_usage, NULL);
    while (store_run(store, STORE_MODE_WRITE, forget_keys, observer) == DB_OK &&
           observer->forgotten == FORGET_AT_ONCE && !stop_wanted(&observer->stop))
        continue;
    (void)store_run(store, STORE_MODE_READ, read_campaigns, observer);
}

static void *observe(void *arg)
{
    struct observer *observer = arg;
    prctl(PR_SET_NAME, "observer");
    for (stop_pause(&observer->stop, EVERY_MS); !stop_wanted(&observer->stop); stop_pause(&observer->stop, EVERY_MS))
        look(observer);
    return NULL;
}

static void show_limits(const struct settings *settings)
{
    metrics_limit_max(LIMIT_JOBS, settings->max_jobs);
    metrics_limit_max(LIMIT_CAMPAIGNS, settings->max_campaigns);
    metrics_limit_max(LIMIT_PROSPECTS, settings->max_prospects);
    metrics_limit_max(LIMIT_IDEMPOTENCY_KEYS, settings->max_idempotency_keys);
    metrics_limit_max(LIMIT_BODY_DISK, settings->max_body_disk);
}

int observer_start(struct observer **out, struct app *app)
{
    struct observer *observer = calloc(1, sizeof(*observer));
    *out = observer;
    if (!observer) {
        log_error("out of memory", "s:component", "observer");
        return -1;
    }
    observer->app = app;
    stop_init(&observer->stop);
    show_limits(app->settings);
    look(observer);
    observer->started = pthread_create(&observer->thread, NULL, observe, observer) == 0;
    if (!observer->started)
        log_error("the observer's thread cannot be started", "s:component", "observer");
    return observer->started ? 0 : -1;
}

void observer_stop(struct observer *observer)
{
    if (!observer)
        return;
    stop_now(&observer->stop);
    if (observer->started)
        pthread_join(observer->thread, NULL);
    stop_destroy(&observer->stop);
    free(observer);
}
