/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file number.h
 * Numbers in the form of the exposition formats: locale-free, the shortest decimal that reads back as the same double,
 * integers without a point. No printf, no allocation, no failure; thread safe.
 *
 * Every function writes at `out` and returns the end of the text; nothing is NUL-terminated. It may overwrite
 * anything in out[0 … PROMC_NUMBER_MAX-1], so there must be that much room.
 */
#ifndef PROMC_BASE_NUMBER_H
#define PROMC_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/** Room that every function below needs. The longest text has 24 bytes: `-2.2250738585072014e-308`. */
#define PROMC_NUMBER_MAX 32

char *promc_number_u64(char *out, uint64_t n);

/**
 * A sample's value. Integers below 2^53 are written without a point (`12`, `-0`), others with as few digits as round-trip,
 * in plain notation from 1e-4 to below 1e17 and as `1.5e+20` outside. `NaN`, `+Inf`, `-Inf`.
 */
char *promc_number_double(char *out, double value);

/**
 * A bound (`le`) or quantile. The spelling is part of a series' identity, so it is that of the Go library, which
 * every server expects: plain from 1e-4 to below 1e6, else an exponent of at least two digits.
 * @param openmetrics  integers get `.0`, like OpenMetrics' canonical numbers (`1.0`, `1e+06`).
 */
char *promc_number_bound(char *out, double value, bool openmetrics);

#endif
