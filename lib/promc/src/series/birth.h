/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Born at zero. A series that its first event makes begins, for a scraper, at that event's value, and rate() and increase() never see
 * the step. So a family may have a time, birth_zero_seconds, for which scrapers see its new series as 0. There is no other state than
 * the time of creation, which all scrapers share, so each replica of a pair sees the 0.
 *
 *  - Age is by the monotonic ticks, from the creation, or in a fork's child from the fork.
 *  - A young series is 0 as a whole: one decision a scrape for buckets, sum, count, exemplars.
 *  - What a scraper has seen as 0 it must see as it is, too. So a series that is removed before it is twice birth_zero_seconds old is
 *    *leaving* until then: its handles are stale and its values find nothing, but it stays in its family's list, and is shown. When its
 *    values are asked for again it comes back, with what it had counted, under a new generation. The scrape removes it for good.
 *  - It does not expire before that age either.
 */
#ifndef PROMC_SERIES_BIRTH_H
#define PROMC_SERIES_BIRTH_H

#include "series/series.h"

/* Is a series that was made at `created` (ticks) shown as 0 to scrapers? */
static inline bool promc_birth_is_young(const promc_registry *registry, const struct promc_family_data *data,
                                        uint32_t created, uint32_t now)
{
    uint32_t forked = promc_load(&registry->arena.header->forked_ticks);
    uint32_t born = forked > created ? forked : created;
    return (int32_t)(now - born) < (int32_t)(data->birth_zero_seconds * 16);
}

/* Has every scraper had the time to see it as it is? */
static inline bool promc_birth_is_shown(const promc_registry *registry, const struct promc_family_data *data,
                                        uint32_t created, uint32_t now)
{
    uint32_t forked = promc_load(&registry->arena.header->forked_ticks);
    uint32_t born = forked > created ? forked : created;
    return (int32_t)(now - born) >= (int32_t)(data->birth_zero_seconds * 32);
}

/* What there is to know of all families: the shortest time that one has (0: none has), and how many series are young. */
struct promc_births {
    uint32_t least_seconds;
    uint64_t young;
};

/* Takes the lock if a family has the time. O(families + young series). */
struct promc_births promc_births_of(promc_registry *registry);
/* The first of the two. Lock-free. O(families). */
uint32_t promc_birth_least_seconds(const promc_registry *registry);

#endif
