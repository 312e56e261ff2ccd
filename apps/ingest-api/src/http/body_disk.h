/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/body_disk.h
 * What each organisation's bodies have on this process's disk now, and MAX_BODY_DISK of it. The files have no name: what a process
 * that was killed had is free again. Thread safe; a lock for a few instructions, once a piece of a large body.
 */
#ifndef INGEST_HTTP_BODY_DISK_H
#define INGEST_HTTP_BODY_DISK_H

#include <stdbool.h>
#include <stddef.h>

/** @param max 0: no limit. @return false: it would be more than that (or there is no memory), nothing was taken. */
bool body_disk_take(const char *organisation_id, size_t bytes, size_t max);
void body_disk_give(const char *organisation_id, size_t bytes);

#endif
