/* SPDX-License-Identifier: Apache-2.0 */
/* Identities of threads and processes that cannot be confused with later ones of the same number. */
#ifndef PROMC_SHARD_PROCESS_H
#define PROMC_SHARD_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* pid << 32 | tid of the calling thread; two system calls, safe in a signal handler, right after fork. */
uint64_t promc_self(void);
/* Start time of this process in the kernel's ticks since boot; 0 if unknown. Cached. */
uint64_t promc_self_start(void);
/* After fork, in the child. */
void promc_self_reset(void);

static inline uint32_t promc_pid(uint64_t owner)
{
    return (uint32_t)(owner >> 32);
}
static inline uint32_t promc_tid(uint64_t owner)
{
    return (uint32_t)owner;
}

/* Does the process that wrote owner and start still run? A zombie does not. In doubt: yes. */
bool promc_process_alive(uint64_t owner, uint64_t start);
/* Does a thread of this process still run? */
bool promc_thread_alive(uint64_t owner);

#endif
