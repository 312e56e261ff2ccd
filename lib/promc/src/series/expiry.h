/* SPDX-License-Identifier: Apache-2.0 */
/* Idle expiry: the scrape looks at each series of a family that has one as it passes by. */
#ifndef PROMC_SERIES_EXPIRY_H
#define PROMC_SERIES_EXPIRY_H

#include "series/series.h"

/* A digest of the child's first `count` cells over all shards; *zero tells whether all of them are 0. */
uint32_t promc_cells_digest(const promc_registry *registry, const struct promc_child *child, uint32_t count,
                            bool *zero);
/* Has the series been idle for too long? Then it is removed (unless the lock is taken: next time). */
bool promc_child_expired(promc_registry *registry, struct promc_child *child, uint32_t now);

#endif
