/* SPDX-License-Identifier: Apache-2.0 */
#include "http/rate_limit.h"

#include "base/text.h"
#include "base/token_bucket.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SETS 1024
#define WAYS 8
#define LOCKS 64

struct bucket {
    char organisation_id[37];
    int64_t full_ns; /* CLOCK_MONOTONIC: when the bucket is full again */
};

struct rate_limit {
    struct token_rate rate;
    pthread_mutex_t locks[LOCKS];
    struct bucket buckets[SETS][WAYS];
};

struct rate_limit *rate_limit_create(unsigned rate)
{
    struct rate_limit *limit = calloc(1, sizeof(*limit));
    if (!limit)
        return NULL;
    limit->rate = token_rate_of(INT64_C(1000000000), rate);
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

/* Returns with the lock of the bucket's set held. */
static struct bucket *lock_bucket(struct rate_limit *limit, const char *organisation_id, pthread_mutex_t **lock)
{
    uint32_t hash = text_hash(organisation_id);
    uint32_t set = (hash >> 8 ^ hash) % SETS;
    *lock = &limit->locks[set % LOCKS];
    pthread_mutex_lock(*lock);
    return find(limit->buckets[set], organisation_id);
}

int rate_limit_take(struct rate_limit *limit, const char *organisation_id, uint64_t now_ns)
{
    pthread_mutex_t *lock;
    struct bucket *bucket = lock_bucket(limit, organisation_id, &lock);
    int64_t full, wait = token_wait(limit->rate, bucket->full_ns, (int64_t)now_ns, &full);
    if (wait <= 0)
        bucket->full_ns = full;
    pthread_mutex_unlock(lock);
    return wait <= 0 ? 0 : (int)((wait + 999999999) / 1000000000);
}
