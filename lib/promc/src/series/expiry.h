/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idle expiry: the scrape looks at each series of a family that has one as it passes by.
 *
 * Where the program wants it, a series that is idle for too long is removed, and handles to it are stale: the program knows. Where the
 * operator wants it (an override), the program may keep handles, as counter.h tells it to. There the series only falls *asleep*: it is not
 * shown, but its cells and its handles stay good, and the first scrape after an update shows it again with all that it has counted. Only in a
 * family that is at three quarters of its cap those asleep are removed after all, since others need their room.
 */
#ifndef PROMC_SERIES_EXPIRY_H
#define PROMC_SERIES_EXPIRY_H

#include "series/series.h"

/* A digest of the child's first `count` cells over all shards; *zero tells whether all of them are 0. */
uint32_t promc_cells_digest(const promc_registry *registry, const struct promc_child *child, uint32_t count,
                            bool *zero);
/* Has the series been idle for too long? Then it is asleep, or removed (unless the lock is taken: next time). */
bool promc_child_expired(promc_registry *registry, struct promc_child *child, uint32_t now);

#endif
