/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Destroying a family.
 *
 * The protocol, with the lock held from 2 on:
 *  1. its callbacks are disabled, and a running one is waited for;
 *  2. flag DESTROYED: a thread that wants to create a series in it is refused. The family leaves the directory, and keeps its own `next`,
 *    by which a scrape
 *     that points to it continues;
 *  3. all its series are removed according to reclaim.h; the last one is its only series or its overflow series (created for that, if there
 *    is none). The
 *     table is retired;
 *  4. the quarantine is in order of removal, so when the last one's is over nobody uses any of them, nor the family: its record is free;
 *  5. this process' struct promc_family is kept as long, for running lookups, and is freed by a later call.
 */
#ifndef PROMC_SERIES_DESTROY_H
#define PROMC_SERIES_DESTROY_H

#include "series/family.h"

/* Steps 1 to 5; no lock is held. Only in an arena of this process alone. */
void promc_family_end(promc_family *family);

#endif
