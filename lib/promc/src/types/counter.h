/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A counter's cells: [integer, float], adjacent. inc is one `addq` on x86-64 (a single instruction, so that a signal handler cannot
 * tear it); the float cell is a compare-and-swap without lock prefix there. Elsewhere and under ThreadSanitizer: relaxed atomics.
 */
#ifndef PROMC_TYPES_COUNTER_H
#define PROMC_TYPES_COUNTER_H

#include "series/type_ops.h"

bool promc_counter_read(promc_registry *registry, const struct promc_child *child, struct promc_values *out);
bool promc_counter_digest(const promc_registry *registry, const struct promc_child *child, uint32_t *digest);

#endif
