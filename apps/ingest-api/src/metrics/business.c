/* SPDX-License-Identifier: Apache-2.0 */
/* Business metrics: e-mails, drafts, prospects, campaigns, by organisation. Series are found by lookup. */
#include "metrics/internal.h"

#include "base/log.h"
#include "base/utf8.h"

#include <pthread.h>
#include <string.h>

/* the e-mail series of a finished campaign stay this long, so that several scrapes see their last value */
#define FINISHED_GRACE_NS (UINT64_C(15) * 60 * 1000000000)
#define FINISHED_MAX 1024

/* The finished campaigns whose series will be removed: a ring, oldest first. */
static struct {
    pthread_mutex_t lock;
    struct {
        char id[37];
        uint64_t due_ns;
    } at[FINISHED_MAX];
    unsigned first, count;
} finished = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A missing label value is the caller's error, and must not become a series "undefined". */
static bool has_label(const char *metric, const char *label, const char *value)
{
    if (value && *value)
        return true;
    log_error("metric without a label value, not counted", "s:metric", metric, "s:label", label);
    return false;
}

static void remove_campaign(const char *campaign_id)
{
    (void)promc_family_remove_matching(ingest.emails_sent, &(promc_label){"campaign_id", campaign_id}, 1);
}

/* A collector that removes the series of campaigns that finished long enough ago. */
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
    return promc_collector_register(registry, "campaigns", expire_campaigns, NULL);
}

void metrics_business_reset(void)
{
    finished.first = finished.count = 0;
}

void metrics_organisation(const char *organisation_id, unsigned role)
{
    if (!ingest.prospects_processed || !organisation_id || !*organisation_id)
        return;
    for (int action = 0; action < prospect_action_count; action++) {
        bool of_api = action == PROSPECT_IMPORTED || action == PROSPECT_REJECTED;
        if (role & (of_api ? METRICS_OF_API : METRICS_OF_WORKER))
            (void)promc_counter_with(ingest.prospects_processed, organisation_id, PROMC_VALUE(prospect_action, action));
    }
    for (int outcome = 0; role & METRICS_OF_API && outcome < campaign_outcome_count; outcome++)
        (void)promc_counter_with(ingest.campaigns_processed, organisation_id, PROMC_VALUE(campaign_outcome, outcome));
    for (int class = 0; role & METRICS_OF_WORKER && class < bounce_class_count; class ++)
        (void)promc_counter_with(ingest.emails_bounced, organisation_id, PROMC_VALUE(bounce_class, class));
    for (int limit = 0; limit < organisation_limit_count; limit++)
        if (role & (limit == LIMIT_BODY_DISK ? METRICS_OF_API : METRICS_OF_WORKER))
            (void)promc_gauge_with(ingest.limit_used, organisation_id, PROMC_VALUE(organisation_limit, limit));
    for (int success = 0; role & METRICS_OF_WORKER && success < 2; success++)
        (void)promc_counter_with(ingest.drafts_generated, organisation_id, PROMC_VALUE(success, success));
}

#define NAME_SHOWN 64 /* bytes */
#define ELLIPSIS "\xe2\x80\xa6"

/* One line of valid UTF-8; control and direction characters and invalid bytes become a question mark. */
static void copy_name(char out[NAME_SHOWN + sizeof(ELLIPSIS)], const char *name)
{
    size_t length = 0, left = strlen(name), step;
    for (; left > 0; name += step, left -= step) {
        step = utf8_sequence(name, left);
        bool good = step > 0 && !utf8_has_control(name, step) && !utf8_has_direction(name, step);
        size_t shown = good ? step : 1;
        if (length + shown > NAME_SHOWN)
            break;
        memcpy(out + length, good ? name : "?", shown);
        length += shown;
        step += step == 0;
    }
    memcpy(out + length, ELLIPSIS, sizeof(ELLIPSIS));
    if (left == 0)
        out[length] = '\0';
}

void metrics_organisation_name(const char *organisation_id, const char *name)
{
    char shown[NAME_SHOWN + sizeof(ELLIPSIS)];
    if (!ingest.organisation_info || !has_label("organisation_info", "organisation_id", organisation_id))
        return;
    copy_name(shown, name);
    promc_gauge_set(promc_gauge_with(ingest.organisation_info, organisation_id, shown), 1);
}

bool metrics_organisation_names_are_old(unsigned n)
{
    return ingest.organisation_info && promc_family_series_count(ingest.organisation_info) > n &&
           promc_family_remove_matching(ingest.organisation_info, NULL, 0) > 0;
}

void metrics_campaign(const char *organisation_id, const char *campaign_id)
{
    for (int success = 0; ingest.emails_sent && success < 2; success++)
        (void)promc_counter_with(ingest.emails_sent, organisation_id, campaign_id, PROMC_VALUE(success, success));
}

