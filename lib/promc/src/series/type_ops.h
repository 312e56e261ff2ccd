/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a type of metric is: one row of a table (types/types.c), which the registry has. The rooms below the types go by it, so that a
 * new type is a row and its file, and nothing else. A function that is NULL has nothing to do.
 */
#ifndef PROMC_SERIES_TYPE_OPS_H
#define PROMC_SERIES_TYPE_OPS_H

#include "series/family.h"

struct promc_child;
struct promc_values;
struct promc_family_view;

/* What its samples look like, in any format. */
enum promc_shape { PROMC_SHAPE_VALUE, PROMC_SHAPE_COUNTER, PROMC_SHAPE_HISTOGRAM, PROMC_SHAPE_SUMMARY, PROMC_SHAPES };

struct promc_type_ops {
    enum promc_type type;
    enum promc_shape shape;
    const char *name;      /* of the type: `counter`, `gauge` … */
    const char *text_type; /* the same in the TYPE line of text 0.0.4, which knows fewer */
    const char *openmetrics_type;
    const char *suffix; /* its sample's name in text 0.0.4 ends in it, its OpenMetrics name does not; "": none */
    const char *const *samples; /* all that may stand behind its OpenMetrics name, in any format; ended by NULL */
    const char *reserved_label; /* NULL: none */
    bool refuses_suffixes;      /* its name must not end as another type's samples do */
    bool has_no_unit;
    bool accumulates; /* inc, add or observe: what is exposed is a total since `created` */

    /* Of a family. */
    uint32_t cells;                               /* of a child; 0: its value is in the child */
    void (*plan)(struct promc_family_plan *plan); /* once it is known what the operator wants: sets row and cells */
    size_t own_bytes;                             /* what a child keeps in front of its labels */
    size_t (*behind_bytes)(const struct promc_arena *arena, const struct promc_family_data *data); /* and behind them */
    /* What the family keeps beside its bounds. false: the arena is full. The lock is held. */
    bool (*fill)(struct promc_arena *arena, struct promc_family_data *data, const struct promc_family_plan *plan);
    /* Is that as it is planned here? Everything that all types have is the same already. */
    bool (*same)(const struct promc_arena *arena, const struct promc_family_data *data,
                 const struct promc_family_plan *plan);

    /* Of a child. */
    void (*init)(const struct promc_arena *arena,
                 struct promc_child *child);                           /* made, not yet found; the lock is held */
    void (*removed)(struct promc_child *child);                        /* the lock is held */
    void (*free)(promc_registry *registry, struct promc_child *child); /* nobody can be at it; the lock is held */
    void (*process_gone)(uint64_t *cells, struct promc_child *child);  /* that wrote to these: its run in a shard */
    void (*repair)(uint64_t *cells, struct promc_child *child);        /* their writer died within an update */
    void (*forked)(const struct promc_arena *arena, struct promc_child *child); /* its cells are 0 anew */
    /* For idle expiry: what changes with every update. false: not to expire, whatever it is. */
    bool (*digest)(const promc_registry *registry, const struct promc_child *child, uint32_t *digest);

    /* Of a reader. */
    void (*view)(const struct promc_arena *arena, const struct promc_family_data *data, struct promc_family_view *view);
    /* All values of one instant. false: the newest ones, since a writer neither stood still nor answered. */
    bool (*read)(promc_registry *registry, const struct promc_child *child, struct promc_values *out);
};

static inline const struct promc_type_ops *promc_ops_of(const promc_registry *registry,
                                                        const struct promc_family_data *data)
{
    return &registry->types[data->row];
}

#endif
