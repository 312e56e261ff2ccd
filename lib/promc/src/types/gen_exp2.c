/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build-time generator of exp2_table.h: the bucket bounds of schema 8, 2^(k/256), each as the mantissa of the nearest double,
 * and for the nine leading bits of a mantissa the first bound that is not below them. The bounds of the lower schemas are among these.
 *
 * Fixed point: 1.0 is 2^127. The eight roots 2^(1/2), 2^(1/4) … are exact except for the last bits; a product of eight of them is off by
 * less than 2^-115. That is enough to round correctly, unless a bound is closer than this to the middle of two doubles. No bound is:
 * test_native.c compares each with exact arithmetic.
 */
#include "base/wide.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct {
    uint64_t high, low;
} fixed;

#define ONE ((fixed){UINT64_C(1) << 63, 0})
#define BOUNDS 256
#define BINS 512

static void add(fixed *sum, uint64_t low, uint64_t high)
{
    sum->low += low;
    sum->high += high + (sum->low < low);
}

/* a × b / 2^128, rounded down. */
static fixed high_of_product(fixed a, fixed b)
{
    uint64_t lost, middle, cross0_low, cross1_low;
    fixed product;
    product.high = promc_multiply(a.high, b.high, &product.low);
    uint64_t cross0 = promc_multiply(a.high, b.low, &cross0_low), cross1 = promc_multiply(a.low, b.high, &cross1_low);
    middle = promc_multiply(a.low, b.low, &lost);
    middle += cross0_low;
    add(&product, cross0, 0);
    add(&product, middle < cross0_low, 0);
    middle += cross1_low;
    add(&product, cross1, 0);
    add(&product, middle < cross1_low, 0);
    return product;
}

static bool above(fixed a, fixed b)
{
    return a.high != b.high ? a.high > b.high : a.low > b.low;
}

/* The square root of x, 1 <= x < 2, bit by bit. The squares are compared at half their size: they may exceed 2. */
static fixed root(fixed x)
{
    fixed half = {x.high >> 1, x.high << 63 | x.low >> 1}, r = ONE;
    for (int bit = 126; bit >= 0; bit--) {
        fixed with = {r.high | (bit >= 64 ? UINT64_C(1) << (bit - 64) : 0),
                      r.low | (bit < 64 ? UINT64_C(1) << bit : 0)};
        if (!above(high_of_product(with, with), half))
            r = with;
    }
    return r;
}

int main(void)
{
    fixed roots[8];
    uint64_t mantissa[BOUNDS + 1];
    for (int i = 0; i < 8; i++) /* the first one is the root of the greatest number below 2 */
        roots[i] = root(i == 0 ? (fixed){UINT64_MAX, UINT64_MAX} : roots[i - 1]);
    for (int k = 0; k < BOUNDS; k++) {
        fixed bound = ONE;
        for (int i = 0; i < 8; i++) {
            if (k & 128 >> i) {
                bound = high_of_product(bound, roots[i]);
                add(&bound, bound.low, bound.high);
            }
        }
        mantissa[k] = ((bound.high + (1 << 10)) >> 11) & ((UINT64_C(1) << 52) - 1); /* rounded to 53 bits */
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
