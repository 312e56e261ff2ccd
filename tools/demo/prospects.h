/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file prospects.h
 * Prospects as people really export them: mostly good, with the faults of real files. The same seed gives the same prospects.
 */
#ifndef DEMO_PROSPECTS_H
#define DEMO_PROSPECTS_H

#include "random.h"
#include <stddef.h>
#include <stdio.h>

/** The number of people: in the file that is imported first, and in later JSON imports. */
#define PROSPECTS_IN_FILE 5000u
#define PROSPECTS_BESIDE 3000u

/**
 * Write a CSV file (RFC 4180, header line, CRLF): exactly `rows` records after the header, of the people from number `first` on.
 * About one in thirty is faulty: no address, an invalid one, too few or too many fields, invalid UTF-8, a repeated address. Some good
 * ones have quoted commas, quotes and line breaks. A few have no phone or company, so that templates fail for them.
 * @return 0, or -1 with errno set when writing failed.
 */
int prospects_write_csv(FILE *file, unsigned first, unsigned rows, uint64_t seed);

/** One good prospect as a JSON object in `out` (NUL-terminated, at least 512 bytes). @return its length. */
size_t prospects_write_json(char *out, size_t size, struct random *random);

#endif
