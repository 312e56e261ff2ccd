/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build-time generator of pow10_table.h: for every k the leading 128 bits of 10^k, rounded up,
 * with the top bit set. All arithmetic is exact. The repository does not contain the table, so nobody has to trust its numbers.
 *
 * 10^k and 5^k have the same leading bits, so only powers of five are computed.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The range that number.c needs: -k of floor(log10(2^q)), q in [-1074, 971]. */
#define POW10_MIN (-292)
#define POW10_MAX 324

#define LIMBS 32 /* 1024 bits; 5^324 takes 753, the division's remainder 680 */

typedef struct {
    uint32_t limb[LIMBS]; /* little-endian */
} big;

static void big_multiply(big *b, uint32_t factor)
{
    uint64_t carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (uint64_t)b->limb[i] * factor;
        b->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

static bool big_less(const big *a, const big *b)
{
    for (int i = LIMBS - 1; i >= 0; i--)
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i];
    return false;
}

static void big_subtract(big *a, const big *b)
{
    uint64_t borrow = 0;
    for (int i = 0; i < LIMBS; i++) {
        uint64_t d = (uint64_t)a->limb[i] - b->limb[i] - borrow;
        a->limb[i] = (uint32_t)d;
        borrow = (d >> 32) & 1;
    }
}

static bool big_bit(const big *b, int bit)
{
    return bit >= 0 && ((b->limb[bit / 32] >> (bit % 32)) & 1) != 0;
}

static int big_bit_length(const big *b)
{
    int bit = LIMBS * 32 - 1;
    while (bit >= 0 && !big_bit(b, bit))
        bit--;
    return bit + 1;
}

static void power_of_five(big *out, int exponent)
{
    memset(out, 0, sizeof(*out));
    out->limb[0] = 1;
    for (int i = 0; i < exponent; i++)
        big_multiply(out, 5);
}

/* The leading 128 bits of an integer power; bits below make it round up. */
static void leading_bits(const big *b, uint64_t out[2])
{
    int length = big_bit_length(b);
    out[0] = out[1] = 0;
    for (int i = 0; i < 128; i++)
        out[i / 64] = out[i / 64] << 1 | big_bit(b, length - 1 - i);
    bool inexact = false;
    for (int bit = length - 129; bit >= 0; bit--)
        inexact |= big_bit(b, bit);
    if (inexact && ++out[1] == 0)
        out[0]++;
}

/* The leading 128 bits of 1/divisor, by long division bit by bit; never exact, so always rounded up. */
static void leading_bits_of_inverse(const big *divisor, uint64_t out[2])
{
    big remainder;
    memset(&remainder, 0, sizeof(remainder));
    remainder.limb[0] = 1;
    out[0] = out[1] = 0;
    for (int bits = 0; bits < 128;) {
        big_multiply(&remainder, 2);
        bool one = !big_less(&remainder, divisor);
        if (one)
            big_subtract(&remainder, divisor);
        if (one || bits > 0) {
            out[bits / 64] = out[bits / 64] << 1 | one;
            bits++;
        }
    }
    if (++out[1] == 0)
        out[0]++;
}

int main(void)
{
    printf("/* Written by gen_pow10.c at build time. */\n#define PROMC_POW10_MIN (%d)\n#define PROMC_POW10_MAX %d\n"
           "static const uint64_t promc_pow10[][2] = {\n",
           POW10_MIN, POW10_MAX);
    for (int k = POW10_MIN; k <= POW10_MAX; k++) {
        big five;
        uint64_t bits[2];
        power_of_five(&five, k < 0 ? -k : k);
        if (k < 0)
            leading_bits_of_inverse(&five, bits);
        else
            leading_bits(&five, bits);
        printf("    {0x%016llxu, 0x%016llxu},\n", (unsigned long long)bits[0], (unsigned long long)bits[1]);
    }
    printf("};\n");
    return ferror(stdout) ? 1 : 0;
}
