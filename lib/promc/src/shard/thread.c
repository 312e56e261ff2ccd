/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/thread.h"
#include "base/atomic.h"
#include "shard/process.h"
#include "shard/shard.h"
#include "shard/slots.h"

#include <sched.h>
#include <string.h>

__thread promc_tls_block promc_tls __attribute__((tls_model("initial-exec")));
__thread struct promc_thread promc_thread __attribute__((tls_model("initial-exec")));

static struct promc_thread *first;
static uint32_t holder; /* tid; 0: free */
static pthread_key_t exit_key;
static bool exit_key_made;

bool promc_threads_lock(void)
{
    uint32_t me = promc_tid(promc_self());
    for (;;) {
        uint32_t expected = 0;
        if (__atomic_compare_exchange_n(&holder, &expected, me, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return true;
        if (expected == me)
            return false;
        sched_yield();
    }
}

void promc_threads_unlock(void)
{
    promc_store_release(&holder, 0);
}

struct promc_thread *promc_threads_first(void)
{
    return first;
}

static void unlink_thread(struct promc_thread *thread)
{
    if (thread->prev)
        thread->prev->next = thread->next;
    else
        first = thread->next;
    if (thread->next)
        thread->next->prev = thread->prev;
    thread->linked = false;
}

/* The thread ends: its shards, with their values, are for the next one. */
static void on_exit_of_thread(void *argument)
{
    struct promc_thread *thread = argument;
    if (!promc_threads_lock())
        return;
    for (uint32_t slot = 1; slot < PROMC_SLOTS; slot++) {
        thread->tls->base[slot] = NULL;
        promc_registry *registry = promc_registry_in_slot(slot);
        if (thread->shard[slot] != 0 && registry)
            promc_shard_release(registry, thread->shard[slot] - 1);
        thread->shard[slot] = 0;
        thread->denied[slot] = 0;
    }
    unlink_thread(thread);
    thread->ended = true;
    promc_threads_unlock();
}

int promc_threads_init(void)
{
    if (exit_key_made)
        return 0;
    if (pthread_key_create(&exit_key, on_exit_of_thread) != 0)
        return promc_fail(PROMC_E_NOMEM, "no thread-specific key is left");
    exit_key_made = true;
    return 0;
}

/* A plugin that has the static library in it may be unloaded before a thread ends that has used it. */
static __attribute__((destructor)) void forget_exit_key(void)
{
    if (exit_key_made)
        (void)pthread_key_delete(exit_key);
    exit_key_made = false;
}

bool promc_thread_link(void)
{
    if (promc_thread.linked)
        return true;
    if (promc_thread.ended || pthread_setspecific(exit_key, &promc_thread) != 0)
        return false;
    promc_thread.tls = &promc_tls;
    promc_thread.prev = NULL;
    promc_thread.next = first;
    if (first)
        first->prev = &promc_thread;
    first = &promc_thread;
    promc_thread.linked = true;
    return true;
}

void promc_threads_reset(void)
{
    bool linked = promc_thread.linked, ended = promc_thread.ended;
    memset(&promc_tls, 0, sizeof promc_tls);
    memset(&promc_thread, 0, sizeof promc_thread);
    promc_thread.ended = ended;
    first = NULL;
    promc_store(&holder, 0);
    if (linked)
        (void)promc_thread_link();
}

void promc_threads_forget(uint32_t slot)
{
    if (!promc_threads_lock())
        return;
    for (struct promc_thread *thread = first; thread; thread = thread->next) {
        /* Its owner may be reading the word in an update of another registry: same line, not same word. */
        promc_store(&thread->tls->base[slot], NULL);
        thread->shard[slot] = 0;
        thread->denied[slot] = 0;
    }
    promc_threads_unlock();
}
