/* SPDX-License-Identifier: Apache-2.0 */
/** @file model/names.h Finds a state by its name. */
#ifndef INGEST_MODEL_NAMES_H
#define INGEST_MODEL_NAMES_H

#include <string.h>

/** @return the index of `name`, or -1. */
static inline int name_index(const char *const *names, int n, const char *name)
{
    for (int i = 0; name && i < n; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

#endif
