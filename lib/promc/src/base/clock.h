/* SPDX-License-Identifier: Apache-2.0 */
/* The time of day; the monotonic clock is in promc/clock.h. */
#ifndef PROMC_BASE_CLOCK_H
#define PROMC_BASE_CLOCK_H

#include <promc/clock.h>

/* CLOCK_REALTIME in ms since the Unix epoch. */
uint64_t promc_wall_ms(void);

#endif
