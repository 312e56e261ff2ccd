/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shortest round-trip formatting after R. Giulietti's Schubfach ("The Schubfach way to render doubles", 2020).
 *
 * A double v = c·2^q is the only one in its rounding interval (v − half a step, v + half a step). With k chosen so that
 * 10^k is not wider than the interval and 10^(k+1) not narrower, the interval holds at least one multiple of 10^k and at most one
 * of 10^(k+1): take the latter if it is there, else the multiple of 10^k nearest to v. Four candidates, no search.
 *
 * All comparisons are made on numbers scaled by 4/10^k, from a 128-bit power of ten that is rounded up. The lost tail is
 * kept as one "odd" sticky bit, which the paper proves is enough.
 */
#include "base/number.h"

#include "base/wide.h"

#include <pow10_table.h>

#include <string.h>

typedef struct {
    uint64_t digits; /* may end in zeros */
    int exponent;    /* value = digits · 10^exponent */
} decimal;

/* All two-digit texts, since digits are printed in pairs. */
static const char digit_pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748"
    "4950515253545556575859606162636465666768697071727374757677787980818283848586878889909192939495969798"
    "99";

static inline void put2(char *out, uint32_t n)
{
    memcpy(out, digit_pairs + n * 2, 2);
}

static inline void put4(char *out, uint32_t n)
{
    put2(out, n / 100);
    put2(out + 2, n % 100);
}

static inline void put8(char *out, uint32_t n)
{
    put4(out, n / 10000);
    put4(out + 4, n % 10000);
}

/* n < 10,000, without leading zeros. */
static inline char *put_short(char *out, uint32_t n)
{
    if (n < 10) {
        *out = (char)('0' + n);
        return out + 1;
    }
    if (n < 100) {
        put2(out, n);
        return out + 2;
    }
    if (n < 1000) {
        *out = (char)('0' + n / 100);
        put2(out + 1, n % 100);
        return out + 3;
    }
    put4(out, n);
    return out + 4;
}

/* n < 100,000,000 */
static inline char *put_medium(char *out, uint32_t n)
{
    if (n < 10000)
        return put_short(out, n);
    out = put_short(out, n / 10000);
    put4(out, n % 10000);
    return out + 4;
}

char *promc_number_u64(char *out, uint64_t n)
{
    if (n < 100000000u)
        return put_medium(out, (uint32_t)n);
    uint64_t high = n / 100000000u;
    if (high < 100000000u) {
        out = put_medium(out, (uint32_t)high);
    } else {
        out = put_short(out, (uint32_t)(high / 100000000u));
        put8(out, (uint32_t)(high % 100000000u));
        out += 8;
    }
    put8(out, (uint32_t)(n % 100000000u));
    return out + 8;
}

/* The exact floors of log10(2^e), log10(3/4·2^e) and log2(10^e) for every exponent that occurs. */
static inline int floor_log10_pow2(int e)
{
    return (e * 1262611) >> 22;
}

static inline int floor_log10_three_quarters_pow2(int e)
{
    return (e * 1262611 - 524031) >> 22;
}

static inline int floor_log2_pow10(int e)
{
    return (e * 1741647) >> 19;
}

/* g·scaled / 2^128, with the lost tail folded into the lowest bit. */
static inline uint64_t multiply_round_to_odd(const uint64_t g[2], uint64_t scaled)
{
    uint64_t lost, tail;
    uint64_t carried = promc_multiply(g[1], scaled, &lost);
    uint64_t high = promc_multiply(g[0], scaled, &tail);
    tail += carried;
    high += tail < carried;
    /* g is rounded up by less than one unit, so a tail of 1 may mean 0. */
    return high | (tail > 1);
}

/* `bits`: a finite, non-zero double; its sign is ignored. */
static decimal shortest_decimal(uint64_t bits)
{
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int biased = (int)(bits >> 52) & 0x7ff;
    uint64_t c = biased != 0 ? fraction | UINT64_C(1) << 52 : fraction;
    int q = (biased != 0 ? biased : 1) - 1075;
    /* At a power of two the step below is half the step above. */
    bool narrow_below = fraction == 0 && biased > 1;
    uint64_t odd = c & 1; /* an even c includes the ends of its interval: reading back rounds to even */

    int k = narrow_below ? floor_log10_three_quarters_pow2(q) : floor_log10_pow2(q);
    int shift = q + floor_log2_pow10(-k) + 1;
    const uint64_t *g = promc_pow10[-k - PROMC_POW10_MIN];
    uint64_t middle = multiply_round_to_odd(g, c << 2 << shift);
    uint64_t lower = multiply_round_to_odd(g, ((c << 2) - 2 + narrow_below) << shift) + odd;
    uint64_t upper = multiply_round_to_odd(g, ((c << 2) + 2) << shift) - odd;

    uint64_t s = middle / 4;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool below_inside = lower <= tens * 40;
        bool above_inside = tens * 40 + 40 <= upper;
        if (below_inside != above_inside)
            return (decimal){tens + above_inside, k + 1};
    }
    bool below_inside = lower <= s * 4;
    bool above_inside = s * 4 + 4 <= upper;
    if (below_inside != above_inside)
        return (decimal){s + above_inside, k};
    /* Both or neither: take the nearer one, or the even one if both are equally near. */
    uint64_t half = s * 4 + 2;
    return (decimal){s + (middle > half || (middle == half && (s & 1) != 0)), k};
}

