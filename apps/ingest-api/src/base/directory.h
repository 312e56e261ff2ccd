/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/directory.h Creates the service's own directories. */
#ifndef INGEST_BASE_DIRECTORY_H
#define INGEST_BASE_DIRECTORY_H

/**
 * mkdir -p, with this mode for each directory that is created. Checks that the last one is writable. A read-only file
 * system above an existing directory is not an error.
 * @return 0, or -1 with errno.
 */
int directory_make(const char *path, unsigned mode);

#endif
