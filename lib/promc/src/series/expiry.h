/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idle expiry: the scrape checks each series of a family with an expiry while it walks.
 *
 * If the program sets the expiry, a series that is idle for too long is removed, and its handles are stale: the program knows that. If the
 * operator sets it (an override), the program may keep handles, as counter.h recommends. Then the series only falls *asleep*: it is not
 * shown, but its cells and its handles stay valid, and the first scrape after an update shows it again with all its counts. Sleeping series
 * are removed only if the family is at three quarters of its cap or above, since other series need their room.
 */
#ifndef PROMC_SERIES_EXPIRY_H
#define PROMC_SERIES_EXPIRY_H

#include "series/series.h"

/* A digest of the child's first `count` cells over all shards; *zero: all of them are 0. */
uint32_t promc_cells_digest(const promc_registry *registry, const struct promc_child *child, uint32_t count,
                            bool *zero);
/* Has the series been idle for too long? Then it falls asleep or is removed. If another thread holds the lock, the next scrape does it. */
bool promc_child_expired(promc_registry *registry, struct promc_child *child, uint32_t now);

#endif
