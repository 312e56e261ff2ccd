/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/directory.h Directories of our own. */
#ifndef INGEST_BASE_DIRECTORY_H
#define INGEST_BASE_DIRECTORY_H

/**
 * mkdir -p, with the mode for each that is made, and see that the last one can be written to. A file system that is
 * mounted read-only above a directory that is there is no fault.
 * @return 0, or -1 with errno.
 */
int directory_make(const char *path, unsigned mode);

#endif
