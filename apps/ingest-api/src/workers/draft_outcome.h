/* SPDX-License-Identifier: Apache-2.0 */
/** @file workers/draft_outcome.h Reporting each rendered or failed draft of a worker, after the commit. */
#ifndef INGEST_WORKERS_DRAFT_OUTCOME_H
#define INGEST_WORKERS_DRAFT_OUTCOME_H

#include "queue/queue.h"

#include <stdint.h>

/** Counts it, logs it if it failed, and records it for `ingest-api why`. @param error why it failed; NULL: it was rendered */
void draft_outcome(const struct job *job, const char *campaign, const char *prospect, const char *error, uint64_t ns);

#endif
