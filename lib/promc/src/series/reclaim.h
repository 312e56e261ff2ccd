/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reusing the memory of removed series, when nobody can still use it.
 *
 * The protocol (removal is promc_child_remove(); both need the lock; writers and scrapes hold none):
 *  1. removal takes the child out of the table and the list, raises the generation in its `live` word, so that no handle matches
 *     any more, and appends it to the quarantine with the epoch (+1 with each removal) and the tick. Its cells, text and `next` stay;
 *  2. a *writer* may have compared the word just before and add to the cells now. The quarantine gives it 60 s to finish one update;
 *  3. a *scrape* may point to the child for any time. Each records the epoch at which it began; a child removed in that
 *     epoch or later waits for its end, or for its process' death;
 *  4. after both the cells are zeroed in every shard, and block and cells are free. The generation keeps counting in the free block: a
 *     stale handle may read the word at any time, for ever.
 * The quarantine is in order of removal, so the first child that must wait ends the round. Each creation and each scrape reclaims a few.
 */
#ifndef PROMC_SERIES_RECLAIM_H
#define PROMC_SERIES_RECLAIM_H

#include "series/series.h"

/*
 * Reclaim at most `limit` removed series whose quarantine is over, and outgrown tables. The lock is held.
 * O(limit × cells × shards).
 */
void promc_reclaim(promc_registry *registry, unsigned limit);

#endif
