/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving back what removed series held, once nobody can be at it.
 *
 * The protocol (removal is promc_child_remove(), both under the lock; who is guarded against holds none):
 *  1. removal takes the child out of the table and the list, raises the generation in its `live` word, so that no handle matches it any
 *     more, and puts it at the end of the quarantine with the epoch (+1 with each removal) and the tick. Its cells, text and `next` stay;
 *  2. a *writer* may have compared the word just before and add to the cells now. It is given the quarantine's 60 s to finish one update;
 *  3. a *scrape* may stand on the child for as long as it likes. Each registers the epoch at which it began; what was removed in that
 *     epoch or later waits for its end, or for its process' death;
 *  4. after both the cells are zeroed in every shard, and block and cells are free. The generation goes on counting in the free block: a
 *     stale handle may look at the word at any time, for ever.
 * The quarantine is in order of removal, so the first child that must wait ends the round. Creations and scrapes give back a few each.
 */
#ifndef PROMC_SERIES_RECLAIM_H
#define PROMC_SERIES_RECLAIM_H

#include "series/series.h"

/*
 * Give back at most `limit` removed series whose quarantine is over, and outgrown tables. The lock is held.
 * O(limit × cells × shards).
 */
void promc_reclaim(promc_registry *registry, unsigned limit);

#endif
