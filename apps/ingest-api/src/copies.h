/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file copies.h
 * The commands `backup` and `restore` for the embedded store. db/sqlite_copy.h says what they guarantee.
 * Each returns the exit status.
 */
#ifndef INGEST_COPIES_H
#define INGEST_COPIES_H

#include <stdbool.h>

struct settings;

/** `backup FILE`: prints file, bytes, schema_version, organisations and seconds. */
int command_backup(const struct settings *settings, const char *file);
/** `restore [--replace] FILE`: prints store, bytes, schema_version, organisations, replaced (the old files or null). */
int command_restore(const struct settings *settings, const char *file, bool replace);

#endif
