/* SPDX-License-Identifier: Apache-2.0 */
/* Labels are rendered once, when a series is created. No allocation. */
#ifndef PROMC_SERIES_LABELS_H
#define PROMC_SERIES_LABELS_H

#include <stddef.h>

/* A name as it is before `=`: unchanged in the classic grammar, else quoted and escaped. out: 2 × length + 2. */
char *promc_render_name(char *out, const char *name, size_t length);
/* `name="value"`; out: 2 × (both) + 5. */
char *promc_render_pair(char *out, const char *name, size_t name_length, const char *value, size_t value_length);

#endif
