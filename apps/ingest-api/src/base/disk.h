/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/disk.h
 * Free space and size of a file system, as df counts them: both without the space that is reserved for root.
 */
#ifndef INGEST_BASE_DISK_H
#define INGEST_BASE_DISK_H

#include <stdbool.h>
#include <sys/statvfs.h>

/** Bytes. */
struct disk_room {
    double free, size;
};

/** Read them for the file system of a file or folder. @return false: unknown; errno has the reason. */
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
