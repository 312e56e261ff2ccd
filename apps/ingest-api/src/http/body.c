/* SPDX-License-Identifier: Apache-2.0 */
#include "http/body.h"

#include "http/body_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic size_t memory_in_use;

size_t body_memory_in_use(void)
{
    return atomic_load_explicit(&memory_in_use, memory_order_relaxed);
}

void body_init(struct body *body, const char *directory, size_t limit)
{
    *body = (struct body){.memory = {.grows = true}, .file = -1, .limit = limit, .directory = directory};
}

void body_owned_by(struct body *body, const char *owner, size_t disk_max)
{
    body->owner = owner;
    body->disk_max = disk_max;
}

static void free_memory(struct body *body)
{
    free(body->memory.data);
    atomic_fetch_sub_explicit(&memory_in_use, body->memory.capacity, memory_order_relaxed);
    body->memory = (struct text){.grows = true};
}

/* A file without a name: the kernel removes it when the process ends, even if it is killed. */
static int open_unnamed(const char *directory)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    /* a file system without O_TMPFILE */
    char path[512];
    if (snprintf(path, sizeof(path), "%s/body-XXXXXX", directory) >= (int)sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static int write_file(struct body *body, const char *data, size_t n)
{
    if (body->owner) {
        if (!body_disk_take(body->owner, n, body->disk_max))
            return BODY_E_DISK;
        body->on_disk += n;
    }
    /* writes go to the page cache; they block the loop only if the whole system is behind with writing */
    while (n > 0) {
        ssize_t written = write(body->file, data, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return BODY_E_FILE;
        data += written;
        n -= (size_t)written;
    }
    return 0;
}

static int move_to_file(struct body *body)
{
    body->file = open_unnamed(body->directory);
    if (body->file < 0)
        return BODY_E_FILE;
    int rc = write_file(body, body->memory.data, body->memory.length);
    free_memory(body);
    return rc;
}

/* Allocate the whole body if its length is known and small; else double the memory, in the end to BODY_MEMORY_MAX. */
static int grow_memory(struct body *body, size_t needed, size_t expected)
{
    size_t before = body->memory.capacity;
    bool whole = expected > needed && expected <= BODY_MEMORY_MAX && expected <= body->limit, room;
    if (whole || 2 * before > BODY_MEMORY_MAX)
        room = text_reserve(&body->memory, whole ? expected : BODY_MEMORY_MAX);
    else
        room = text_grow(&body->memory, needed - body->memory.length);
    atomic_fetch_add_explicit(&memory_in_use, body->memory.capacity - before, memory_order_relaxed);
    return room ? 0 : BODY_E_MEMORY;
}

int body_append(struct body *body, const char *data, size_t n, size_t expected)
{
    if (n > body->limit - body->length)
        return BODY_E_TOO_LARGE;
    size_t needed = body->length + n;
    int rc = 0;
    if (body->file < 0 && needed > BODY_MEMORY_MAX)
        rc = move_to_file(body);
    else if (body->file < 0 && n > 0 && (!body->memory.data || needed > body->memory.capacity))
        rc = body_memory_in_use() + n > BODY_MEMORY_BUDGET ? move_to_file(body) : grow_memory(body, needed, expected);
    if (rc < 0)
        return rc;
    if (body->file >= 0) {
        rc = write_file(body, data, n);
    } else if (body->memory.data) { /* else n is 0 */
        text_add_n(&body->memory, data, n);
        body->memory.data[needed] = '\0';
    }
    body->length = needed;
    return rc;
}

int body_finish(struct body *body, const char **data)
{
    if (body->file < 0) {
        *data = body->length ? body->memory.data : "";
        return 0;
    }
    body->map = mmap(NULL, body->length, PROT_READ, MAP_PRIVATE, body->file, 0);
    if (body->map == MAP_FAILED) {
        body->map = NULL;
        return BODY_E_FILE;
    }
    (void)madvise(body->map, body->length, MADV_SEQUENTIAL);
    *data = body->map;
    return 0;
}

void body_pass(const struct body *body, const char *up_to)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    if (body->map)
        (void)madvise(body->map, (size_t)(up_to - (const char *)body->map) / page * page, MADV_DONTNEED);
}

void body_free(struct body *body)
{
    if (body->map)
        munmap(body->map, body->length);
    if (body->file >= 0)
        close(body->file);
    if (body->owner)
        body_disk_give(body->owner, body->on_disk);
    body->on_disk = 0;
    free_memory(body);
    body->map = NULL;
    body->file = -1;
    body->length = 0;
}
