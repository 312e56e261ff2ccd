/* SPDX-License-Identifier: Apache-2.0 */
#include "api/why.h"

#include "api/metrics.h"
#include "base/app.h"
#include "base/backends.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/settings.h"
#include "base/trouble.h"
#include "http/request.h"
#include "queue/why.h"
#include "store/why.h"

#include <stdio.h>
#include <string.h>

#define DRAFTS_PERCENT 10
#define EMAILS_PERCENT 20
#define SCRAPE_LATE_MS 15000 /* or that many scrape intervals, if they are longer */
#define MISSED_SCRAPES 4
/* A disk with less free space than this counts as full. */
#define FEW_BYTES (8.0 * 1024 * 1024)

/* Failures are counted for one to two minutes after they have ended, so say how long ago the latest one was. */
static const char *latest_ago(const struct trouble_state *state, char *out, size_t size)
{
    int64_t age_ms = clock_wall_ms() - state->latest_ms;
    cause_duration(out, size, age_ms > 0 ? age_ms : 0);
    return out;
}

static void mail_why(const struct settings *settings, struct causes *causes)
{
    char ago[48];
    bool file = backend_of_mail(settings->mail_url, NULL) == MAIL_IS_FILE;
    struct trouble_state state;
    if (trouble_get(TROUBLE_MAIL_AWAY, &state)) {
        const char *plain = file ? "the outbox folder is not writable" : "the mail server is not available";
        struct cause *cause = causes_add(causes, "mail", "away", "e-mails have waited", state.since_ms);
        (void)snprintf(file ? cause->path : cause->host, sizeof(cause->host), "%s", state.place);
        cause_because(cause, plain, "%s (%s): %s", plain, state.place, state.detail);
    }
    if (trouble_get(TROUBLE_MAIL_REFUSED, &state)) {
        struct cause *cause = causes_add(causes, "mail", "refused", "e-mails have been refused for", state.since_ms);
        cause->count = (int64_t)state.count;
        (void)snprintf(cause->host, sizeof(cause->host), "%s", state.place);
        cause_because(cause, "the mail server refuses the sender", "%s refuses the sender, %llu times: %s", state.place,
                      (unsigned long long)state.count, state.detail);
    } else if (tally_get(TALLY_EMAILS, EMAILS_PERCENT, &state)) {
        struct cause *cause = causes_add(causes, "mail", "refused", "e-mails have been refused for", state.since_ms);
        cause->count = (int64_t)state.count;
        (void)snprintf(cause->host, sizeof(cause->host), "%s", state.place);
        cause_because(cause, "the mail server refuses them",
                      "%s has refused %llu of the last %llu, the latest %s ago: %s", state.place,
                      (unsigned long long)state.count, (unsigned long long)state.of,
                      latest_ago(&state, ago, sizeof(ago)), state.detail);
    }
}

static void drafts_why(struct causes *causes)
{
    char ago[48];
    struct trouble_state state;
    if (!tally_get(TALLY_DRAFTS, DRAFTS_PERCENT, &state))
        return;
    struct cause *cause = causes_add(causes, "drafts", "failing", "drafts have failed for", state.since_ms);
    cause->count = (int64_t)state.count;
    cause_because(cause, "templates cannot be filled in", "%llu of the last %llu, the latest %s ago of %s: %s",
                  (unsigned long long)state.count, (unsigned long long)state.of, latest_ago(&state, ago, sizeof(ago)),
                  state.place, state.detail);
}

static void disk_why(const char *folder, struct causes *causes)
{
    struct disk_room room;
    for (unsigned i = 0; i < causes->n; i++)
        if (strcmp(causes->cause[i].part, "disk") == 0)
            return;
    if (!disk_room(folder, &room) || room.free >= FEW_BYTES)
        return;
    struct cause *cause = causes_add(causes, "disk", "full", "", 0);
    (void)snprintf(cause->path, sizeof(cause->path), "%s", folder);
    cause_because(cause, "the disk is full", "the disk of DATA_DIR (%s) is full: %.1f MB of %.1f MB are free", folder,
                  room.free / 1e6, room.size / 1e6);
}

static void monitoring_why(const struct settings *settings, struct causes *causes)
{
    int64_t distance_ms, last_ms = metrics_last_scrape_ms(&distance_ms);
    int64_t late_ms = distance_ms ? MISSED_SCRAPES * distance_ms : 0;
    if (late_ms < SCRAPE_LATE_MS)
        late_ms = SCRAPE_LATE_MS;
    if (last_ms == 0 || clock_wall_ms() - last_ms < late_ms)
        return;
    struct cause *cause = causes_add(causes, "monitoring", "away", "no scrape has come for", last_ms);
    (void)snprintf(cause->host, sizeof(cause->host), "%s", settings->prometheus_url);
    cause_because(cause, "Prometheus no longer scrapes the metrics", "Prometheus (%s) no longer scrapes the metrics",
                  settings->prometheus_url);
}

void why_collect(struct app *app, struct causes *causes)
{
    const struct settings *settings = app->settings;
    causes->n = 0;
    store_why(app->store, settings, causes);
    disk_why(settings->data_dir, causes);
    mail_why(settings, causes);
    drafts_why(causes);
    queue_why(app->queue, settings->role & ROLE_WORKER, causes);
    monitoring_why(settings, causes);
}

static bool only_this_machine(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0;
}

bool why_shows_names(struct request *req)
{
    const struct settings *settings = req->app->settings;
    if (settings->metrics_token[0])
        return metrics_token_given(req);
    if (settings->metrics_listen[0])
        return req->monitoring;
    /* Behind a proxy on this machine, requests of strangers come from this machine too. */
    return only_this_machine(settings->host) && !request_header(req, "X-Forwarded-For") &&
           !request_header(req, "Forwarded") && !request_header(req, "Via");
}
