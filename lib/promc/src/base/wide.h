/* SPDX-License-Identifier: Apache-2.0 */
/* 128-bit products, also on 32-bit machines. */
#ifndef PROMC_BASE_WIDE_H
#define PROMC_BASE_WIDE_H

#include <stdint.h>

/* a × b. @return the upper half. */
static inline uint64_t promc_multiply(uint64_t a, uint64_t b, uint64_t *low)
{
#ifdef __SIZEOF_INT128__
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    *low = (uint64_t)product;
    return (uint64_t)(product >> 64);
#else
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t lowest = a0 * b0, cross0 = a0 * b1, cross1 = a1 * b0;
    uint64_t middle = (lowest >> 32) + (uint32_t)cross0 + (uint32_t)cross1;
    *low = middle << 32 | (uint32_t)lowest;
    return a1 * b1 + (cross0 >> 32) + (cross1 >> 32) + (middle >> 32);
#endif
}

#endif
