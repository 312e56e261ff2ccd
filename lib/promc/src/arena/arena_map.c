/* SPDX-License-Identifier: Apache-2.0 */
#include "arena/arena_map.h"
#include "arena/arena_file.h"
#include "arena/commit.h"
#include "base/atomic.h"
#include "base/error.h"
#include "base/platform.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define HOST_ALIGN 64u

static int open_private(struct promc_arena *arena, const promc_registry_settings *settings,
                        const struct promc_layout *layout)
{
    size_t bytes = settings->arena_bytes;
    /* Mapped without access: so strict overcommit does not charge it, and mlockall() does not commit it. See commit.h. */
    void *base = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return promc_fail(PROMC_E_NOMEM, "cannot reserve an address range of %zu bytes: %s", bytes, strerror(errno));
    promc_pages_small(base, bytes);
    *arena =
        (struct promc_arena){.base = base, .header = base, .bytes = bytes, .memory = PROMC_MEMORY_PRIVATE, .fd = -1};
    int rc = promc_arena_layout_fill(arena, layout);
    if (rc < 0) {
        munmap(base, bytes);
        *arena = (struct promc_arena){.fd = -1};
    }
    return rc;
}

static int join_host(struct promc_arena *arena)
{
    struct promc_arena_header *header = arena->header;
    static const char name[] = "the memory given";
    if (promc_load_acquire(&header->version) == 0)
        return promc_fail(PROMC_E_BUSY, "%s: another process is creating the arena in it", name);
    int rc = promc_arena_check(header, arena->bytes, name);
    if (rc < 0)
        return rc;
    arena->bytes = (size_t)header->arena_bytes;
    arena->shards = arena->base + header->meta_end;
    arena->shard_stride = (size_t)header->shard_stride;
    return 0;
}

/* Private memory belongs to the registry from now on, whatever it contained; an existing arena in shared memory is joined. */
static int open_host(struct promc_arena *arena, const promc_registry_settings *settings,
                     const struct promc_layout *layout, bool *fresh)
{
    void *base = settings->memory;
    *arena = (struct promc_arena){.base = base,
                                  .header = base,
                                  .bytes = settings->arena_bytes,
                                  .memory = PROMC_MEMORY_HOST,
                                  .fd = -1,
                                  .shared = settings->memory_is_shared};
    *fresh = !arena->shared || promc_load(&arena->header->magic) != PROMC_ARENA_MAGIC;
    int rc = *fresh ? promc_arena_layout_fill(arena, layout) : join_host(arena);
    if (rc < 0)
        *arena = (struct promc_arena){.fd = -1}; /* we must not clear it */
    return rc;
}

static int check_memory(const promc_registry_settings *settings)
{
    if (settings->shared_path)
        return promc_fail(PROMC_E_INVALID, "memory and shared_path are both given, only one is allowed");
    if ((uintptr_t)settings->memory % HOST_ALIGN != 0)
        return promc_fail(PROMC_E_INVALID, "memory is at %p, must be aligned to %u bytes", settings->memory,
                          HOST_ALIGN);
    return 0;
}

int promc_arena_open(struct promc_arena *arena, const promc_registry_settings *settings, bool *fresh)
{
    struct promc_layout layout;
    int rc = promc_arena_layout(settings->arena_bytes, settings->max_threads, &layout);
    if (rc == 0 && settings->memory)
        rc = check_memory(settings);
    if (rc < 0)
        return rc;
    *fresh = true;
    if (settings->memory)
        return open_host(arena, settings, &layout, fresh);
    if (settings->shared_path)
        return promc_arena_open_file(arena, settings, &layout, fresh);
    return open_private(arena, settings, &layout);
}

int promc_arena_publish(struct promc_arena *arena)
{
    promc_store_release(&arena->header->version, PROMC_ARENA_VERSION);
    return arena->memory == PROMC_MEMORY_FILE ? promc_arena_share_file(arena) : 0;
}

/*
 * Handles of a destroyed registry may still be used: an update reads the `live` word in the metadata. So that part of the range
 * stays reserved as pages that read as 0, which matches no handle; they take no memory. Nothing else is mapped there, so no
 * handle can match another registry. If there are too many ranges, the oldest are unmapped.
 */
#define RETIRED_MAX 1024
/* With 32-bit addresses the program needs the address space too. */
#if SIZE_MAX > UINT32_MAX
#define RETIRED_BYTES_MAX ((size_t)1 << 40)
#else
#define RETIRED_BYTES_MAX ((size_t)1 << 28)
#endif

static struct {
    void *base;
    size_t bytes;
} retired[RETIRED_MAX];
static unsigned retired_next; /* the oldest; guarded by the slots' lock */
static size_t retired_bytes;

static void forget_oldest(void)
{
    if (retired[retired_next].base)
        munmap(retired[retired_next].base, retired[retired_next].bytes);
    retired_bytes -= retired[retired_next].bytes;
    retired[retired_next].base = NULL;
    retired[retired_next].bytes = 0;
}

static void retire(const struct promc_arena *arena)
{
    size_t bytes = (size_t)arena->header->meta_end;
    munmap(arena->base + bytes, arena->bytes - bytes);
    if (mmap(arena->base, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) ==
        MAP_FAILED)
        return; /* the contents of a fresh mapping: also matches no handle */
    forget_oldest();
    retired[retired_next].base = arena->base;
    retired[retired_next].bytes = bytes;
    retired_bytes += bytes;
    retired_next = (retired_next + 1) % RETIRED_MAX;
    for (unsigned i = 0; retired_bytes > RETIRED_BYTES_MAX && i < RETIRED_MAX; i++) {
        forget_oldest();
        retired_next = (retired_next + 1) % RETIRED_MAX;
    }
}

void promc_arena_close(struct promc_arena *arena)
{
    if (arena->base && arena->readonly)
        munmap(arena->base, arena->bytes);
    else if (arena->base && arena->memory != PROMC_MEMORY_HOST)
        retire(arena);
    else if (arena->base && (!arena->shared || arena->header->version == 0)) /* handles find no series in it any more */
        memset(arena->base, 0, (size_t)arena->header->meta_ready);
    if (arena->fd >= 0)
        close(arena->fd);
    *arena = (struct promc_arena){.fd = -1};
}
