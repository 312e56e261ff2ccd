/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/body.h
 * A request's body while it comes in: in memory while it is small, in an unlinked temporary file beyond that, mapped
 * when it is complete, so that a handler sees one contiguous run of bytes in either case.
 *
 * All bodies in memory together have a budget; past it also small ones go to a file. So a thousand slow clients cost
 * disk and not memory. Used by one thread at a time.
 */
#ifndef INGEST_HTTP_BODY_H
#define INGEST_HTTP_BODY_H

#include "base/text.h"

#define BODY_MEMORY_MAX (256 * 1024)          /* of one body */
#define BODY_MEMORY_BUDGET (64 * 1024 * 1024) /* of all */

struct body {
    struct text memory;
    size_t length; /* of all that has come, wherever it is */
    int file;      /* -1: in memory */
    void *map;
    size_t limit;
    const char *directory; /* for the temporary file */
    const char *owner;     /* organisation whose disk it is; NULL: nobody's */
    size_t disk_max;       /* of the owner's bodies together */
    size_t on_disk;        /* taken of that (body_disk.h) */
};

enum body_error {
    BODY_E_TOO_LARGE = -1, /**< past the limit */
    BODY_E_MEMORY = -2,
    BODY_E_FILE = -3, /**< errno has the reason, e.g. ENOSPC */
    BODY_E_DISK = -4  /**< the owner's bodies have as much disk as they may */
};

/** An empty body of at most `limit` bytes. Nothing is allocated yet. @param directory must outlive it. */
void body_init(struct body *body, const char *directory, size_t limit);
/** Whose it is, before anything is appended. @param owner must outlive it. @param disk_max 0: no limit */
void body_owned_by(struct body *body, const char *owner, size_t disk_max);
/** @param expected the whole length, to allocate once; 0 if not known. @return 0 or an error. */
int body_append(struct body *body, const char *data, size_t n, size_t expected);
/** The body is complete. @param data set to its bytes, "" when it is empty. @return 0 or an error. */
int body_finish(struct body *body, const char **data);
/**
 * What is before `up_to` has been read: the memory that shows the file there is given back. It may still be read again;
 * then it comes from the file. Does nothing to a body in memory.
 */
void body_pass(const struct body *body, const char *up_to);
/** Frees everything; may be called at any time, more than once. */
void body_free(struct body *body);

/** Bytes of memory that bodies hold now. */
size_t body_memory_in_use(void);

#endif