/* Digits without trailing zeros. @return their number. d.exponent is increased accordingly. */
static int put_digits(char *out, decimal *d)
{
    if (d->digits % 100000000u == 0) {
        d->digits /= 100000000u;
        d->exponent += 8;
    }
    while (d->digits % 10 == 0) {
        d->digits /= 10;
        d->exponent++;
    }
    return (int)(promc_number_u64(out, d->digits) - out);
}

/* `digits`, of which `whole` (maybe ≤ 0, maybe more than there are) are before the point. */
static char *put_plain(char *out, const char *digits, int count, int whole)
{
    if (whole <= 0) {
        memcpy(out, "0.000000", 8);
        out += 2 - whole;
        memcpy(out, digits, 17);
        return out + count;
    }
    if (whole >= count) {
        memcpy(out, digits, 17);
        memset(out + count, '0', (size_t)(whole - count));
        return out + whole;
    }
    memcpy(out, digits, (size_t)whole);
    out[whole] = '.';
    memcpy(out + whole + 1, digits + whole, (size_t)(count - whole));
    return out + count + 1;
}

static char *put_exponential(char *out, const char *digits, int count, int exponent)
{
    *out++ = digits[0];
    if (count > 1) {
        *out++ = '.';
        memcpy(out, digits + 1, (size_t)(count - 1));
        out += count - 1;
    }
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    uint32_t magnitude = (uint32_t)(exponent < 0 ? -exponent : exponent);
    if (magnitude < 10)
        *out++ = '0';
    return put_short(out, magnitude);
}

/* A finite double ≥ 0 (by its bits). Plain notation while the first digit's exponent is in [-4, plain_below). */
static char *put_finite(char *out, uint64_t bits, int plain_below)
{
    if (bits << 1 == 0) {
        *out = '0';
        return out + 1;
    }
    decimal d = shortest_decimal(bits);
    char digits[PROMC_NUMBER_MAX] = {0};
    int count = put_digits(digits, &d);
    int exponent = count - 1 + d.exponent;
    if (exponent >= -4 && exponent < plain_below)
        return put_plain(out, digits, count, exponent + 1);
    return put_exponential(out, digits, count, exponent);
}

static inline uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static char *put_non_finite(char *out, uint64_t bits)
{
    const char *text = bits << 12 != 0 ? "NaN" : bits >> 63 != 0 ? "-Inf" : "+Inf";
    size_t length = bits << 12 != 0 ? 3 : 4;
    memcpy(out, text, length);
    return out + length;
}

static inline bool is_finite_bits(uint64_t bits)
{
    return (bits >> 52 & 0x7ff) != 0x7ff;
}

char *promc_number_double(char *out, double value)
{
    uint64_t bits = bits_of(value);
    if (!is_finite_bits(bits))
        return put_non_finite(out, bits);
    *out = '-';
    out += bits >> 63;
    double magnitude = bits >> 63 != 0 ? -value : value;
    if (magnitude < 9007199254740992.0) {
        uint64_t whole = (uint64_t)magnitude;
        if ((double)whole == magnitude)
            return promc_number_u64(out, whole);
    }
    return put_finite(out, bits << 1 >> 1, 17);
}

char *promc_number_bound(char *out, double value, bool openmetrics)
{
    uint64_t bits = bits_of(value);
    if (!is_finite_bits(bits))
        return put_non_finite(out, bits);
    char *start = out;
    *out = '-';
    out += bits >> 63;
    out = put_finite(out, bits << 1 >> 1, 6);
    if (openmetrics && !memchr(start, '.', (size_t)(out - start)) && !memchr(start, 'e', (size_t)(out - start))) {
        memcpy(out, ".0", 2);
        out += 2;
    }
    return out;
}
