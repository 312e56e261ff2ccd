/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A family in the arena (struct promc_family_data, shared by all processes) and this process' handle to
 * it (struct promc_family, on the heap: pointers, sizes, callbacks).
 */
#ifndef PROMC_SERIES_FAMILY_H
#define PROMC_SERIES_FAMILY_H

#include "arena/registry.h"
#include "base/atomic.h"
#include <promc/counter.h>
#include <promc/family.h>
#include <promc/histogram.h>

/*
 * The text of a bucket bound. OpenMetrics writes "1.0" where 0.0.4 writes "1": the first is in `text`, the second is
 * its first `classic_length` bytes.
 */
struct promc_le {
    uint8_t classic_length;
    uint8_t openmetrics_length;
    char text[30];
};

/* Maximum labels of a family, and the size of arrays of labels. */
#define PROMC_LABELS_MOST PROMC_MAX_LABEL_LIST

/* A label of a family. */
struct promc_label_data {
    struct promc_text name;
    uint32_t prefix; /* length of `name="` as rendered */
};

/* A constant label, raw. */
struct promc_pair {
    struct promc_text name;
    struct promc_text value;
};

#define PROMC_BIRTH_ZERO_MOST 86400

enum {
    PROMC_FAMILY_SELF = 1u << 0,        /* one of promc's own */
    PROMC_FAMILY_UTF8_NAME = 1u << 1,   /* its name is outside the classic grammar */
    PROMC_FAMILY_UTF8_LABELS = 1u << 2, /* one of its label names (including constant ones) is */
    PROMC_FAMILY_COLLECTED = 1u << 3,   /* belongs to a ready-made collector, under its usual name */
    PROMC_FAMILY_SLEEPS = 1u << 4,      /* the operator's idle expiry: see expiry.h */
    PROMC_FAMILY_CALLBACK = 1u << 5,    /* its values come from callbacks */
    PROMC_FAMILY_TIMED = 1u << 7,       /* some of its series have a time; atomic */
    PROMC_FAMILY_DESTROYED = 1u << 6    /* no series may be created in it: see destroy.h; atomic */
};

/* The rows of the table of types (type_ops.h). A public type may have several, which keep different data in a child. */
enum promc_row {
    PROMC_ROW_COUNTER,
    PROMC_ROW_COUNTER_KEPT, /* a total from another system: it is in the child, like a gauge's value */
    PROMC_ROW_GAUGE,
    PROMC_ROW_GAUGE_WORKERS, /* each process that shares the arena has its own value: see types/workers.h */
    PROMC_ROW_UPDOWN,
    PROMC_ROW_HISTOGRAM,
    PROMC_ROW_NATIVE, /* a histogram with native buckets, with or without classic ones */
    PROMC_ROW_SUMMARY,
    PROMC_ROW_INFO,
    PROMC_ROW_STATESET,
    PROMC_ROW_UNTYPED,
    PROMC_ROWS
};

/* The native buckets of a family; see native.h. */
struct promc_native_plan {
    double zero_threshold;
    int32_t schema; /* schema of a new series */
    uint32_t limit; /* maximum buckets of a series before the schema is lowered */
};

/* Freed after the family is destroyed (destroy.h). Constant after registration except for the fields below "children". */
struct promc_family_data {
    promc_ref next; /* in registration order; atomic. In a free record: the next one */
    uint32_t
        record_bytes; /* size of this and everything it refers to except children and tables: one piece of metadata */
    uint32_t flags;   /* PROMC_FAMILY_* */
    uint8_t type;     /* enum promc_type */
    uint8_t row;      /* enum promc_row */
    uint8_t label_count;
    uint8_t own_bytes; /* size of its type's data in a child before the labels */
    uint16_t constant_label_count;
    uint16_t cap_label;     /* index + 1 of the label whose values have their own caps; 0: none. See cap.h */
    uint32_t behind_bytes;  /* and after the labels */
    uint32_t base_length;   /* of the name without `_total` / `_info`: the OpenMetrics family name */
    struct promc_text name; /* with the suffix: the name in text 0.0.4 */
    struct promc_text help;
    struct promc_text unit;
    struct promc_text constant_labels; /* rendered and escaped: `a="b",c="d"`; registry's first, then the family's */
    promc_ref constant_pairs;          /* struct promc_pair[constant_label_count] */
    uint32_t max_series;
    uint32_t idle_expiry_seconds;
    uint32_t birth_zero_seconds; /* 0: none. See birth.h */
    uint32_t cells;              /* run length of a child; 0: its value is in the child */
    uint32_t fixed_text;         /* length of a child's text without its values */
    uint32_t labels_at;          /* bytes from here to struct promc_label_data[label_count], behind the bounds */
    promc_ref le;                /* struct promc_le[bound_count + 1]; the last is +Inf. A summary's: of its quantiles */
    promc_ref extra;             /* further data of some types: see their files (a summary's: window.h) */