void metrics_limit_refusal(enum organisation_limit limit)
{
    if ((unsigned)limit < organisation_limit_count)
        promc_counter_inc(ingest.limit_refusals[limit]);
}

void metrics_limit_max(enum organisation_limit limit, uint64_t max)
{
    if ((unsigned)limit < organisation_limit_count)
        promc_gauge_set(ingest.limit_max[limit], (double)max);
}

void metrics_limit_used(const char *organisation_id, enum organisation_limit limit, int64_t used)
{
    if (ingest.limit_used && (unsigned)limit < organisation_limit_count &&
        has_label("organisation_limit_used", "organisation_id", organisation_id))
        promc_gauge_set(promc_gauge_with(ingest.limit_used, organisation_id, PROMC_VALUE(organisation_limit, limit)),
                        (double)used);
}

void metrics_email_sent(const char *organisation_id, const char *campaign_id, bool success)
{
    if (!ingest.emails_sent || !has_label("emails_sent_total", "organisation_id", organisation_id) ||
        !has_label("emails_sent_total", "campaign_id", campaign_id))
        return;
    promc_counter_inc(
        promc_counter_with(ingest.emails_sent, organisation_id, campaign_id, PROMC_VALUE(success, success)));
    promc_counter_inc(ingest.emails[success]);
}

void metrics_email_attempt(enum email_attempt attempt)
{
    if ((unsigned)attempt < email_attempt_count)
        promc_counter_inc(ingest.email_attempts[attempt]);
}

void metrics_email_fate(enum email_fate fate)
{
    if ((unsigned)fate < email_fate_count)
        promc_counter_inc(ingest.email_fates[fate]);
}

void metrics_email_not_sent(enum not_sent reason)
{
    metrics_email_fate(FATE_SKIPPED);
    if ((unsigned)reason < not_sent_count)
        promc_counter_inc(ingest.emails_not_sent[reason]);
}

void metrics_suppression(enum suppression_reason reason, uint64_t n)
{
    if ((unsigned)reason < suppression_reason_count)
        promc_counter_add_u64(ingest.suppressions[reason], n);
}

void metrics_to_decide(int64_t emails_in_doubt, int64_t campaigns_refused)
{
    promc_gauge_set(ingest.emails_in_doubt, (double)emails_in_doubt);
    promc_gauge_set(ingest.campaigns_refused, (double)campaigns_refused);
}

void metrics_email_bounce(const char *organisation_id, int reply, const char *enhanced)
{
    if (reply < 400 || reply > 599)
        return;
    int class = reply < 500 ? BOUNCE_4XX : BOUNCE_5XX;
    const char *subject = strchr(enhanced, '.');
    int at = subject && subject[1] >= '0' && subject[1] <= '7' && subject[2] == '.' ? subject[1] - '0' : BOUNCE_UNKNOWN;
    promc_counter_inc(ingest.email_bounces[class][at]);
    if (ingest.emails_bounced && organisation_id && *organisation_id)
        promc_counter_inc(promc_counter_with(ingest.emails_bounced, organisation_id, PROMC_VALUE(bounce_class, class)));
}

void metrics_draft_generated(const char *organisation_id, bool success, uint64_t duration_ns)
{
    if (!ingest.drafts_generated || !has_label("drafts_generated_total", "organisation_id", organisation_id))
        return;
    promc_counter_inc(promc_counter_with(ingest.drafts_generated, organisation_id, PROMC_VALUE(success, success)));
    promc_counter_inc(ingest.drafts[success]);
    promc_histogram_observe(ingest.draft_duration, (double)duration_ns / 1e9);
}

void metrics_prospects(const char *organisation_id, enum prospect_action action, uint64_t n)
{
    if (!ingest.prospects_processed || (unsigned)action >= prospect_action_count ||
        !has_label("prospects_processed_total", "organisation_id", organisation_id))
        return;
    promc_counter_add_u64(
        promc_counter_with(ingest.prospects_processed, organisation_id, PROMC_VALUE(prospect_action, action)), n);
    promc_counter_add_u64(ingest.prospects[action], n);
}

void metrics_active_campaigns(const char *organisation_id, int64_t n)
{
    if (ingest.active_campaigns && has_label("active_campaigns", "organisation_id", organisation_id))
        promc_gauge_set(promc_gauge_with(ingest.active_campaigns, organisation_id), (double)n);
}

void metrics_campaign_processed(const char *organisation_id, enum campaign_outcome outcome)
{
    if (ingest.campaigns_processed && (unsigned)outcome < campaign_outcome_count &&
        has_label("campaigns_processed_total", "organisation_id", organisation_id))
        promc_counter_inc(
            promc_counter_with(ingest.campaigns_processed, organisation_id, PROMC_VALUE(campaign_outcome, outcome)));
}

void metrics_campaign_finished(const char *campaign_id)
{
    if (!ingest.emails_sent || !campaign_id || strlen(campaign_id) >= sizeof(finished.at[0].id))
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
