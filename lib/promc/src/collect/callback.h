/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callbacks of a registry: a list that only grows, so that a scrape walks it without a lock. Process-local. An entry whose callback was
 * replaced, or whose series was removed, is used again: it is written under local_lock by a thread that is inside (running.h), as a scrape
 * is that reads it.
 */
#ifndef PROMC_COLLECT_CALLBACK_H
#define PROMC_COLLECT_CALLBACK_H

#include <promc/callback.h>
#include <promc/shard.h>

struct promc_callback {
    struct promc_callback *next;
    promc_series_ref ref;
    promc_value_fn value;
    void *user;
    bool counter;
    uint32_t running;  /* running.h */
    uint32_t replaced; /* a later callback has its series, or it was unset */
};

/* Call each callback for its value; start none after deadline_ns (0: no deadline). */
void promc_callbacks_run(promc_registry *registry, uint64_t deadline_ns);
struct promc_family_data;
/* Disable the callbacks of a family, and wait for the one that is running. */
void promc_callbacks_end(promc_registry *registry, const struct promc_family_data *data);
/* After fork, in the child: none is running. */
void promc_callbacks_forked(promc_registry *registry);
void promc_callbacks_free(promc_registry *registry);

#endif
