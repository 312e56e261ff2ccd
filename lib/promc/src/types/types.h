/* SPDX-License-Identifier: Apache-2.0 */
/* The table of types, and reading of values in the child itself. */
#ifndef PROMC_TYPES_TYPES_H
#define PROMC_TYPES_TYPES_H

#include "series/type_ops.h"

extern const struct promc_type_ops promc_types[PROMC_ROWS];

#endif
