/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/worker.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void worker_forget_campaign(struct worker *worker)
{
    free(worker->campaign.subject_template);
    free(worker->campaign.body_template);
    memset(&worker->campaign, 0, sizeof(worker->campaign));
}

static int copy_campaign(void *arg, const struct campaign *row)
{
    struct campaign_copy *copy = arg;

    copy->status = row->status;
    copy->refusals = row->refusals;
    copy->templates_ms = row->templates_ms;
    if (!row->sender || mail_sender_parse(&copy->sender, row->sender) < 0)
        copy->sender.address[0] = '\0';
    copy->held_until_ms = row->held_until_ms;
    copy->subject_template = strdup(row->subject_template);
    copy->body_template = strdup(row->body_template);
    return 0;
}

int worker_campaign(struct worker *worker, struct db *db, const char *organisation_id, const char *id)
{
    struct campaign_copy *copy = &worker->campaign;

    if (strcmp(copy->id, id) == 0 && strcmp(copy->organisation_id, organisation_id) == 0)
        return DB_OK;
    worker_forget_campaign(worker);
    int64_t read_ms = clock_wall_ms();
    int rc = campaigns_get(db, organisation_id, id, copy_campaign, copy);
    if (rc == DB_OK && (!copy->subject_template || !copy->body_template))
        rc = DB_E_OTHER;
    if (rc != DB_OK) {
        worker_forget_campaign(worker);
        return rc;
    }
    copy->read_ms = read_ms;
    (void)snprintf(copy->id, sizeof(copy->id), "%s", id);
    (void)snprintf(copy->organisation_id, sizeof(copy->organisation_id), "%s", organisation_id);
    return DB_OK;
}

static int copy_person(void *arg, const struct prospect *row)
{
    return person_copy(arg, row);
}

int worker_person(struct db *db, const char *organisation_id, const char *id, struct person *person)
{
    memset(person, 0, sizeof(*person));
    int rc = prospects_get(db, organisation_id, id, copy_person, person);
    return rc == DB_OK && !person->field[PROSPECT_EMAIL] ? DB_E_OTHER : rc;
}

struct draft_source worker_draft_source(const struct worker *worker, const struct person *person)
{
    return (struct draft_source){.read_ms = worker->campaign.read_ms,
                                 .changed_ms = person_changed_ms(person, worker->campaign.templates_ms)};
}
