/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file number.h
 * Numbers as the exposition formats want them: locale-free, the shortest decimal that reads back as the same double,
 * whole numbers without a point. No printf, no allocation, no failure; thread safe.
 *
 * Every function writes at `out` and returns the end of what it wrote; nothing is NUL-terminated. It may scribble
 * anywhere in out[0 … PROMC_NUMBER_MAX-1], so that much room must be there.
 */
#ifndef PROMC_BASE_NUMBER_H
#define PROMC_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/** Room that every function below needs. The longest text is 24 bytes: `-2.2250738585072014e-308`. */
#define PROMC_NUMBER_MAX 32

char *promc_number_u64(char *out, uint64_t n);

/**
 * A sample's value. Whole numbers below 2^53 are written as integers (`12`, `-0`), others with as few digits as round-trip,
 * in plain notation from 1e-4 to below 1e17 and as `1.5e+20` outside. `NaN`, `+Inf`, `-Inf`.
 */
char *promc_number_double(char *out, double value);

/**
 * A bound (`le`) or quantile: the spelling is part of a series' identity, so it is the one that the Go library, and hence
 * every server, has: plain from 1e-4 to below 1e6, else an exponent of at least two digits.
 * @param openmetrics  whole numbers get `.0`, as OpenMetrics' canonical numbers have it (`1.0`, `1e+06`).
 */
char *promc_number_bound(char *out, double value, bool openmetrics);

#endif
