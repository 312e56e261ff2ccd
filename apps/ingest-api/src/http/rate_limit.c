/* SPDX-License-Identifier: Apache-2.0 */
#include "http/rate_limit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SETS 1024
#define WAYS 8
#define LOCKS 64

/* Kept as the time at which the bucket will be full again: one number, no refill to run. */
struct bucket {
    char organisation_id[37];
    uint64_t full_ns;
};

struct rate_limit {
    uint64_t cost_ns;  /* of one request */
    uint64_t burst_ns; /* cost of a whole bucket */
    pthread_mutex_t locks[LOCKS];
    struct bucket buckets[SETS][WAYS];
};

struct rate_limit *rate_limit_create(unsigned rate)
{
    struct rate_limit *limit = calloc(1, sizeof(*limit));
    if (!limit)
        return NULL;
    limit->cost_ns = UINT64_C(1000000000) / rate;
    limit->burst_ns = limit->cost_ns * rate;
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&limit->locks[i], NULL);
    return limit;
}

void rate_limit_destroy(struct rate_limit *limit)
{
    if (!limit)
        return;
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&limit->locks[i]);
    free(limit);
}

static struct bucket *find(struct bucket *set, const char *organisation_id)
{
    struct bucket *place = &set[0];
    for (int i = 0; i < WAYS; i++) {
        if (strncmp(set[i].organisation_id, organisation_id, sizeof(set[i].organisation_id) - 1) == 0)
            return &set[i];
        if (set[i].full_ns < place->full_ns)
            place = &set[i];
    }
    *place = (struct bucket){0};
    strncat(place->organisation_id, organisation_id, sizeof(place->organisation_id) - 1);
    return place;
}

/* Its set's lock is held afterwards. */
static struct bucket *lock_bucket(struct rate_limit *limit, const char *organisation_id, pthread_mutex_t **lock)
{
    uint32_t hash = 2166136261u;
    for (const char *p = organisation_id; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 16777619u;
    uint32_t set = (hash >> 8 ^ hash) % SETS;
    *lock = &limit->locks[set % LOCKS];
    pthread_mutex_lock(*lock);
    return find(limit->buckets[set], organisation_id);
}

/* @return 0: taken; else in how many ns there will be a token. */
static uint64_t take(const struct rate_limit *limit, struct bucket *bucket, uint64_t now_ns)
{
    uint64_t full = (bucket->full_ns > now_ns ? bucket->full_ns : now_ns) + limit->cost_ns;
    if (full - now_ns > limit->burst_ns)
        return full - now_ns - limit->burst_ns;
    bucket->full_ns = full;
    return 0;
}

int rate_limit_take(struct rate_limit *limit, const char *organisation_id, uint64_t now_ns)
{
    pthread_mutex_t *lock;
    uint64_t wait = take(limit, lock_bucket(limit, organisation_id, &lock), now_ns);
    pthread_mutex_unlock(lock);
    return (int)((wait + 999999999) / 1000000000);
}
