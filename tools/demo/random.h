/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file random.h
 * A small seeded generator (SplitMix64): the same seed gives the same demo on every machine. Not for secrets.
 */
#ifndef DEMO_RANDOM_H
#define DEMO_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/** 0 … n-1; n > 0. The bias of the remainder is below 1e-15 for the small n used here. */
static inline unsigned random_below(struct random *random, unsigned n)
{
    return (unsigned)(random_next(random) % n);
}

/** True `percent` times in a hundred. */
static inline bool random_chance(struct random *random, unsigned percent)
{
    return random_below(random, 100) < percent;
}

#endif
