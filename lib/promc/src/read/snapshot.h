/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface for the encoder. A reader never changes what it reads: housekeeping is done by the scrape (expose/scrape.c).
 *
 * A reading walks families in registration order and their series in creation order, over any number of calls and any time. Series that are
 * removed meanwhile are skipped, and nothing that it points to is reclaimed before promc_reading_end().
 * Strings are (pointer, length) into the arena and stay valid until promc_reading_end().
 */
#ifndef PROMC_READ_SNAPSHOT_H
#define PROMC_READ_SNAPSHOT_H

#include "series/series.h"
#include "types/values.h"

struct promc_reading {
    promc_registry *registry;
    uint64_t token;
    uint32_t slot;
    uint32_t now;                     /* ticks at the beginning; for idle expiry */
    struct promc_family_data *family; /* current, NULL before the first */
    struct promc_child *child;        /* current, NULL before the family's first */
    bool started, at_end;
    uint32_t hidden; /* PROMC_FAMILY_*: families with one of these are skipped */
};

struct promc_series_view {
    struct promc_child *child;
    promc_str labels; /* rendered and escaped, without braces, constant labels not included; length 0: none */
    double created;   /* seconds since the Unix epoch, never after now */
    uint32_t ticks;   /* the same in 1/16 s since the registry was made */
    promc_str
        marker; /* for an overflow series: the value of its label PROMC_OVERFLOW_LABEL, which is already in `labels` */
};

/* Register the reading, so that nothing it may point to is reclaimed. @return 0 or PROMC_E_BUSY. */
int promc_reading_begin(promc_registry *registry, struct promc_reading *reading);
/* Idempotent. */
void promc_reading_end(struct promc_reading *reading);

/* @return false: no further family. Hidden ones are skipped. O(1). */
bool promc_reading_next_family(struct promc_reading *reading, struct promc_family_view *view);
/* @return false: no further series in this family. O(1) amortised. */
bool promc_reading_next_series(struct promc_reading *reading, struct promc_series_view *view);

/*
 * Was it created after the reading began? Then it may be a series that was already shown, removed, and created again: showing it
 * would put the same labels twice into one scrape. Within the tick in which the reading began, `born` decides. It cannot wrap: 32,768
 * scrapes cannot begin within 1/16 s.
 */
static inline bool promc_reading_is_late(const struct promc_reading *reading, const struct promc_child *child,
                                         uint32_t created)
{
    if (reading->token == 0)
        return false;
    if (created != reading->now)
        return (int32_t)(created - reading->now) > 0;
    return (uint16_t)(child->born - (uint16_t)reading->token) < 32768;
}

/*
 * The series that promc_reading_next_series() would return. The reading does not move: the caller moves it by reading->child = the result.
 * @param ticks  when it was created. @return NULL: no further series.
 */
static inline struct promc_child *promc_reading_peek(const struct promc_reading *reading, uint32_t *ticks)
{
    if (!reading->family || reading->at_end)
        return NULL;
    const promc_ref *link = reading->child ? &reading->child->next : &reading->family->first_child;
    promc_ref next;
    while ((next = promc_load_acquire(link)) != 0) {
        struct promc_child *child = promc_at(&reading->registry->arena, next);
        /* read before the flag: a removal overwrites it after setting the flag */
        *ticks = promc_load_acquire(&child->created);
        if (PROMC_LIKELY(!(promc_load(&child->flags) & (PROMC_CHILD_REMOVED | PROMC_CHILD_UNUSED)) &&
                         !promc_reading_is_late(reading, child, *ticks)))
            return child;
        link = &child->next;
    }
    return NULL;
}

/* Constant label i of a family, raw. */
void promc_family_constant(const promc_registry *registry, const struct promc_family_view *view, unsigned i,
                           promc_str *name, promc_str *value);
/* Label values of a series, raw (for protobuf and other escapings). @return their number. */
unsigned promc_series_values(const promc_registry *registry, const struct promc_series_view *view,
                             promc_str values[PROMC_LABELS_MOST]);

#endif
