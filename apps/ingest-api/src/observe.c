/* SPDX-License-Identifier: Apache-2.0 */
#include "observe.h"

#include "base/app.h"
#include "base/log.h"
#include "base/settings.h"
#include "base/stop.h"
#include "data/campaigns.h"
#include "data/organisations.h"
#include "import/recover.h"
#include "metrics/metrics.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#define EVERY_MS 5000
#define PAGE 1000
#define ALL_EVERY 12 /* looks: then from the first organisation again, should one have come with an id below the last */

struct observer {
    struct app *app;
    struct stop stop;
    pthread_t thread;
    bool started;
    unsigned looks;
    char last[37]; /* organisation that was seen last */
};

static void see_organisation(void *arg, const char *organisation_id)
{
    struct observer *observer = arg;
    (void)snprintf(observer->last, sizeof(observer->last), "%s", organisation_id);
    metrics_organisation(organisation_id, observer->app->settings->role);
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
    int n = organisations_page(db, observer->last, see_organisation, observer);
    return n < 0 ? n : n == PAGE; /* 1: there are more */
}

/* What the workers count, and the gauge that they show. */
static int read_campaigns(void *arg, struct db *db)
{
    int rc = campaigns_active(db, see_campaign, arg);
    return rc == DB_OK ? campaigns_active_counts(db, see_active, arg) : rc;
}

static void look(struct observer *observer)
{
    struct store *store = observer->app->store;
    if (observer->looks++ % ALL_EVERY == 0)
        observer->last[0] = '\0';
    while (store_run(store, STORE_MODE_READ, read_organisations, observer) == 1 && !stop_wanted(&observer->stop))
        continue;
    import_recover(store, &observer->stop);
    if (observer->app->settings->role & ROLE_WORKER)
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
