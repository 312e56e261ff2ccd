/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build-time generator of exp2_table.h: the bucket bounds of schema 8, 2^(k/256), each as the mantissa of the double nearest to it,
 * and for the nine leading bits of a mantissa the first bound that is not below them. The bounds of the lower schemas are among these.
 *
 * Fixed point, 1.0 being 2^127. The eight roots 2^(1/2), 2^(1/4) … are exact but for the last bits; a product of eight of them is off by
 * less than 2^-115, which decides the 53rd bit unless a bound lay that close to the middle of two doubles. None does: test_native.c holds
 * every bound against exact arithmetic.
 */
#include <stdint.h>
#include <stdio.h>

typedef unsigned __int128 u128;

#define ONE ((u128)1 << 127)
#define BOUNDS 256
#define BINS 512

/* a × b / 2^128, rounded down. */
static u128 high_of_product(u128 a, u128 b)
{
    uint64_t a1 = (uint64_t)(a >> 64), a0 = (uint64_t)a, b1 = (uint64_t)(b >> 64), b0 = (uint64_t)b;
    u128 low = (u128)a0 * b0, cross0 = (u128)a1 * b0, cross1 = (u128)a0 * b1;
    u128 middle = (low >> 64) + (uint64_t)cross0 + (uint64_t)cross1;
    return (u128)a1 * b1 + (cross0 >> 64) + (cross1 >> 64) + (middle >> 64);
}

/* The square root of x, 1 <= x < 2, bit by bit. The squares are compared at half their size: they may be above 2. */
static u128 root(u128 x)
{
    u128 r = ONE;
    for (int bit = 126; bit >= 0; bit--) {
        u128 with = r | (u128)1 << bit;
        if (high_of_product(with, with) <= x >> 1)
            r = with;
    }
    return r;
}

int main(void)
{
    u128 roots[8];
    uint64_t mantissa[BOUNDS + 1];
    for (int i = 0; i < 8; i++) /* the first is the root of the greatest number below 2 */
        roots[i] = root(i == 0 ? ~(u128)0 : roots[i - 1]);
    for (int k = 0; k < BOUNDS; k++) {
        u128 bound = ONE;
        for (int i = 0; i < 8; i++) {
            if (k & 128 >> i)
                bound = high_of_product(bound, roots[i]) << 1;
        }
        u128 rounded = (bound + ((u128)1 << 74)) >> 75; /* 53 bits */
        mantissa[k] = (uint64_t)rounded & ((UINT64_C(1) << 52) - 1);
    }
    mantissa[BOUNDS] = UINT64_C(1) << 52; /* no mantissa is above it */
    printf("/* Made by gen_exp2.c. */\nstatic const uint64_t exp2_mantissa[%d] = {\n", BOUNDS + 1);
    for (int k = 0; k <= BOUNDS; k++)
        printf("    UINT64_C(0x%llx),\n", (unsigned long long)mantissa[k]);
    printf("};\nstatic const uint16_t exp2_first[%d] = {\n", BINS);
    for (int bin = 0; bin < BINS; bin++) {
        int k = 0;
        while (mantissa[k] < (uint64_t)bin << 43)
            k++;
        printf("    %d,\n", k);
    }
    printf("};\n");
    return 0;
}
