/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arena: one mapped address range with everything that a registry owns (docs/library/internals.md).
 *
 * Invariants
 *  - the range is mapped once and never moves; references inside it are offsets (promc_ref), never pointers;
 *  - metadata grows upwards from the header to `meta_end`; a block allocated for a child stays a child block for ever
 *    (a stale handle may read its `live` word at any time), and a table stays a table;
 *  - every process touches only committed memory (commit.h): the header, metadata up to `meta_ready`, and in the shared shard and
 *    the first `shards_used` shards the header and the cells below `cells_ready`;
 *  - everything below "under the lock" is written only with the registry's lock held, by single stores in an order that
 *    leaves a chain that can be walked forwards after each store (a process may die between two stores).
 */
#ifndef PROMC_ARENA_ARENA_H
#define PROMC_ARENA_ARENA_H

#include <promc/registry.h>
#include <promc/shard.h>
#include <pthread.h>

#define PROMC_ARENA_MAGIC UINT64_C(0x616e6572412e6d70) /* "pm.Arena" on a little-endian machine */
/* Raise it whenever a structure in the arena changes. */
#define PROMC_ARENA_VERSION 7

#define PROMC_PAGE 4096u
#define PROMC_SHARD_HEADER (2 * PROMC_PAGE) /* the second page is touched only if a busy native histogram is read */
#define PROMC_MARGIN PROMC_PAGE /* committed after the metadata: a lookup may read a little beyond a child's text */
#define PROMC_ALIGN 16u         /* alignment of every metadata allocation */
#define PROMC_SIZE_CLASSES 96   /* of child blocks: see size_class_of() */
#define PROMC_TABLE_CLASSES 32  /* log2 of a hash table's slots */
#define PROMC_EXEMPLAR_PLACES_MAX 267 /* per series: one place per classic bucket, ten for the native ones */
#define PROMC_RUN_MAX 1023            /* longest run of cells of a series */
#define PROMC_SCRAPES_MAX 32          /* maximum scrapes in flight per registry */

/* Offset from the arena's start in units of 8 bytes; 0 is "none". */
typedef uint32_t promc_ref;

/* A string in the arena; NUL-terminated, the NUL is not counted. */
struct promc_text {
    promc_ref ref;
    uint32_t length;
};

/* A scrape in flight. `token` is 0 while the slot is free. */
struct promc_scrape_slot {
    uint64_t token; /* unique per scrape */
    uint64_t epoch; /* this scrape may use children that were removed at this epoch or later */
    uint64_t owner; /* the process: pid << 32 | 0 */
    uint64_t owner_start;
};

struct promc_arena_header {
    uint64_t magic;
    uint32_t version;
    uint32_t header_bytes;
    uint64_t arena_bytes;
    uint64_t meta_end;     /* first byte after the metadata = start of shard 0's header page */
    uint64_t shard_stride; /* distance between two shards */
    uint32_t max_threads;  /* shards 0 … max_threads-1 have owners; shard max_threads is the shared one */
    uint32_t cells_max;
    uint32_t max_series; /* default cap of a family */
    uint32_t max_value_bytes;
    uint32_t flags;              /* PROMC_ARENA_* */
    uint32_t birth_zero_seconds; /* default of families that do not set it; 0: none */
    uint64_t seed;               /* seed of the label hash; random */
    uint64_t born_ms;            /* wall clock at creation, ms since the Unix epoch */
    uint64_t born_ns;            /* the same instant on CLOCK_MONOTONIC, which all processes share */
    promc_ref constant_pairs;    /* of the registry: struct promc_pair[constant_label_count] */
    uint32_t constant_label_count;

    /* under the lock */
    pthread_mutex_t lock;   /* robust; process-shared in a shared arena */
    uint64_t meta_used;     /* bytes */
    uint64_t meta_ready;    /* bytes committed */
    uint64_t refused_ns;    /* when the system last refused memory; 0: not since it last gave some. See commit.h */
    uint32_t cells_used;    /* cells allocated; cell 0 is never used */
    uint32_t cells_ready;   /* cells committed in each shard in use */
    int32_t refused;        /* the error of that refusal; atomic */
    promc_ref first_family; /* in registration order; published by the store to the last one's `next` */
    promc_ref last_family;
    uint32_t family_count;
    promc_ref free_blocks[PROMC_SIZE_CLASSES];
    promc_ref free_tables[PROMC_TABLE_CLASSES];
    promc_ref free_exemplars[PROMC_EXEMPLAR_PLACES_MAX + 1]; /* free arrays with that many places; see exemplar.h */
    uint32_t
        free_runs[PROMC_RUN_MAX + 1]; /* first cell of a free run of that length; its link is in the shared shard */
    promc_ref quarantine_first;       /* removed children, oldest first */
    promc_ref quarantine_last;
    promc_ref retired_tables;
    promc_ref free_records; /* records of destroyed families: series/destroy.h */

