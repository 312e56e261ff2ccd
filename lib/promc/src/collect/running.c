/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/running.h"
#include "base/platform.h"

enum { NOBODY, INSIDE, AWAITED };

static bool turn(uint32_t *running, uint32_t from, uint32_t to)
{
    return __atomic_compare_exchange_n(running, &from, to, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

bool promc_running_begin(uint32_t *running)
{
    return turn(running, NOBODY, INSIDE);
}

void promc_running_end(uint32_t *running)
{
    if (__atomic_exchange_n(running, NOBODY, __ATOMIC_RELEASE) == AWAITED)
        promc_wake_all(running);
}

void promc_running_wait(uint32_t *running)
{
    while (!promc_running_begin(running)) {
        (void)turn(running, INSIDE, AWAITED);
        promc_wait_while(running, AWAITED);
    }
    promc_running_end(running);
}
