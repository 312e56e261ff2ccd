/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the arena's memory comes from: private pages, or a file that processes share.
 *
 * Life of a shared file. Every process that uses it holds a read lock on its first byte (an open-file-description lock:
 * children inherit it, the kernel drops it when the last of them dies). Whoever gets the write lock is therefore
 * alone: a new file, or one whose users are all dead. The latter is replaced by a new file, so that counters
 * start from zero as the first process of a new life expects, and a reader of the old one is not disturbed.
 */
#include "arena/arena_map.h"
#include "arena/arena_layout.h"
#include "base/atomic.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOIN_ATTEMPTS 1000

static int lock_file(int fd, int command, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    int rc;
    do
        rc = fcntl(fd, command, &lock);
    while (rc < 0 && errno == EINTR);
    return rc;
}

static int io_error(const char *what, const char *path)
{
    return promc_fail(PROMC_E_IO, "%s \"%s\": %s", what, path, strerror(errno));
}

static void fill_arena(struct promc_arena *arena, void *base, size_t bytes, int fd)
{
    *arena = (struct promc_arena){.base = base, .header = base, .bytes = bytes, .fd = fd, .shared = fd >= 0};
}

/* The header's fields that follow from the layout; the rest is the registry's. */
static void fill_header(struct promc_arena *arena, const struct promc_layout *layout)
{
    struct promc_arena_header *header = arena->header;
    header->magic = PROMC_ARENA_MAGIC;
    header->header_bytes = sizeof *header;
    header->arena_bytes = arena->bytes;
    header->meta_end = layout->meta_end;
    header->shard_stride = layout->shard_stride;
    header->max_threads = layout->max_threads;
    header->cells_max = layout->cells_max;
    header->meta_used = (sizeof *header + PROMC_ALIGN - 1) / PROMC_ALIGN * PROMC_ALIGN;
    header->cells_used = 1;
    arena->shards = arena->base + layout->meta_end;
    arena->shard_stride = layout->shard_stride;
}

static int open_private(struct promc_arena *arena, const promc_registry_settings *settings,
                        const struct promc_layout *layout)
{
    size_t bytes = settings->arena_bytes;
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return promc_fail(PROMC_E_NOMEM, "an address range of %zu bytes was refused: %s", bytes, strerror(errno));
    /* A huge page would commit 2 MiB for the first cell of each shard. */
    (void)madvise(base, bytes, MADV_NOHUGEPAGE);
    fill_arena(arena, base, bytes, -1);
    fill_header(arena, layout);
    return 0;
}

/* Is the file behind fd still the one that the path names? */
static bool same_file(int fd, const char *path)
{
    struct stat of_fd, of_path;
    return fstat(fd, &of_fd) == 0 && stat(path, &of_path) == 0 && of_fd.st_dev == of_path.st_dev &&
           of_fd.st_ino == of_path.st_ino;
}

static int not_ours(const char *path, const char *why)
{
    return promc_fail(PROMC_E_FORMAT, "\"%s\" is not an arena of this promc: %s", path, why);
}

/* @return 0 if the file starts like a promc arena (of whatever version), 1 if it is empty, else an error. */
static int inspect(int fd, const char *path, struct promc_arena_header *head, size_t head_bytes, size_t *file_bytes)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return io_error("stat", path);
    if (!S_ISREG(st.st_mode))
        return not_ours(path, "not a regular file");
    *file_bytes = (size_t)st.st_size;
    if (st.st_size == 0)
        return 1;
    ssize_t got = pread(fd, head, head_bytes, 0);
    if (got < 0)
        return io_error("read", path);
    if ((size_t)got < head_bytes || head->magic != PROMC_ARENA_MAGIC)
        return not_ours(path, "it holds something else");
    return 0;
}

static int check_version(const struct promc_arena_header *head, size_t file_bytes, const char *path)
{
    if (head->version != PROMC_ARENA_VERSION || head->header_bytes != sizeof *head)
        return not_ours(path, "another version's layout");
    if (head->arena_bytes > file_bytes || head->meta_end > head->arena_bytes ||
        head->meta_end + ((uint64_t)head->max_threads + 1) * head->shard_stride > head->arena_bytes ||
        head->shard_stride < PROMC_SHARD_HEADER + (uint64_t)head->cells_max * 8 || head->cells_used > head->cells_max ||
        head->meta_used > head->meta_end)
        return not_ours(path, "damaged header");
    return 0;
}

static int map_file(struct promc_arena *arena, int fd, size_t bytes, int protection, const char *path)
{
    void *base = mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return promc_fail(PROMC_E_NOMEM, "mapping %zu bytes of \"%s\": %s", bytes, path, strerror(errno));
    fill_arena(arena, base, bytes, fd);
    return 0;
}

static int create_file(struct promc_arena *arena, int fd, const promc_registry_settings *settings,
                       const struct promc_layout *layout)
{
    if (ftruncate(fd, (off_t)settings->arena_bytes) < 0)
        return io_error("resizing", settings->shared_path);
    int rc = map_file(arena, fd, settings->arena_bytes, PROT_READ | PROT_WRITE, settings->shared_path);
    if (rc == 0)
        fill_header(arena, layout);
    return rc;
}

