/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a shared file. Every process that uses it holds a read lock on its first byte (an open-file-description lock:
 * children inherit it, the kernel drops it when the last of them dies). A process that gets the write lock is therefore
 * alone: the file is new, or its users are all dead. In the second case it is replaced by a new file, so that counters
 * start from zero as a restarted program expects, and a reader of the old file is not disturbed.
 */
#include "arena/arena_file.h"
#include "base/atomic.h"
#include "base/error.h"
#include "base/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOIN_ATTEMPTS 1000

static int io_error(const char *what, const char *path)
{
    return promc_fail(PROMC_E_IO, "%s \"%s\": %s", what, path, strerror(errno));
}

/* Is the file behind fd still the one at the path? */
static bool same_file(int fd, const char *path)
{
    struct stat of_fd, of_path;
    return fstat(fd, &of_fd) == 0 && stat(path, &of_path) == 0 && of_fd.st_dev == of_path.st_dev &&
           of_fd.st_ino == of_path.st_ino;
}

/* @return 0 if the file starts like a promc arena (of any version), 1 if it is empty, else an error. */
static int inspect(int fd, const char *path, struct promc_arena_header *head, size_t head_bytes, size_t *file_bytes)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return io_error("stat", path);
    if (!S_ISREG(st.st_mode))
        return promc_arena_refuse(path, "it is not a regular file");
    *file_bytes = (size_t)st.st_size;
    if (st.st_size == 0)
        return 1;
    ssize_t got = pread(fd, head, head_bytes, 0);
    if (got < 0)
        return io_error("read", path);
    if ((size_t)got < head_bytes || head->magic != PROMC_ARENA_MAGIC)
        return promc_arena_refuse(path, "it is not a promc arena");
    return 0;
}

