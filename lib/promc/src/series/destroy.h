/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Destroying a family.
 *
 * The protocol, with the lock held from 2 on:
 *  1. disable its callbacks, and wait for a running one;
 *  2. set the flag DESTROYED: a thread that wants to create a series in it is refused. The family leaves the directory, but keeps its own
 *     `next`, so that a scrape that points to it can continue;
 *  3. remove all its series as in reclaim.h. The last one is its only series or its overflow series (created now, if it does not exist).
 *     Retire the table;
 *  4. the quarantine is in order of removal. When that of the last series ends, nobody uses the series or the family, and its record is free;
 *  5. this process' struct promc_family is kept for the same time, for running lookups. A later call frees it.
 */
#ifndef PROMC_SERIES_DESTROY_H
#define PROMC_SERIES_DESTROY_H

#include "series/family.h"

/* Steps 1 to 5; no lock is held. Only in an arena of this process alone. */
void promc_family_end(promc_family *family);

#endif