static int join_file(struct promc_arena *arena, int fd, const char *path)
{
    struct promc_arena_header head;
    size_t file_bytes = 0;
    int rc = inspect(fd, path, &head, sizeof head, &file_bytes);
    if (rc == 0)
        rc = check_version(&head, file_bytes, path);
    if (rc == 0)
        rc = map_file(arena, fd, (size_t)head.arena_bytes, PROT_READ | PROT_WRITE, path);
    if (rc == 0) {
        arena->shards = arena->base + head.meta_end;
        arena->shard_stride = (size_t)head.shard_stride;
    }
    return rc;
}

/* One attempt. @return 0, 1: the file changed under us, try again, or an error. fd stays open only on 0. */
static int try_shared(struct promc_arena *arena, int fd, const promc_registry_settings *settings,
                      const struct promc_layout *layout, bool *fresh)
{
    const char *path = settings->shared_path;
    struct promc_arena_header head;
    size_t file_bytes = 0;
    if (lock_file(fd, F_OFD_SETLK, F_WRLCK) == 0) {
        if (!same_file(fd, path))
            return 1;
        int rc = inspect(fd, path, &head, sizeof head, &file_bytes);
        if (rc == 0) /* an arena without living users */
            return unlink(path) < 0 ? io_error("replacing", path) : 1;
        *fresh = true;
        return rc < 0 ? rc : create_file(arena, fd, settings, layout);
    }
    if (errno != EAGAIN && errno != EACCES)
        return io_error("locking", path);
    /* Waits while its creator fills the header. */
    if (lock_file(fd, F_OFD_SETLKW, F_RDLCK) < 0)
        return io_error("locking", path);
    if (!same_file(fd, path))
        return 1;
    int rc = inspect(fd, path, &head, sizeof head, &file_bytes);
    if (rc == 1 || (rc == 0 && head.version == 0))
        return 1; /* its creator died before it was ready */
    *fresh = false;
    return rc < 0 ? rc : join_file(arena, fd, path);
}

static int open_shared(struct promc_arena *arena, const promc_registry_settings *settings,
                       const struct promc_layout *layout, bool *fresh)
{
    for (int attempt = 0; attempt < JOIN_ATTEMPTS; attempt++) {
        int fd = open(settings->shared_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0)
            return io_error("opening", settings->shared_path);
        int rc = try_shared(arena, fd, settings, layout, fresh);
        if (rc == 0)
            return 0;
        close(fd);
        if (rc < 0)
            return rc;
    }
    return promc_fail(PROMC_E_IO, "\"%s\" keeps being replaced", settings->shared_path);
}

int promc_arena_open(struct promc_arena *arena, const promc_registry_settings *settings, bool *fresh)
{
    struct promc_layout layout;
    int rc = promc_arena_layout(settings->arena_bytes, settings->max_threads, &layout);
    if (rc < 0)
        return rc;
    *fresh = true;
    if (settings->shared_path)
        return open_shared(arena, settings, &layout, fresh);
    return open_private(arena, settings, &layout);
}

int promc_arena_open_readonly(struct promc_arena *arena, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return io_error("opening", path);
    struct promc_arena_header head;
    size_t file_bytes = 0;
    int rc = inspect(fd, path, &head, sizeof head, &file_bytes);
    if (rc == 1)
        rc = not_ours(path, "it is empty");
    if (rc == 0)
        rc = check_version(&head, file_bytes, path);
    if (rc == 0)
        rc = map_file(arena, fd, (size_t)head.arena_bytes, PROT_READ, path);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    arena->shards = arena->base + head.meta_end;
    arena->shard_stride = (size_t)head.shard_stride;
    arena->readonly = true;
    return 0;
}

int promc_arena_publish(struct promc_arena *arena)
{
    promc_store_release(&arena->header->version, PROMC_ARENA_VERSION);
    if (arena->shared && lock_file(arena->fd, F_OFD_SETLK, F_RDLCK) < 0)
        return promc_fail(PROMC_E_IO, "locking the shared arena: %s", strerror(errno));
    return 0;
}

/*
 * Handles of a destroyed registry may still be used: an update looks at the `live` word, which is in the metadata. So that part of the range
 * stays reserved as pages that read as 0, which no handle's word is; they take no memory. Nobody else gets the addresses, so no
 * handle can be taken for one of another registry. The oldest ranges go when there are too many.
 */
#define RETIRED_MAX 1024
#define RETIRED_BYTES_MAX ((size_t)1 << 40)

static struct {
    void *base;
    size_t bytes;
} retired[RETIRED_MAX];
static unsigned retired_next; /* the oldest; the slots' lock guards it */
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
        return; /* as it was mapped: it says nothing new either */
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
    else if (arena->base)
        retire(arena);
    if (arena->fd >= 0)
        close(arena->fd);
    *arena = (struct promc_arena){.fd = -1};
}
