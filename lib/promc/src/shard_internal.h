/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shard: a header page, then cells. Written by its owner alone; read by all.
 *
 * `owner` is pid << 32 | tid. tid 0: free, but still the pid's (its values may balance those of the process' other
 * shards); another process takes it only once that pid is dead, and then zeroes the up-down gauges in it.
 */
#ifndef PROMC_SRC_SHARD_INTERNAL_H
#define PROMC_SRC_SHARD_INTERNAL_H

#include "arena.h"
#include <promc/shard.h>

#define PROMC_SCRATCH_CELLS 496

struct promc_shard {
    uint64_t busy;         /* 1 while the owner is inside an observation; owner only */
    uint64_t request;      /* a reader's wish: sequence << 32 | first cell; 0: none */
    uint64_t request_cells;
    uint64_t acknowledged; /* the last request that the owner has served */
    uint64_t reader;       /* who may write `request`: pid << 32 | tid, 0: nobody */
    uint64_t sequence;     /* of requests; the reader's */
    uint64_t owner;
    uint64_t owner_start;  /* start time of the owner's process, so that a recycled pid is not taken for it */
    uint64_t reserved[8];
    uint64_t scratch[PROMC_SCRATCH_CELLS - 16]; /* the owner's copy of the cells asked for */
};

static inline struct promc_shard *promc_shard_of(uint64_t *cells)
{
    return (struct promc_shard *)(void *)((char *)cells - PROMC_PAGE);
}

/* The calling thread's cells in the registry of that slot, attaching it; NULL: use the shared shard, atomically. */
uint64_t *promc_shard_attach(uint32_t slot);
/* The shared shard's cells; marks it as used. */
uint64_t *promc_shard_shared(uint32_t slot);

#endif
