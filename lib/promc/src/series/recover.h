/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be done about all series after a death or a fork. */
#ifndef PROMC_SERIES_RECOVER_H
#define PROMC_SERIES_RECOVER_H

#include "series/series.h"

/*
 * A process died with the lock. Every change is made by single stores in an order that leaves the forward chains
 * walkable, so what is linked is whole; everything that follows from it is made anew. What the dead one had taken
 * but not linked is lost to the budget, not to correctness. The lock is held.
 */
void promc_series_recover(promc_registry *registry);

/*
 * The writer of a shard is gone. With its process what it had in flight is gone, too (up-down gauges); what it had counted stays.
 * `within`: it may have died inside an update, which is finished or taken back. Nobody owns the shard.
 */
void promc_series_settle(promc_registry *registry, uint32_t shard, bool process_gone, bool within);

/* After fork, in the child, on its private copy: every value but those that are kept in a child starts from zero. */
void promc_series_forked(promc_registry *registry);

#endif
