/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/disk.h Free and total space of a file system, as df counts it: space reserved for root counts neither as free nor as part of
 * the size.
 */
#ifndef INGEST_BASE_DISK_H
#define INGEST_BASE_DISK_H

#include <stdbool.h>
#include <sys/statvfs.h>

/** In bytes. */
struct disk_room {
    double free, size;
};

/** Of the file system with that file or folder. @return false: unknown; errno has the reason. */
static inline bool disk_room(const char *path, struct disk_room *room)
{
    struct statvfs is;
    if (statvfs(path, &is) < 0)
        return false;
    double unit = (double)is.f_frsize;
    room->free = unit * (double)is.f_bavail;
    room->size = unit * ((double)is.f_blocks - (double)is.f_bfree + (double)is.f_bavail);
    return true;
}

#endif
