/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uuid.h"

#include "base/clock.h"
#include "base/hex.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/*
 * Milliseconds << 12 | sequence, of the last id of this process. It only increases: more than 4096 ids in a
 * millisecond borrow from the next one.
 */
static _Atomic uint64_t last_tick;

/* Incremented in a forked child, so that it does not repeat its parent's random stream. */
static _Atomic unsigned fork_generation = 1;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static __thread struct {
    uint64_t s[2];
    unsigned generation;
} rng;

static void after_fork(void)
{
    atomic_fetch_add(&fork_generation, 1);
}

static void watch_fork(void)
{
    pthread_atfork(NULL, NULL, after_fork);
}

static void seed(unsigned generation)
{
    pthread_once(&fork_once, watch_fork);
    if (getrandom(rng.s, sizeof(rng.s), 0) != (ssize_t)sizeof(rng.s)) {
        /* no random bytes (a seccomp filter): time, thread and process still make ids differ */
        rng.s[0] = clock_monotonic_ns() ^ (uint64_t)(uintptr_t)&rng;
        rng.s[1] = (uint64_t)clock_wall_ms() << 20 ^ (uint64_t)getpid();
    }
    rng.s[0] |= 1; /* xoroshiro must not be all zero */
    rng.generation = generation;
}

/* xoroshiro128+, because ids must differ but need not be secret. */
static uint64_t random64(void)
{
    unsigned generation = atomic_load_explicit(&fork_generation, memory_order_relaxed);
    if (rng.generation != generation)
        seed(generation);
    uint64_t a = rng.s[0], b = rng.s[1], result = a + b;
    b ^= a;
    rng.s[0] = (a << 24 | a >> 40) ^ b ^ (b << 16);
    rng.s[1] = b << 37 | b >> 27;
    return result;
}

static uint64_t next_tick(void)
{
    uint64_t now = (uint64_t)clock_wall_ms() << 12;
    uint64_t last = atomic_load_explicit(&last_tick, memory_order_relaxed);
    uint64_t next;
    do
        next = now > last ? now : last + 1;
    while (!atomic_compare_exchange_weak(&last_tick, &last, next));
    return next;
}

void uuid_new(unsigned char out[16])
{
    uint64_t tick = next_tick();
    uint64_t high = (tick >> 12) << 16 | 0x7000u | (tick & 0xfffu);
    uint64_t low = (random64() & 0x3fffffffffffffffu) | 0x8000000000000000u;
    for (int i = 0; i < 8; i++) {
        out[i] = (unsigned char)(high >> (56 - 8 * i));
        out[8 + i] = (unsigned char)(low >> (56 - 8 * i));
    }
}

#define GROUPS 5
static const unsigned char group_bytes[GROUPS] = {4, 2, 2, 2, 6}; /* 8-4-4-4-12 digits */

void uuid_format(const unsigned char uuid[16], char out[UUID_TEXT])
{
    for (size_t group = 0, at = 0; group < GROUPS; at += group_bytes[group++]) {
        if (group)
            *out++ = '-';
        hex_format(uuid + at, group_bytes[group], out);
        out += (size_t)2 * group_bytes[group];
    }
}

void uuid_new_text(char out[UUID_TEXT])
{
    unsigned char uuid[16];
    uuid_new(uuid);
    uuid_format(uuid, out);
}

bool uuid_parse(const char *text, unsigned char out[16])
{
    unsigned char uuid[16];
    if (!text)
        return false;
    for (size_t group = 0, at = 0; group < GROUPS; at += group_bytes[group++]) {
        if ((group && *text++ != '-') || !hex_parse(text, uuid + at, group_bytes[group]))
            return false;
        text += (size_t)2 * group_bytes[group];
    }
    if (*text)
        return false;
    memcpy(out, uuid, sizeof(uuid));
    return true;
}
