/* SPDX-License-Identifier: Apache-2.0 */
/** @file import/running.h The imports in progress in this process, by their ids. Thread safe. */
#ifndef INGEST_IMPORT_RUNNING_H
#define INGEST_IMPORT_RUNNING_H

#include <stdbool.h>

/** @return false without memory */
bool running_add(const char *id);
void running_remove(const char *id);
bool running_has(const char *id);

#endif
