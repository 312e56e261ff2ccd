/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/body_disk.h
 * Counts the disk space of each organisation's bodies in this process, for the limit MAX_BODY_DISK. The counts are in
 * memory only: the files have no names, so the kernel frees them when the process ends. Thread safe; each piece of a
 * large body takes a lock for a few instructions.
 */
#ifndef INGEST_HTTP_BODY_DISK_H
#define INGEST_HTTP_BODY_DISK_H

#include <stdbool.h>
#include <stddef.h>

/** @param max 0: no limit. @return false, and nothing is taken: it would be more than `max`, or there is no memory. */
bool body_disk_take(const char *organisation_id, size_t bytes, size_t max);
void body_disk_give(const char *organisation_id, size_t bytes);

#endif
