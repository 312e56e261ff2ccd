/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/draft_outcome.h"

#include "base/log.h"
#include "base/trouble.h"
#include "metrics/metrics.h"

#include <stdio.h>

void draft_outcome(const struct job *job, const char *campaign, const char *prospect, const char *error, uint64_t ns)
{
    char place[TROUBLE_PLACE];
    metrics_draft_generated(job->organisation_id, !error, ns);
    if (!error) {
        tally_good(TALLY_DRAFTS);
        return;
    }
    (void)snprintf(place, sizeof(place), "campaign %s of organisation %s", campaign, job->organisation_id);
    tally_bad(TALLY_DRAFTS, place, error);
    log_info("draft failed", "s:component", "worker", "s:reqId", job->request_id, "s:organisation",
             job->organisation_id, "s:campaign", campaign, "s:prospect", prospect, "s:reason", error);
}
