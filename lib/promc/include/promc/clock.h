/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/clock.h
 * The clock for deadlines and observed durations.
 */
#ifndef PROMC_CLOCK_H
#define PROMC_CLOCK_H

#include <promc/export.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** CLOCK_MONOTONIC in nanoseconds. */
PROMC_API uint64_t promc_now_ns(void);

#ifdef __cplusplus
}
#endif
#endif
