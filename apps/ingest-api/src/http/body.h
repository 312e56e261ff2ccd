/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/body.h
 * A request's body while it arrives: a small one in memory, a larger one in a temporary file without a name. The file
 * is mapped when it is complete, so a handler always sees one contiguous run of bytes.
 *
 * All bodies in memory share a budget. Beyond it small bodies go to files too, so that a thousand slow clients cost
 * disk and not memory. A body is used by one thread at a time.
 */
#ifndef INGEST_HTTP_BODY_H
#define INGEST_HTTP_BODY_H

#include "base/text.h"

#define BODY_MEMORY_MAX (256 * 1024)          /* bytes of one body */
#define BODY_MEMORY_BUDGET (64 * 1024 * 1024) /* bytes of all bodies in memory */

struct body {
    struct text memory;
    size_t length; /* bytes received so far, in memory or in the file */
    int file;      /* descriptor; -1: the body is in memory */
    void *map;
    size_t limit;
    const char *directory; /* for the temporary file */
    const char *owner;     /* organisation that the disk space is charged to; NULL: none */
    size_t disk_max;       /* limit for all bodies of the owner; 0: none */
    size_t on_disk;        /* bytes that this body has taken of disk_max (body_disk.h) */
};

enum body_error {
    BODY_E_TOO_LARGE = -1, /**< more than `limit` */
    BODY_E_MEMORY = -2,
    BODY_E_FILE = -3, /**< errno has the reason, e.g. ENOSPC */
    BODY_E_DISK = -4  /**< the owner's bodies would use more than disk_max */
};

/** An empty body of at most `limit` bytes. Nothing is allocated yet. @param directory must outlive it. */
void body_init(struct body *body, const char *directory, size_t limit);
/** Set the owner, before the first append. @param owner must outlive the body. @param disk_max 0: no limit */
void body_owned_by(struct body *body, const char *owner, size_t disk_max);
/**
 * @param expected the length of the whole body, so that memory is allocated once; 0 if unknown.
 * @return 0 or an error.
 */
int body_append(struct body *body, const char *data, size_t n, size_t expected);
/** The body is complete. @param[out] data its bytes, "" if it is empty. @return 0 or an error. */
int body_finish(struct body *body, const char **data);
/**
 * The caller has read everything before `up_to`: release the mapped pages there. They may be read again; then they are
 * loaded from the file. Does nothing to a body in memory.
 */
void body_pass(const struct body *body, const char *up_to);
/** Frees everything. May be called at any time, and repeatedly. */
void body_free(struct body *body);

/** Bytes of memory that all bodies use now. */
size_t body_memory_in_use(void);

#endif
