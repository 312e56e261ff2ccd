/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exemplars of a child: an array in the arena, made at the first one, with a place for the counter or for each bucket.
 * A place is a sequence lock that nobody waits for: a writer that finds it taken lets its exemplar go.
 */
#ifndef PROMC_SRC_EXEMPLAR_H
#define PROMC_SRC_EXEMPLAR_H

#include "series.h"
#include <promc/exemplar.h>

#define PROMC_EXEMPLAR_WORDS (PROMC_EXEMPLAR_BYTES / 8)

struct promc_exemplar_place {
    uint64_t sequence; /* odd while it is written */
    uint64_t value;    /* bits */
    uint64_t ms;       /* since the Unix epoch; 0: none yet */
    uint64_t length;
    uint64_t text[PROMC_EXEMPLAR_WORDS];
};

struct promc_exemplar_view {
    double value;
    double timestamp; /* seconds since the Unix epoch */
    size_t length;
    char text[PROMC_EXEMPLAR_BYTES]; /* rendered and escaped, without braces */
};

/* index: the bucket, 0 for a counter. false: there is none. */
bool promc_read_exemplar(const promc_registry *registry, const struct promc_child *child, uint32_t index,
                         struct promc_exemplar_view *out);
/* At reclamation, with the lock held. */
void promc_exemplars_free(promc_registry *registry, struct promc_child *child);

#endif