    /* children: written under the lock, read without it */
    promc_ref first_child; /* in creation order */
    promc_ref last_child;
    promc_ref table; /* struct promc_index */
    uint32_t series;
    uint32_t overflows;      /* number of overflow series among them */
    uint32_t groups;         /* number of values of the cap label with their own overflow series, used or not */
    promc_ref overflow;      /* the overflow series once it exists */
    promc_ref reserve_block; /* its reservation until then */
    uint32_t reserve_run;
    uint16_t reserve_class;
    uint16_t workers; /* enum promc_workers */

    /* protobuf.c announces a family's length from these; atomic */
    uint64_t text_bytes;     /* rendered labels of all living series, in total */
    uint64_t native_bytes;   /* native buckets of all living series, on the wire */
    uint64_t exemplar_bytes; /* of all exemplars, on the wire */

    struct promc_native_plan native; /* of a histogram that has native_at */

    /* data for observations, followed by the bounds */
    uint32_t native_at;    /* the first native cell of a child's run; 0: it is not a native histogram */
    uint32_t bound_usual;  /* bound_padded of a classic histogram; 0 for a native one */
    uint32_t bound_count;  /* +Inf not counted */
    uint32_t bound_padded; /* bounds[bound_count … bound_padded-1] are +Inf; a multiple of 4 */
    double bounds[] __attribute__((aligned(16))); /* strictly ascending; read two at a time */
};

static inline struct promc_label_data *promc_labels_of(const struct promc_family_data *data)
{
    return (struct promc_label_data *)(void *)((char *)(uintptr_t)data + data->labels_at);
}

/* Label name i in the settings; NULL past the last. */
static inline const char *promc_label_wanted(const promc_family_settings *settings, unsigned i)
{
    if (settings->label_list)
        return settings->label_list[i];
    return i < PROMC_MAX_LABELS ? settings->labels[i] : NULL;
}

/* Families whose series a label set remembers. */
#define PROMC_PLACES_SEEN 4u

struct promc_family {
    promc_registry *registry;
    struct promc_family_data *data;
    /* Copies of the data that a lookup needs, side by side. */
    const char *base; /* of the arena */
    uint64_t seed;    /* of the label hash */
    uint32_t fixed_text;
    uint32_t overflow_text; /* length of the text after the values of a cap label's overflow series */
    uint8_t slot;           /* the registry's */
    uint8_t type;
    uint8_t label_count;
    uint8_t place;   /* index in `seen` of label sets (label_set.c) */
    uint32_t serial; /* the registry's */
    uint16_t label_prefix[PROMC_LABELS_MOST];
    promc_counter dropped;     /* promc_series_dropped_total{family}; the zero handle for families without labels */
    struct promc_family *next; /* this process' families; atomic */
    struct promc_family *destroyed_next;
    uint32_t destroyed_ticks;
    char **states;    /* of a stateset, ended by NULL; one allocation */
    bool by_callback; /* its values come from callbacks */
    uint32_t refused; /* bits of enum promc_refusal: kinds that occurred; atomic */
};

struct promc_summary_data;

/* A planned family. `name` is used as given (counters: with or without `_total`). */
struct promc_family_plan {
    enum promc_row row;
    enum promc_type type; /* the row's; promc_family_create() sets it */
    const promc_family_settings *settings;
    const double *bounds;
    size_t bound_count;
    uint32_t
        cells; /* cells of a child; promc_family_create() sets the row's value, the row's plan() the derived ones */
    uint32_t flags;
    enum promc_histogram_kind kind;
    struct promc_native_plan native; /* complete for every kind: an operator may change it */
    uint32_t native_at;
    struct promc_summary_data *summary; /* of a summary; copied to `extra` */
};

/* Checks first, then creates the family; lock not held. Errors: see promc_counter_register(). */
int promc_family_create(promc_registry *registry, const struct promc_family_plan *plan, promc_family **out);
void promc_family_free(promc_family *family);
/* NULL-terminated copies of a label's strings; false: full. The lock is held. */
bool promc_pair_copy(struct promc_arena *arena, struct promc_pair *out, const promc_label *label);

/* promc_family_name() of an existing family. */
static inline const char *promc_name_of(const promc_family *family)
{
    return promc_at(&family->registry->arena, family->data->name.ref);
}

/* The family after this one in registration order, the first one for NULL; NULL: none. Lock-free. */
static inline struct promc_family_data *promc_family_after(const struct promc_arena *arena,
                                                           const struct promc_family_data *data)
{
    promc_ref next = promc_load_acquire(data ? &data->next : &arena->header->first_family);
    return next ? promc_at(arena, next) : NULL;
}

#endif
