/* SPDX-License-Identifier: Apache-2.0 */
/* Repairing all series after a death or a fork. */
#ifndef PROMC_SERIES_RECOVER_H
#define PROMC_SERIES_RECOVER_H

#include "series/series.h"

/*
 * A process died while it held the lock. Every change consists of single stores in an order that keeps the forward chains
 * walkable, so everything linked is complete, and everything else is rebuilt from it. Memory that the dead process had allocated
 * but not linked is lost: the budget is smaller, but all data is correct. The lock is held.
 */
void promc_series_recover(promc_registry *registry);

/*
 * The writer of a shard has died. If its process has died, its contribution to up-down gauges is dropped; its counts stay.
 * `within`: it may have died inside an update, which is completed or undone. Nobody owns the shard.
 */
void promc_series_settle(promc_registry *registry, uint32_t shard, bool process_gone, bool within);

/* After fork, in the child, on its private copy: every value starts from zero except those kept in a child. */
void promc_series_forked(promc_registry *registry);

#endif
