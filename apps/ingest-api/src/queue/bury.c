/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/bury.h"

#include "base/uuid.h"
#include "data/emails.h"

#include <jansson.h>
#include <string.h>

struct claimed {
    const char *job_id;
    bool sending; /* by this job */
};

static void look(void *arg, const struct email *row)
{
    struct claimed *claimed = arg;
    claimed->sending = row->state == EMAIL_SENDING && (!row->job_id || strcmp(row->job_id, claimed->job_id) == 0);
}

static int settle(struct db *db, const struct job *job, const char *campaign_id, const char *prospect_id,
                  unsigned *in_doubt)
{
    struct claimed claimed = {.job_id = job->id};
    int rc = emails_get(db, job->organisation_id, campaign_id, prospect_id, look, &claimed);
    if (rc == DB_OK && claimed.sending) {
        rc = emails_finish(db, job->organisation_id, campaign_id, prospect_id,
                           &(struct email_outcome){.state = EMAIL_IN_DOUBT,
                                                   .reason = EMAIL_NO_ANSWER,
                                                   .error = "in doubt: " EMAIL_INTERRUPTED});
        *in_doubt += rc == DB_OK;
    }
    return rc == DB_E_NOT_FOUND ? DB_OK : rc;
}

int bury_email(struct db *db, const struct job *job, unsigned *in_doubt)
{
    if (job->queue != QUEUE_EMAIL_SEND)
        return DB_OK;
    json_t *payload = json_loads(job->payload, 0, NULL);
    const char *campaign_id = json_string_value(json_object_get(payload, "campaign"));
    const char *prospect_id = json_string_value(json_object_get(payload, "prospect"));
    unsigned char uuid[16];
    int rc = DB_OK;
    if (uuid_parse(campaign_id, uuid) && uuid_parse(prospect_id, uuid)) /* else it is no e-mail's job */
        rc = settle(db, job, campaign_id, prospect_id, in_doubt);
    json_decref(payload);
    return rc;
}
