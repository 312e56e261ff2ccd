/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exemplars of a child: an array in the arena, allocated for the first one, with a place for the counter or for each classic bucket, then
 * PROMC_NATIVE_EXEMPLARS for the native buckets, which share them: neighbouring powers of two have different places. A place is a sequence
 * lock on which nobody waits: a writer that finds it taken drops its exemplar.
 */
#ifndef PROMC_TYPES_EXEMPLAR_H
#define PROMC_TYPES_EXEMPLAR_H

#include "series/series.h"
#include <promc/exemplar.h>

#define PROMC_NATIVE_EXEMPLARS 10
#define PROMC_EXEMPLAR_WORDS (PROMC_EXEMPLAR_BYTES / 8)

struct promc_exemplar_place {
    uint64_t sequence; /* odd while it is written */
    uint64_t value;    /* bits */
    uint64_t ms;       /* since the Unix epoch; 0: none yet */
    uint64_t length;   /* of the text; above it, from bit 32 on, promc_exemplar_wire_size() */
    uint64_t text[PROMC_EXEMPLAR_WORDS];
};

struct promc_exemplar_view {
    double value;
    double timestamp;   /* seconds since the Unix epoch */
    uint32_t wire_size; /* promc_exemplar_wire_size() */
    size_t length;
    char text[PROMC_EXEMPLAR_BYTES]; /* rendered and escaped, without braces */
};

/* Bytes that an exemplar adds to its series in protobuf. */
static inline uint32_t promc_exemplar_wire_size(uint32_t labels)
{
    return labels + 9 /* value */ + 14 /* timestamp */ + 4 /* its tag and length, and a longer outer length */;
}

/* The first place that native buckets use. */
static inline uint32_t promc_exemplar_native_first(const struct promc_family_data *data)
{
    return data->native_at != 0 && data->bound_count == 0 ? 0 : data->bound_count + 1;
}
static inline uint32_t promc_exemplar_places(const struct promc_family_data *data)
{
    return promc_exemplar_native_first(data) + (data->native_at ? PROMC_NATIVE_EXEMPLARS : 0);
}

/* index: the place, 0 for a counter. false: none. */
bool promc_read_exemplar(const promc_registry *registry, const struct promc_child *child, uint32_t index,
                         struct promc_exemplar_view *out);
/* At reclamation, with the lock held. */
void promc_exemplars_free(promc_registry *registry, struct promc_child *child);

#endif
