/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory orders that promc uses, by name. No stand-alone fences: ThreadSanitizer does not support them, and
 * acquire loads / release stores cost nothing on x86-64 and little on arm64.
 */
#ifndef PROMC_BASE_ATOMIC_H
#define PROMC_BASE_ATOMIC_H

#define promc_load(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define promc_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define promc_store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define promc_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define promc_fetch_add(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)

/* Orders only against a signal handler on this thread; no instruction. */
#define promc_signal_fence() __atomic_signal_fence(__ATOMIC_SEQ_CST)

#endif