    /* atomics */
    uint64_t series; /* those that exist now */
    uint64_t epoch;  /* incremented by each removal */
    uint64_t next_token;
    uint32_t shards_used;  /* shards 0 … shards_used-1 have had an owner; raised under the lock */
    uint32_t shared_used;  /* 1 once the shared shard has been written to */
    uint64_t releases;     /* incremented whenever a shard becomes free */
    uint64_t forked_ms;    /* wall clock of the fork that made this copy; 0: none. Values count from then */
    uint32_t forked_ticks; /* the same in 1/16 s since the registry was made */
    uint32_t reserved;
    struct promc_scrape_slot scrapes[PROMC_SCRAPES_MAX];
};

enum {
    PROMC_ARENA_SHARED = 1u << 0,
    PROMC_ARENA_CREATED_TIMESTAMPS = 1u << 1,
    PROMC_ARENA_HIDE_SELF = 1u << 2,
    PROMC_ARENA_UTF8_NAMES = 1u << 3
};

enum promc_memory {
    PROMC_MEMORY_PRIVATE, /* private pages of this process */
    PROMC_MEMORY_FILE,    /* a file, mapped MAP_SHARED */
    PROMC_MEMORY_HOST     /* memory given by the program */
};

/* This process' view of the arena. */
struct promc_arena {
    char *base;
    struct promc_arena_header *header; /* == base */
    char *shards;                      /* base + header->meta_end */
    size_t bytes;
    size_t shard_stride;
    enum promc_memory memory;
    int fd;      /* the shared file, with its lock held; -1: none */
    bool shared; /* by processes */
    bool readonly;
    uint64_t window_at, window_end; /* while a record is reused, metadata is allocated from it; under the lock */
};

static inline void *promc_at(const struct promc_arena *arena, promc_ref ref)
{
    return arena->base + (size_t)ref * 8;
}

static inline promc_ref promc_ref_of(const struct promc_arena *arena, const void *pointer)
{
    return (promc_ref)((size_t)((const char *)pointer - arena->base) / 8);
}

/* Cells of shard i. Cell 0 of each is unused. */
static inline uint64_t *promc_shard_cells(const struct promc_arena *arena, uint32_t shard)
{
    return (uint64_t *)(void *)(arena->shards + (size_t)shard * arena->shard_stride + PROMC_SHARD_HEADER);
}

/* All below: with the registry's lock held. */

/* Zeroed metadata, 16-byte aligned. 0: the budget is used up. O(1). */
promc_ref promc_arena_alloc(struct promc_arena *arena, size_t bytes);
/* Until the call with 0, 0: allocate from these bytes, which were metadata before. */
void promc_arena_window(struct promc_arena *arena, promc_ref from, size_t bytes);
/* A NUL-terminated copy of a string. ref 0: full. */
struct promc_text promc_arena_text(struct promc_arena *arena, const char *data, size_t length);

/*
 * The start of every block. A block is a child's for ever: `live` keeps counting generations while the block is free, because
 * a stale handle may read it at any time. `next` belongs to the free list; while the block is in use, to the list of children.
 */
struct promc_block {
    promc_live live;
    uint32_t of_the_child[2];
    promc_ref next;
};

/* A block of at least `bytes` for a child; its `live` word keeps counting generations. *class is its size class. */
promc_ref promc_arena_block(struct promc_arena *arena, size_t bytes, uint16_t *size_class);
void promc_arena_block_free(struct promc_arena *arena, promc_ref block, uint16_t size_class);

/* A run of `count` cells that are zero in every shard. 0: full. O(1). */
uint32_t promc_arena_run(struct promc_arena *arena, uint32_t count);
/* Zeroes the cells in every shard; nobody may write to them any more. O(count × shards). */
void promc_arena_run_free(struct promc_arena *arena, uint32_t cell, uint32_t count);

/* Allocated metadata, and the cells of all shards in use. */
size_t promc_arena_used(const struct promc_arena *arena);

#endif
