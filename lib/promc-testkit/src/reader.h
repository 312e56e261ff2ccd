/* SPDX-License-Identifier: Apache-2.0 */
/* State of the line-by-line parser: the exposition read so far and the current line. */
#ifndef PROMC_TESTKIT_READER_H
#define PROMC_TESTKIT_READER_H

#include "cursor.h"

struct reader {
    struct cursor cursor;
    struct exposition *out;
    size_t current; /* family that the next samples may belong to; SIZE_MAX: none */
    bool eof_seen;
};

#endif
