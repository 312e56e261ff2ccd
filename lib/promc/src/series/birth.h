/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Born at zero. If an event creates a series, a scraper first sees it with that event counted, and rate() and increase() never see
 * the step. So a family may have a time, birth_zero_seconds, for which scrapers see its new series as 0. The only state is
 * the creation time, which all scrapers share, so each replica of a pair sees the 0.
 *
 *  - Age is measured in monotonic ticks, from the creation, or in a forked child from the fork.
 *  - A young series is completely 0: one decision per scrape for buckets, sum, count, exemplars.
 *  - After a scraper has seen a series as 0 it must also see its value. So a series that is removed before it is twice birth_zero_seconds
 *    old is *leaving* until then: its handles are stale and a lookup does not find it, but it stays in its family's list, and is shown. If
 *    its values are looked up again, it comes back with its counts, under a new generation. Otherwise a later scrape removes it for good.
 *  - It does not expire before that age either.
 */
#ifndef PROMC_SERIES_BIRTH_H
#define PROMC_SERIES_BIRTH_H

#include "series/series.h"

/* Is a series that was created at `created` (ticks) shown as 0 to scrapers? */
static inline bool promc_birth_is_young(const promc_registry *registry, const struct promc_family_data *data,
                                        uint32_t created, uint32_t now)
{
    uint32_t forked = promc_load(&registry->arena.header->forked_ticks);
    uint32_t born = forked > created ? forked : created;
    return (int32_t)(now - born) < (int32_t)(data->birth_zero_seconds * 16);
}

/* Has every scraper had the time to see its value? */
static inline bool promc_birth_is_shown(const promc_registry *registry, const struct promc_family_data *data,
                                        uint32_t created, uint32_t now)
{
    uint32_t forked = promc_load(&registry->arena.header->forked_ticks);
    uint32_t born = forked > created ? forked : created;
    return (int32_t)(now - born) >= (int32_t)(data->birth_zero_seconds * 32);
}

/* Statistics over all families: the shortest birth_zero_seconds (0: none has one), and the number of young series. */
struct promc_births {
    uint32_t least_seconds;
    uint64_t young;
};

/* Takes the lock if a family has a time. O(families + young series). */
struct promc_births promc_births_of(promc_registry *registry);
/* The first of the two. Lock-free. O(families). */
uint32_t promc_birth_least_seconds(const promc_registry *registry);

#endif
