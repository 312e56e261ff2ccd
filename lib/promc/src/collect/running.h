/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function of the program that scrapes call, one thread at a time. To unregister it, a thread waits for the call in progress.
 *
 * The word is 0: no call; 1: a call; 2: a call, and a thread that waits for its end. The thread that unregisters first marks the function as
 * removed, then waits. The caller reads that mark after promc_running_begin(): it either sees the mark or is waited for.
 */
#ifndef PROMC_COLLECT_RUNNING_H
#define PROMC_COLLECT_RUNNING_H

#include <stdbool.h>
#include <stdint.h>

/* false: another thread is inside. */
bool promc_running_begin(uint32_t *running);
void promc_running_end(uint32_t *running);
/* Until nobody is inside. */
void promc_running_wait(uint32_t *running);

#endif
