/* SPDX-License-Identifier: Apache-2.0 */
/* Removing series, and giving back what they held once nobody can be at it. */
#ifndef PROMC_SERIES_REMOVE_H
#define PROMC_SERIES_REMOVE_H

#include "series/series.h"

/* false: the overflow series, or one that is removed already, stays. The lock is held. O(1). */
bool promc_child_remove(promc_registry *registry, struct promc_family_data *data, struct promc_child *child);

/*
 * Give back at most `limit` removed series whose quarantine is over, and outgrown tables. The lock is held.
 * O(limit × cells × shards).
 */
void promc_reclaim(promc_registry *registry, unsigned limit);

/* For idle expiry: a digest of the values that changes with every update; `zero` tells whether all are 0. */
uint32_t promc_child_digest(const promc_registry *registry, const struct promc_child *child, bool *zero);
/* Has the series been idle for too long? Then it is removed (unless the lock is taken: next time). */
bool promc_child_expired(promc_registry *registry, struct promc_child *child, uint32_t now);

#endif
