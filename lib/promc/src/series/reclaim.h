/* SPDX-License-Identifier: Apache-2.0 */
/* Giving back what removed series held, once nobody can be at it. */
#ifndef PROMC_SERIES_RECLAIM_H
#define PROMC_SERIES_RECLAIM_H

#include "series/series.h"

/*
 * Give back at most `limit` removed series whose quarantine is over, and outgrown tables. The lock is held.
 * O(limit × cells × shards).
 */
void promc_reclaim(promc_registry *registry, unsigned limit);

#endif