static int map_file(struct promc_arena *arena, int fd, size_t bytes, int protection, const char *path)
{
    void *base = mmap(NULL, bytes, PROT_NONE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return promc_fail(PROMC_E_NOMEM, "mapping %zu bytes of \"%s\": %s", bytes, path, strerror(errno));
    if (mprotect(base, bytes, protection) < 0) {
        int rc = promc_fail(PROMC_E_NOMEM, "mapping %zu bytes of \"%s\": %s", bytes, path, strerror(errno));
        (void)munmap(base, bytes);
        return rc;
    }
    promc_lock_on_touch(base, bytes); /* making it accessible commits no memory of a file */
    *arena = (struct promc_arena){
        .base = base, .header = base, .bytes = bytes, .memory = PROMC_MEMORY_FILE, .fd = fd, .shared = true};
    return 0;
}

static int create_file(struct promc_arena *arena, int fd, const promc_registry_settings *settings,
                       const struct promc_layout *layout)
{
    if (ftruncate(fd, (off_t)settings->arena_bytes) < 0)
        return io_error("resizing", settings->shared_path);
    int rc = map_file(arena, fd, settings->arena_bytes, PROT_READ | PROT_WRITE, settings->shared_path);
    if (rc == 0)
        rc = promc_arena_layout_fill(arena, layout);
    if (rc < 0) {
        if (arena->base)
            munmap(arena->base, arena->bytes);
        *arena = (struct promc_arena){.fd = -1};
        (void)!ftruncate(fd, 0); /* an empty file counts as new for the next process */
    }
    return rc;
}

static int join_file(struct promc_arena *arena, int fd, const char *path)
{
    struct promc_arena_header head = {0};
    size_t file_bytes = 0;
    int rc = inspect(fd, path, &head, sizeof(head), &file_bytes);
    if (rc == 0)
        rc = promc_arena_check(&head, file_bytes, path);
    if (rc == 0)
        rc = map_file(arena, fd, (size_t)head.arena_bytes, PROT_READ | PROT_WRITE, path);
    if (rc == 0) {
        arena->shards = arena->base + head.meta_end;
        arena->shard_stride = (size_t)head.shard_stride;
    }
    return rc;
}

static int not_replaced(const char *path)
{
    return promc_fail(
        PROMC_E_IO, "cannot replace \"%s\", whose processes have all ended: %s (remove it as the user who created it)",
        path, strerror(errno));
}

/* One attempt. @return 0, 1: the file changed meanwhile, try again, or an error. fd stays open only on 0. */
static int try_shared(struct promc_arena *arena, int fd, const promc_registry_settings *settings,
                      const struct promc_layout *layout, bool *fresh)
{
    const char *path = settings->shared_path;
    struct promc_arena_header head = {0};
    size_t file_bytes = 0;
    if (promc_file_lock(fd, true, false) == 0) {
        if (!same_file(fd, path))
            return 1;
        int rc = inspect(fd, path, &head, sizeof(head), &file_bytes);
        if (rc == 0) /* an arena without living users */
            return unlink(path) < 0 ? not_replaced(path) : 1;
        *fresh = true;
        return rc < 0 ? rc : create_file(arena, fd, settings, layout);
    }
    if (errno != EAGAIN && errno != EACCES)
        return io_error("locking", path);
    /* Waits while the creator fills the header. */
    if (promc_file_lock(fd, false, true) < 0)
        return io_error("locking", path);
    if (!same_file(fd, path))
        return 1;
    int rc = inspect(fd, path, &head, sizeof(head), &file_bytes);
    if (rc == 1 || (rc == 0 && head.version == 0))
        return 1; /* the creator died before it was ready */
    *fresh = false;
    return rc < 0 ? rc : join_file(arena, fd, path);
}

/*
 * First without O_CREAT: with it, the kernel refuses another user's file in a directory like /tmp (fs.protected_regular).
 * @return the descriptor, or -errno.
 */
static int open_or_make(const promc_registry_settings *settings)
{
    const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
    mode_t mode = settings->shared_mode ? (mode_t)settings->shared_mode : 0640;
    int fd = open(settings->shared_path, flags);
    if (fd >= 0 || errno != ENOENT)
        return fd >= 0 ? fd : -errno;
    fd = open(settings->shared_path, flags | O_CREAT | O_EXCL, mode);
    if (fd < 0)
        return -errno;
    if (settings->shared_mode && fchmod(fd, mode) < 0) { /* the requested mode, regardless of the umask */
        int rc = -errno;
        close(fd);
        return rc;
    }
    return fd;
}

static int not_opened(const char *path, int error)
{
    const char *hint =
        error == EACCES ? " (the process that creates it gives other users access with shared_mode)" : "";
    return promc_fail(PROMC_E_IO, "opening \"%s\": %s%s", path, strerror(error), hint);
}

int promc_arena_open_file(struct promc_arena *arena, const promc_registry_settings *settings,
                          const struct promc_layout *layout, bool *fresh)
{
    for (int attempt = 0; attempt < JOIN_ATTEMPTS; attempt++) {
        int fd = open_or_make(settings);
        if (fd == -EEXIST)
            continue; /* it was created just now */
        if (fd < 0)
            return not_opened(settings->shared_path, -fd);
        int rc = try_shared(arena, fd, settings, layout, fresh);
        if (rc == 0)
            return 0;
        close(fd);
        if (rc < 0)
            return rc;
    }
    return promc_fail(PROMC_E_IO, "\"%s\" keeps being replaced", settings->shared_path);
}

int promc_arena_open_readonly(struct promc_arena *arena, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return io_error("opening", path);
    struct promc_arena_header head = {0};
    size_t file_bytes = 0;
    int rc = inspect(fd, path, &head, sizeof(head), &file_bytes);
    if (rc == 1)
        rc = promc_arena_refuse(path, "it is empty");
    if (rc == 0)
        rc = promc_arena_check(&head, file_bytes, path);
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

int promc_arena_share_file(const struct promc_arena *arena)
{
    if (promc_file_lock(arena->fd, false, false) < 0)
        return promc_fail(PROMC_E_IO, "locking the shared arena: %s", strerror(errno));
    return 0;
}
