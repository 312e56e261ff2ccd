/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The description of a metric type: one row of a table (types/types.c), to which the registry points. The rooms below `types` use only the
 * row, so a new type needs only a row and its own file. A function may be NULL: then there is nothing to do.
 */
#ifndef PROMC_SERIES_TYPE_OPS_H
#define PROMC_SERIES_TYPE_OPS_H

#include "series/family.h"

struct promc_child;
struct promc_values;
struct promc_family_view;

/* The form of its samples, in any format. */
enum promc_shape { PROMC_SHAPE_VALUE, PROMC_SHAPE_COUNTER, PROMC_SHAPE_HISTOGRAM, PROMC_SHAPE_SUMMARY, PROMC_SHAPES };

struct promc_type_ops {
    enum promc_type type;
    enum promc_shape shape;
    const char *name;      /* name of the type: `counter`, `gauge` … */
    const char *text_type; /* the same in the TYPE line of text 0.0.4, which has fewer types */
    const char *openmetrics_type;
    const char
        *suffix; /* suffix of its sample's name in text 0.0.4 that its OpenMetrics name does not have; "": none */
    const char *const *samples; /* all suffixes that may follow its OpenMetrics name, in any format; ended by NULL */
    const char *reserved_label; /* NULL: none */
    bool refuses_suffixes;      /* its name must not end like another type's samples */
    bool has_no_unit;
    bool accumulates; /* updated by inc, add or observe: the exposed value is a total since `created` */

    /* Of a family. */
    uint32_t cells;                               /* cells of a child; 0: its value is in the child */
    void (*plan)(struct promc_family_plan *plan); /* after the operator's overrides: sets row and cells */
    size_t own_bytes;                             /* size of the type's data in a child before the labels */
    size_t (*behind_bytes)(const struct promc_arena *arena, const struct promc_family_data *data); /* and after them */
    /* The type's data per family, besides its bounds. false: the arena is full. The lock is held. */
    bool (*fill)(struct promc_arena *arena, struct promc_family_data *data, const struct promc_family_plan *plan);
    /* Does it match the plan? The parts that all types have are already equal. */
    bool (*same)(const struct promc_arena *arena, const struct promc_family_data *data,
                 const struct promc_family_plan *plan);

    /* Of a child. */
    void (*init)(const struct promc_arena *arena,
                 struct promc_child *child);                           /* created, not yet findable; the lock is held */
    void (*removed)(struct promc_child *child);                        /* the lock is held */
    void (*free)(promc_registry *registry, struct promc_child *child); /* nobody can use it; the lock is held */
    /* A process that wrote to these cells has died. They are the child's run in one shard. The lock is held. */
    void (*process_gone)(const struct promc_arena *arena, uint64_t *cells, struct promc_child *child);
    void (*repair)(uint64_t *cells, struct promc_child *child);                 /* their writer died within an update */
    void (*forked)(const struct promc_arena *arena, struct promc_child *child); /* its cells are 0 again */
    /* For idle expiry: a value that changes with every update. false: it must not expire. */
    bool (*digest)(const promc_registry *registry, const struct promc_child *child, uint32_t *digest);

    /* Of a reader. */
    void (*view)(const struct promc_arena *arena, const struct promc_family_data *data, struct promc_family_view *view);
    /* All values of one instant. false: the newest of each, because a writer neither paused nor answered. */
    bool (*read)(promc_registry *registry, const struct promc_child *child, struct promc_values *out);
};

static inline const struct promc_type_ops *promc_ops_of(const promc_registry *registry,
                                                        const struct promc_family_data *data)
{
    return &registry->types[data->row];
}

#endif
