/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash of label values: two words at a time through a 64 × 64 → 128 bit multiplication, keyed by the
 * registry's random seed so that no client can choose values that collide. Never stored across machines.
 */
#ifndef PROMC_SRC_HASH_H
#define PROMC_SRC_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PROMC_HASH_K0 UINT64_C(0x9e3779b97f4a7c15)
#define PROMC_HASH_K1 UINT64_C(0xd6e8feb86659fd93)

static inline uint64_t promc_hash_mix(uint64_t a, uint64_t b)
{
#if defined(__SIZEOF_INT128__)
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    uint64_t low = (a & 0xffffffff) * (b & 0xffffffff), high = (a >> 32) * (b >> 32);
    uint64_t cross1 = (a >> 32) * (b & 0xffffffff), cross2 = (a & 0xffffffff) * (b >> 32);
    return low ^ high ^ (cross1 << 32 | cross1 >> 32) ^ (cross2 << 29 | cross2 >> 35);
#endif
}

static inline uint64_t promc_word8(const char *p)
{
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

static inline uint32_t promc_word4(const char *p)
{
    uint32_t w;
    memcpy(&w, p, 4);
    return w;
}

/* Fold one value into h. Lengths are folded in too: ("ab", "c") and ("a", "bc") differ. */
static inline uint64_t promc_hash_value(uint64_t h, const char *p, size_t n)
{
    uint64_t a, b;
    size_t left = n;
    while (left > 16) {
        h = promc_hash_mix(promc_word8(p) ^ h, promc_word8(p + 8) ^ PROMC_HASH_K1);
        p += 16;
        left -= 16;
    }
    if (left >= 8) {
        a = promc_word8(p);
        b = promc_word8(p + left - 8);
    } else if (left >= 4) {
        a = promc_word4(p);
        b = promc_word4(p + left - 4);
    } else if (left > 0) {
        a = (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[left >> 1] << 8 |
            (unsigned char)p[left - 1];
        b = 0;
    } else {
        a = b = 0;
    }
    return promc_hash_mix(a ^ h, b ^ PROMC_HASH_K0 ^ ((uint64_t)n << 56 | n << 3));
}

/* What a table slot and a child keep. */
static inline uint32_t promc_hash_finish(uint64_t h)
{
    return (uint32_t)(h ^ (h >> 32));
}

#endif
