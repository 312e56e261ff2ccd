/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory is committed before it is used. A private arena's range is reserved without access and made accessible piece by piece
 * (so that the system charges, and mlockall() locks, only memory in use); a file's pages are allocated (so that the first touch
 * cannot raise SIGBUS on a full tmpfs); memory of the host is cleared. If the system refuses, the arena counts as full until the system
 * has memory again: the caller returns an error, or uses an overflow series or the shared shard.
 *
 * Call all with the lock held, or while making the arena (except promc_arena_full()). A piece is a quarter of the memory in use, or a page.
 */
#ifndef PROMC_ARENA_COMMIT_H
#define PROMC_ARENA_COMMIT_H

#include "arena/arena.h"

/* The header of a fresh arena, before it is filled. PROMC_E_NOMEM, PROMC_E_IO. */
int promc_commit_header(struct promc_arena *arena);
/* Then the shared shard, which must always be there. */
int promc_commit_shared_shard(struct promc_arena *arena);

/* Metadata up to `end`, in bytes from the arena's start. false: refused. */
bool promc_commit_meta(struct promc_arena *arena, uint64_t end);
/* The cells below `end` in every shard in use. false: refused. */
bool promc_commit_cells(struct promc_arena *arena, uint32_t end);
/* A shard that is not in use yet. false: refused. */
bool promc_commit_shard(struct promc_arena *arena, uint32_t shard);

/* Why there is no room: "the arena is full", or the system's error. Any thread. */
const char *promc_arena_full(const struct promc_arena *arena);

#endif
