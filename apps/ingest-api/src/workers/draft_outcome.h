/* SPDX-License-Identifier: Apache-2.0 */
/** @file workers/draft_outcome.h Reports each draft that a worker has rendered or failed to render. */
#ifndef INGEST_WORKERS_DRAFT_OUTCOME_H
#define INGEST_WORKERS_DRAFT_OUTCOME_H

#include "queue/queue.h"

#include <stdint.h>

/** Count it, log a failure, and record it for `ingest-api why`. @param error why it failed; NULL: it was rendered */
void draft_outcome(const struct job *job, const char *campaign, const char *prospect, const char *error, uint64_t ns);

#endif
