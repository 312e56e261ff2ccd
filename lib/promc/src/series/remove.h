/* SPDX-License-Identifier: Apache-2.0 */
/* Removing series. What they held is given back later: reclaim.h. */
#ifndef PROMC_SERIES_REMOVE_H
#define PROMC_SERIES_REMOVE_H

#include "series/series.h"

/*
 * false: the overflow series, or one that is removed already, stays. One that scrapers have not seen yet is still shown for a while
 * (birth.h). The lock is held. O(1).
 */
bool promc_child_remove(promc_registry *registry, struct promc_family_data *data, struct promc_child *child);
/* At a scrape: a series that is leaving and has been shown for long enough is removed for good (unless the lock is taken: next time). */
bool promc_child_gone(promc_registry *registry, struct promc_child *child, uint32_t now);

#endif
