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

/* `# HELP name text`, `# TYPE name type`, `# UNIT name unit`, the cursor behind `# `. */
int read_metadata(struct reader *reader);
/* `name{…} value timestamp # {…} value timestamp`. */
int read_sample(struct reader *reader);

/* NULL without memory. The family owns the name. */
struct exposed_family *add_family(struct exposition *out, char *name, size_t line);
/* SIZE_MAX: there is none. */
size_t find_family(const struct exposition *out, const char *name);

#endif
