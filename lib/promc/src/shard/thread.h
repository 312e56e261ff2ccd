/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of this process that own shards. The fast path's data is in promc_tls, 128 bytes of static TLS; the rest is
 * behind a pthread key, since static TLS is scarce in a process and each plugin with promc takes a part of it.
 */
#ifndef PROMC_SHARD_THREAD_H
#define PROMC_SHARD_THREAD_H

#include <promc/shard.h>
#include <stdbool.h>

struct promc_thread {
    struct promc_thread *next, *prev; /* of the list; under its lock */
    promc_tls_block *tls;
    uint32_t shard[PROMC_SLOTS];  /* index + 1 of the shard owned in each registry; 0: none */
    uint64_t denied[PROMC_SLOTS]; /* `releases` + 1 at the time when there was no free shard; 0: never */
};

/*
 * The list's lock. Its holder is known, so that a signal handler that has interrupted its own thread inside notices that
 * and takes another path instead of waiting for ever. false: that is the case.
 */
bool promc_threads_lock(void);
void promc_threads_unlock(void);
struct promc_thread *promc_threads_first(void);

/* The record of the calling thread; NULL: it has never attached, or has ended. */
struct promc_thread *promc_thread_self(void);
/*
 * The same, created if necessary; its exit will release the thread's shards. The lock is held. NULL: the thread has already ended (its further
 * updates, in other destructors or in signal handlers, go to the shared shard), or the system is out of memory.
 */
struct promc_thread *promc_thread_link(void);
/* After fork, in the child: this thread is the only one, and owns nothing. */
void promc_threads_reset(void);
/* Once per process; PROMC_E_NOMEM. */
int promc_threads_init(void);

/* A registry is about to leave its slot: no thread may find its cells any more. */
void promc_threads_forget(uint32_t slot);

#endif
