/* SPDX-License-Identifier: Apache-2.0 */
#include "arena/commit.h"
#include "base/atomic.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/platform.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* After a refusal, wait this long before asking the system again: it is a system call under the lock, and each new series would make it. */
#define ASK_AGAIN_NS UINT64_C(100000000)
#define CELLS_A_PAGE (PROMC_PAGE / 8)

/* Make it accessible for this process; the system's pages may be larger than PROMC_PAGE. */
static int unprotect(const struct promc_arena *arena, uint64_t at, uint64_t bytes)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t from = at / page * page, to = (at + bytes + page - 1) / page * page;
    return mprotect(arena->base + from, (size_t)(to - from), PROT_READ | PROT_WRITE);
}

static bool commit(struct promc_arena *arena, uint64_t at, uint64_t bytes)
{
    int rc = 0;
    if (arena->memory == PROMC_MEMORY_PRIVATE)
        rc = unprotect(arena, at, bytes);
    else if (arena->memory == PROMC_MEMORY_FILE)
        rc = promc_file_allocate(arena->fd, at, bytes);
    else
        memset(arena->base + at, 0, (size_t)bytes);
    return rc == 0;
}

static int refused(const struct promc_arena *arena, const char *what)
{
    int code = arena->memory == PROMC_MEMORY_FILE ? PROMC_E_IO : PROMC_E_NOMEM;
    return promc_fail(code, "cannot allocate memory for the arena's %s: %s", what, strerror(errno));
}

int promc_commit_header(struct promc_arena *arena)
{
    return commit(arena, 0, sizeof(struct promc_arena_header)) ? 0 : refused(arena, "header");
}

static uint64_t place_of(const struct promc_arena *arena, uint32_t shard)
{
    return (uint64_t)(arena->shards - arena->base) + (uint64_t)shard * arena->shard_stride;
}

int promc_commit_shared_shard(struct promc_arena *arena)
{
    struct promc_arena_header *header = arena->header;
    uint32_t cells = header->cells_max < CELLS_A_PAGE ? header->cells_max : CELLS_A_PAGE;
    header->meta_ready = header->meta_used;
    if (!commit(arena, place_of(arena, header->max_threads), PROMC_SHARD_HEADER + (uint64_t)cells * 8))
        return refused(arena, "shared shard");
    header->cells_ready = cells;
    return 0;
}

static bool must_wait(const struct promc_arena *arena)
{
    uint64_t since = arena->header->refused_ns;
    return since != 0 && promc_now_ns() - since < ASK_AGAIN_NS;
}

/* @return success; if false, errno has the reason. */
static bool note(struct promc_arena *arena, bool good)
{
    promc_store(&arena->header->refused, good ? 0 : errno);
    arena->header->refused_ns = good ? 0 : promc_now_ns();
    return good;
}

/* How much to commit: a quarter more than needed, in whole pages, but not beyond the end. */
static uint64_t generous(uint64_t end, uint64_t page, uint64_t most)
{
    uint64_t wanted = (end + end / 4 + page - 1) / page * page;
    return wanted < most ? wanted : most;
}

bool promc_commit_meta(struct promc_arena *arena, uint64_t end)
{
    struct promc_arena_header *header = arena->header;
    uint64_t ready = header->meta_ready;
    if (end <= ready)
        return true;
    if (must_wait(arena))
        return false;
    uint64_t to = generous(end, PROMC_PAGE, header->meta_end);
    if (!commit(arena, ready, to - ready)) {
        to = end;
        if (!commit(arena, ready, to - ready))
            return note(arena, false);
    }
    promc_store(&header->meta_ready, to);
    return note(arena, true);
}

static bool commit_cells(struct promc_arena *arena, uint32_t from, uint32_t to)
{
    uint32_t used = promc_load(&arena->header->shards_used), last = arena->header->max_threads;
    for (uint32_t i = 0; i <= used; i++) {
        uint64_t cells = place_of(arena, i < used ? i : last) + PROMC_SHARD_HEADER;
        if (!commit(arena, cells + (uint64_t)from * 8, (uint64_t)(to - from) * 8))
            return false;
    }
    return true;
}

bool promc_commit_cells(struct promc_arena *arena, uint32_t end)
{
    struct promc_arena_header *header = arena->header;
    uint32_t ready = header->cells_ready;
    if (end <= ready)
        return true;
    if (must_wait(arena))
        return false;
    uint32_t to = (uint32_t)generous(end, CELLS_A_PAGE, header->cells_max);
    if (!commit_cells(arena, ready, to)) {
        to = end;
        if (!commit_cells(arena, ready, to))
            return note(arena, false);
    }
    promc_store(&header->cells_ready, to);
    return note(arena, true);
}

bool promc_commit_shard(struct promc_arena *arena, uint32_t shard)
{
    if (must_wait(arena))
        return false;
    return note(arena, commit(arena, place_of(arena, shard),
                              PROMC_SHARD_HEADER + (uint64_t)promc_load(&arena->header->cells_ready) * 8));
}

const char *promc_arena_full(const struct promc_arena *arena)
{
    switch (promc_load(&arena->header->refused)) {
    case 0:
        return "the arena is full";
    case ENOSPC:
        return "the arena cannot grow: its file system is full";
    case EDQUOT:
        return "the arena cannot grow: the quota of its file system is used up";
    default:
        return "the arena cannot grow: the system refuses memory";
    }
}
