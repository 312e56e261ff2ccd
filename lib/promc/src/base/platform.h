/* SPDX-License-Identifier: Apache-2.0 */
/* Differences between operating systems, and the replacements where a feature is missing. */
#ifndef PROMC_BASE_PLATFORM_H
#define PROMC_BASE_PLATFORM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#ifndef MAP_NORESERVE /* systems without it never charge untouched memory */
#define MAP_NORESERVE 0
#endif

/*
 * Let the file system allocate this part of the file, so that touching it cannot fail. Nobody uses the part yet. If the system or
 * the file system cannot allocate (fallocate(2)), zeros are written, which has the same effect.
 * @return 0, or -1 with errno.
 */
int promc_file_allocate(int fd, uint64_t at, uint64_t bytes);

/*
 * A shared mapping made under mlockall(MCL_FUTURE) is locked, and if it is accessible from the start, committed completely. For a mapping
 * that became accessible later: lock its pages when they are touched, or if the system cannot do that, not at all.
 */
void promc_lock_on_touch(void *base, size_t bytes);

/*
 * Lock the file for all who open it. The lock belongs to the open file, which forked children inherit. By fcntl(F_OFD_SETLK) on its first
 * byte; elsewhere by flock(2), which releases a lock for a moment when it changes its mode.
 * @return 0, or -1 with errno; EAGAIN or EACCES: somebody else has it, and `wait` is false.
 */
int promc_file_lock(int fd, bool exclusive, bool wait);

/*
 * A mutex in shared memory whose owner may die. macOS has none; there a shared arena is refused.
 * @return whether the system has it.
 */
bool promc_mutex_robust(pthread_mutexattr_t *attributes);
void promc_mutex_consistent(pthread_mutex_t *mutex);

/* Give private pages back: they read as 0 again. */
void promc_pages_clear(void *base, size_t bytes);
/* Huge pages would commit 2 MiB for the first cell of each shard. */
void promc_pages_small(void *base, size_t bytes);

/* A number of the calling thread that is unique in the process; safe in a signal handler and right after fork. */
uint32_t promc_thread_number(void);
/* Does the process have a thread with that number? In doubt: yes. */
bool promc_thread_exists(uint32_t pid, uint32_t number);

/* Sleep until a thread of this process has changed the word and called promc_wake_all(). May return early: the caller checks the word again. */
void promc_wait_while(const uint32_t *word, uint32_t value);
void promc_wake_all(const uint32_t *word);

/* As secure_getenv(3): NULL in a program that has more rights than the user who started it. */
const char *promc_getenv(const char *name);

/* Never waits. false: there is no entropy yet. */
bool promc_random(void *out, size_t bytes);

/* The machine's memory. false: unknown. (sysconf(3) is unusable: if sysinfo(2) is forbidden, its result is arbitrary.) */
bool promc_machine_memory(uint64_t *bytes);
/* The number of CPUs on which this process may run. */
double promc_usable_cpus(void);

#endif
