/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash of label values: two words at a time through a 64 × 64 → 128 bit multiplication, keyed by the
 * registry's random seed so that no client can choose colliding values. Never stored across machines.
 */
#ifndef PROMC_SERIES_HASH_H
#define PROMC_SERIES_HASH_H

#include "base/wide.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__)
#define PROMC_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PROMC_TSAN
#endif
#endif

/* Loops over a constant number of labels: when unrolled, their data stays in registers. */
#define PROMC_UNROLL _Pragma("GCC unroll 4")

#define PROMC_HASH_K0 UINT64_C(0x9e3779b97f4a7c15)
#define PROMC_HASH_K1 UINT64_C(0xd6e8feb86659fd93)

static inline uint64_t promc_hash_mix(uint64_t a, uint64_t b)
{
    uint64_t low, high = promc_multiply(a, b, &low);
    return low ^ high;
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

/* At most 7 bytes as one word: as a read of 8 bytes at p on a little-endian machine, of which only the first n count. */
static inline uint64_t promc_short_word(const char *p, size_t n)
{
    if (n >= 4)
        return promc_word4(p) | (uint64_t)promc_word4(p + n - 4) << (8 * n - 32);
    if (n == 0)
        return 0;
    uint64_t middle = (unsigned char)p[n >> 1], last = (unsigned char)p[n - 1];
    return (unsigned char)p[0] | middle << (8 * (n >> 1)) | last << (8 * (n - 1));
}

/* A label value being looked up: its ends as words, so that it is read only once for hashing and comparing. */
struct promc_key {
    const char *data;
    size_t length;
    uint64_t first; /* up to 7 bytes: all of it; else its first 8 */
    uint64_t last;  /* from 8 bytes on: its last 8 */
};

static inline uint64_t promc_hash_long(const struct promc_key *key, uint64_t seed)
{
    const char *p = key->data;
    size_t n = key->length;
    uint64_t h = promc_hash_mix(key->first ^ seed, promc_word8(p + 8) ^ PROMC_HASH_K1);
    uint64_t tail = promc_hash_mix(promc_word8(p + n - 16) ^ ~seed, key->last ^ PROMC_HASH_K0 ^ n);
    for (size_t i = 16; i + 16 < n; i += 16)
        h = promc_hash_mix(promc_word8(p + i) ^ h, promc_word8(p + i + 8) ^ PROMC_HASH_K1);
    return h ^ tail;
}

/*
 * Fill the key and return its hash. Each value is hashed separately, with its position's seed, so that the multiplications
 * of several values overlap; their hashes are xored. The length is included: ("ab", "c") and ("a", "bc") differ.
 */
static inline uint64_t promc_key_fill(struct promc_key *key, const char *p, size_t n, uint64_t seed)
{
    key->data = p;
    key->length = n;
    if (n < 8) {
        key->first = promc_short_word(p, n);
        key->last = 0;
        return promc_hash_mix(key->first ^ seed, PROMC_HASH_K0 ^ n);
    }
    key->first = promc_word8(p);
    key->last = promc_word8(p + n - 8);
    if (n <= 16)
        return promc_hash_mix(key->first ^ seed, key->last ^ PROMC_HASH_K0 ^ n);
    return promc_hash_long(key, seed);
}

static inline uint64_t promc_hash_seed(uint64_t seed, unsigned place)
{
    return seed + place * PROMC_HASH_K1;
}

/*
 * Are the key's bytes, followed by a quote, at p? 0 if so. 8 bytes may be read at p for any length: it is text
 * in the arena, which is followed by more of the arena (PROMC_MARGIN). (Those bytes may be written at the same time; they are
 * shifted out. ThreadSanitizer cannot know that and gets the plain code.)
 */
static inline uint64_t promc_key_differs(const struct promc_key *key, const char *p)
{
    size_t n = key->length;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && !defined(PROMC_TSAN)
    if (n < 8)
        return (promc_word8(p) ^ (key->first | (uint64_t)'"' << (8 * n))) << (56 - 8 * n);
#else
    if (n < 8)
        return memcmp(p, key->data, n) != 0 || p[n] != '"';
#endif
    uint64_t differ =
        (promc_word8(p) ^ key->first) | (promc_word8(p + n - 8) ^ key->last) | (unsigned char)(p[n] ^ '"');
    if (n > 16)
        differ |= (promc_word8(p + 8) ^ promc_word8(key->data + 8)) |
                  (promc_word8(p + n - 16) ^ promc_word8(key->data + n - 16));
    if (n > 32)
        differ |= memcmp(p + 16, key->data + 16, n - 32) != 0;
    return differ;
}

/* The hash in a table slot and a child. Never 0: that marks deleted slots. */
static inline uint32_t promc_hash_finish(uint64_t h)
{
    return (uint32_t)(h ^ (h >> 32)) | UINT32_C(0x80000000);
}

#endif
