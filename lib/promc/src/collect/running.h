/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a function of the program that scrapes call, one thread at a time. A thread that unregisters it waits for the call in progress.
 *
 * The word is 0: no call; 1: a call; 2: a call, and a thread that waits for its end. The thread that unregisters first marks the function as
 * removed, then waits. The caller reads that mark after promc_running_begin(): either it sees the mark, or the other thread waits for it.
 */
#ifndef PROMC_COLLECT_RUNNING_H
#define PROMC_COLLECT_RUNNING_H

#include <stdbool.h>
#include <stdint.h>

/* false: another thread is inside. */
bool promc_running_begin(uint32_t *running);
void promc_running_end(uint32_t *running);
/* Wait until no thread is inside. */
void promc_running_wait(uint32_t *running);

#endif
