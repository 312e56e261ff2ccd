/* SPDX-License-Identifier: Apache-2.0 */
/* What reads an exposition line by line: the exposition as far as it is read, and the line it is in. */
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
