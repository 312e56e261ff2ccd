/* SPDX-License-Identifier: Apache-2.0 */
/* fork: see "Threads, processes, fork" in docs/library/internals.md for the rule. */
#ifndef PROMC_SHARD_FORK_H
#define PROMC_SHARD_FORK_H

/* Once per process, with the slots' lock held. PROMC_E_NOMEM. */
int promc_fork_init(void);

#endif
