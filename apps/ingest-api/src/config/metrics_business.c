/* SPDX-License-Identifier: Apache-2.0 */
/* What the service is for: e-mails, drafts, prospects, campaigns, by organisation. Series are found by lookup. */
#include "config/metrics_internal.h"

#include "utils/log.h"

#include <pthread.h>
#include <string.h>

/* after its campaign has finished, an e-mail series stays this long: several scrapes must see its last value */
#define FINISHED_GRACE_NS (UINT64_C(15) * 60 * 1000000000)
#define FINISHED_MAX 1024

static const char *const prospect_actions[PROSPECT_ACTIONS] = {"imported", "validated", "researched", "rejected"};
static const char *const outcomes[CAMPAIGN_OUTCOMES] = {"completed"};
static const double draft_buckets[] = {.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30};

static struct {
    promc_family *emails, *drafts, *prospects, *active_campaigns, *campaigns;
    promc_histogram draft_duration;
} business;

/* Campaigns whose series are to go, oldest first: a ring. */
static struct {
    pthread_mutex_t lock;
    struct {
        char id[37];
        uint64_t due_ns;
    } at[FINISHED_MAX];
    unsigned first, count;
} finished = {.lock = PTHREAD_MUTEX_INITIALIZER};

/** An absent label is an error at the call, not a series called "undefined". */
static bool has_label(const char *metric, const char *label, const char *value)
{
    if (value && *value)
        return true;
    log_error("metric without a label value, not counted", "s:metric", metric, "s:label", label);
    return false;
}

static void remove_campaign(const char *campaign_id)
{
    (void)promc_family_remove_matching(business.emails, &(promc_label){"campaign_id", campaign_id}, 1);
}

/** A collector: drops the series of campaigns that finished long enough ago. */
static int expire_campaigns(void *user, uint64_t deadline_ns)
{
    (void)user;
    (void)deadline_ns;
    uint64_t now = promc_now_ns();
    pthread_mutex_lock(&finished.lock);
    while (finished.count > 0 && finished.at[finished.first].due_ns <= now) {
        remove_campaign(finished.at[finished.first].id);
        finished.first = (finished.first + 1) % FINISHED_MAX;
        finished.count--;
    }
    pthread_mutex_unlock(&finished.lock);
    return 0;
}

int metrics_business_register(promc_registry *registry)
{
    promc_family *durations;
    int rc;
    if ((rc = promc_counter_register(registry,
                                     &(promc_family_settings){.name = "emails_sent_total",
                                                              .help = "E-mails handed to the transport, by outcome.",
                                                              .labels = {"organisation_id", "campaign_id", "success"},
                                                              .max_series = 5000,
                                                              /* a net for what is sent after the campaign's end */
                                                              .idle_expiry_seconds = 7 * 86400},
                                     &business.emails)) < 0 ||
        (rc = promc_counter_register(registry,
                                     &(promc_family_settings){.name = "drafts_generated_total",
                                                              .help = "Drafts rendered, by outcome.",
                                                              .labels = {"organisation_id", "success"},
                                                              .max_series = 5000},
                                     &business.drafts)) < 0 ||
        (rc = promc_histogram_register(
             registry,
             &(promc_histogram_settings){
                 .family = {.name = "draft_generation_duration_seconds", .help = "Time to render a draft."},
                 .buckets = draft_buckets,
                 .bucket_count = METRICS_COUNT(draft_buckets)},
             &durations)) < 0 ||
        (rc = promc_histogram_get(durations, NULL, &business.draft_duration)) < 0 ||
        (rc = promc_counter_register(registry,
                                     &(promc_family_settings){.name = "prospects_processed_total",
                                                              .help = "Prospects by what was done with them.",
                                                              .labels = {"organisation_id", "action"},
                                                              .max_series = 10000},
                                     &business.prospects)) < 0 ||
        (rc = promc_gauge_register(
             registry,
             &(promc_family_settings){.name = "active_campaigns",
                                      .help = "Campaigns that are active. Shared by all replicas: read with max by.",
                                      .labels = {"organisation_id"},
                                      .max_series = 5000},
             &business.active_campaigns)) < 0 ||
        (rc = promc_counter_register(registry,
                                     &(promc_family_settings){.name = "campaigns_processed_total",
                                                              .help = "Campaigns that came to their end.",
                                                              .labels = {"organisation_id", "outcome"},
                                                              .max_series = 5000},
                                     &business.campaigns)) < 0)
        return rc;
    return promc_collector_register(registry, "campaigns", expire_campaigns, NULL);
}

void metrics_business_reset(void)
{
    memset(&business, 0, sizeof(business));
    finished.first = finished.count = 0;
}

void metrics_email_sent(const char *organisation_id, const char *campaign_id, bool success)
{
    if (business.emails && has_label("emails_sent_total", "organisation_id", organisation_id) &&
        has_label("emails_sent_total", "campaign_id", campaign_id))
        promc_counter_inc(
            promc_counter_with(business.emails, organisation_id, campaign_id, success ? "true" : "false"));
}

void metrics_draft_generated(const char *organisation_id, bool success, uint64_t duration_ns)
{
    if (!business.drafts || !has_label("drafts_generated_total", "organisation_id", organisation_id))
        return;
    promc_counter_inc(promc_counter_with(business.drafts, organisation_id, success ? "true" : "false"));
    /* the other outcome exists from now on too, so that rate() sees its first */
    (void)promc_counter_with(business.drafts, organisation_id, success ? "false" : "true");
    promc_histogram_observe(business.draft_duration, (double)duration_ns / 1e9);
}

void metrics_prospects(const char *organisation_id, enum prospect_action action, uint64_t n)
{
    if (business.prospects && (unsigned)action < PROSPECT_ACTIONS &&
        has_label("prospects_processed_total", "organisation_id", organisation_id))
        promc_counter_add_u64(promc_counter_with(business.prospects, organisation_id, prospect_actions[action]), n);
}

void metrics_active_campaigns(const char *organisation_id, int64_t n)
{
    if (business.active_campaigns && has_label("active_campaigns", "organisation_id", organisation_id))
        promc_gauge_set(promc_gauge_with(business.active_campaigns, organisation_id), (double)n);
}

void metrics_campaign_processed(const char *organisation_id, enum campaign_outcome outcome)
{
    if (business.campaigns && (unsigned)outcome < CAMPAIGN_OUTCOMES &&
        has_label("campaigns_processed_total", "organisation_id", organisation_id))
        promc_counter_inc(promc_counter_with(business.campaigns, organisation_id, outcomes[outcome]));
}

void metrics_campaign_finished(const char *campaign_id)
{
    if (!business.emails || !campaign_id || strlen(campaign_id) >= sizeof(finished.at[0].id))
        return;
    pthread_mutex_lock(&finished.lock);
    if (finished.count == FINISHED_MAX) {
        remove_campaign(finished.at[finished.first].id);
        finished.first = (finished.first + 1) % FINISHED_MAX;
        finished.count--;
    }
    unsigned slot = (finished.first + finished.count) % FINISHED_MAX;
    memcpy(finished.at[slot].id, campaign_id, strlen(campaign_id) + 1);
    finished.at[slot].due_ns = promc_now_ns() + FINISHED_GRACE_NS;
    finished.count++;
    pthread_mutex_unlock(&finished.lock);
}
