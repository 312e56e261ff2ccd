/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file prospects.h
 * Prospects as people really export them: mostly good, with the faults that real files have. Deterministic in the seed.
 */
#ifndef DEMO_PROSPECTS_H
#define DEMO_PROSPECTS_H

#include "random.h"
#include <stddef.h>
#include <stdio.h>

/** There are so many people: those of the file that is imported first, and those that come by JSON. */
#define PROSPECTS_IN_FILE 5000u
#define PROSPECTS_BESIDE 3000u

/**
 * Write a CSV file (RFC 4180, header line, CRLF): exactly `rows` records after the header, of the people from number `first` on, about one in thirty faulty:
 * no address, a broken one, too few or too many fields, bytes that are no UTF-8, an address that came before. Some good
 * ones have quoted commas, quotes and line breaks. A few have no phone or company, so that templates fail for them.
 * @return 0, or -1 with errno set when writing failed.
 */
int prospects_write_csv(FILE *file, unsigned first, unsigned rows, uint64_t seed);

/** One good prospect as a JSON object in `out` (NUL-terminated, at least 512 bytes). @return its length. */
size_t prospects_write_json(char *out, size_t size, struct random *random);

#endif
