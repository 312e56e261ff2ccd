/* SPDX-License-Identifier: Apache-2.0 */
/* Removing series. Their memory is reused later: reclaim.h. */
#ifndef PROMC_SERIES_REMOVE_H
#define PROMC_SERIES_REMOVE_H

#include "series/series.h"

/*
 * false: the overflow series, or one that is already removed, stays. A series that scrapers have not seen yet is still shown for a while
 * (birth.h). The lock is held. O(1).
 */
bool promc_child_remove(promc_registry *registry, struct promc_family_data *data, struct promc_child *child);
/* Remove any series for good. The lock is held. */
void promc_child_take_out(promc_registry *registry, struct promc_family_data *data, struct promc_child *child);
/* At a scrape: remove a leaving series for good after it has been shown for long enough. If another thread holds the lock, the next scrape does it. */
bool promc_child_gone(promc_registry *registry, struct promc_child *child, uint32_t now);

#endif
