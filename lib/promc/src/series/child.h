/* SPDX-License-Identifier: Apache-2.0 */
/* Creating a child: its block, its labels, its place in the family. */
#ifndef PROMC_SERIES_CHILD_H
#define PROMC_SERIES_CHILD_H

#include "series/series.h"

/*
 * The additional label of an overflow series, so that it cannot be confused with a program's own value `other`. Its value, the *marker*, is
 * "true", or for the overflow series of one value of the cap label, that label's name.
 */
#define PROMC_OVERFLOW_LABEL "promc_overflow"

/* Description of a new child. */
struct promc_candidate {
    const promc_str *values;
    uint32_t hash;
    bool overflow;
    bool in_group;    /* an overflow series for one value of the cap label */
    promc_str marker; /* of an overflow series */
    promc_ref group;  /* the overflow series that counts it; 0: none */
    /* promc_child_measure() sets these */
    size_t text_length;
    size_t raw_length; /* size of the raw values after the text; 0: nothing was escaped */
    size_t text_offset;
    size_t behind_offset; /* size of the type's data after the labels; 0: none */
};

/* Length of `,promc_overflow="…"`. */
size_t promc_overflow_text(promc_str marker);
/* Size of its block. */
size_t promc_child_measure(const struct promc_family_data *data, struct promc_candidate *new);
/* Fill a block and publish it. NULL: the arena is full. The lock is held, and the child does not exist yet. */
struct promc_child *promc_child_create(promc_family *family, struct promc_candidate *new);
/* Count it as a shown series. The lock is held. */
void promc_child_count(promc_registry *registry, struct promc_family_data *data, const struct promc_child *child);

#endif
