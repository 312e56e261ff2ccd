/* SPDX-License-Identifier: Apache-2.0 */
/** @file prom_alloc.h Names that programs may use for the C library's allocator. libprom itself does not use them. */
#ifndef PROM_ALLOC_H
#define PROM_ALLOC_H

#include <stdlib.h>
#include <string.h>

#define prom_malloc malloc
#define prom_realloc realloc
#define prom_strdup strdup
#define prom_free free

#endif
