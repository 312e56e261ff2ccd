/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/thread.h"
#include "base/atomic.h"
#include "shard/process.h"
#include "shard/shard.h"
#include "shard/slots.h"

#include <sched.h>
#include <string.h>
#include <sys/mman.h>

__thread promc_tls_block promc_tls PROMC_TLS_MODEL;
_Static_assert(PROMC_SLOTS == 16, "promc_tls_layout1_slots16 is this layout's name: see promc/shard.h");

static struct promc_thread *first;
static struct promc_thread *spare; /* records of threads that have ended, linked by `next`; under the lock */
static struct promc_thread ended;  /* the key's value of a thread whose exit has been seen */
static uint32_t holder;            /* tid; 0: free */
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
    thread->next = spare;
    spare = thread;
}

struct promc_thread *promc_thread_self(void)
{
    struct promc_thread *thread = exit_key_made ? pthread_getspecific(exit_key) : NULL;
    return thread == &ended ? NULL : thread;
}

/* A spare record; if there is none, a page becomes spare records. It is from mmap(2) and not malloc(), since a signal handler may attach its thread. */
static struct promc_thread *take_spare(void)
{
    struct promc_thread *thread = spare;
    if (!thread) {
        struct promc_thread *page = mmap(NULL, PROMC_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
            return NULL;
        for (size_t i = 1; i < PROMC_PAGE / sizeof(*page); i++) {
            page[i].next = spare;
            spare = &page[i];
        }
        return page;
    }
    spare = thread->next;
    memset(thread, 0, sizeof(*thread));
    return thread;
}

/* The thread ends: its shards, with their values, become free. */
static void on_exit_of_thread(void *argument)
{
    struct promc_thread *thread = argument;
    /* Set the mark again in each round of destructors: later destructors must still find it. */
    (void)pthread_setspecific(exit_key, &ended);
    if (thread == &ended || !promc_threads_lock())
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
    promc_threads_unlock();
}

int promc_threads_init(void)
{
    if (exit_key_made)
        return 0;
    if (pthread_key_create(&exit_key, on_exit_of_thread) != 0)
        return promc_fail(PROMC_E_NOMEM, "no thread-specific key is available");
    exit_key_made = true;
    return 0;
}

/* A plugin that contains the static library may be unloaded before the end of a thread that has used it. */
static __attribute__((destructor)) void forget_exit_key(void)
{
    if (exit_key_made)
        (void)pthread_key_delete(exit_key);
    exit_key_made = false;
}

static void link_thread(struct promc_thread *thread)
{
    thread->tls = &promc_tls;
    thread->prev = NULL;
    thread->next = first;
    if (first)
        first->prev = thread;
    first = thread;
}

struct promc_thread *promc_thread_link(void)
{
    struct promc_thread *thread = exit_key_made ? pthread_getspecific(exit_key) : &ended;
    if (thread)
        return thread == &ended ? NULL : thread;
    thread = take_spare();
    if (thread && pthread_setspecific(exit_key, thread) != 0) {
        thread->next = spare;
        spare = thread;
        return NULL;
    }
    if (thread)
        link_thread(thread);
    return thread;
}

void promc_threads_reset(void)
{
    struct promc_thread *mine = promc_thread_self();
    memset(&promc_tls, 0, sizeof(promc_tls));
    /* The records of the parent's threads become spare. */
    for (struct promc_thread *thread = first, *next; thread; thread = next) {
        next = thread->next;
        if (thread == mine)
            continue;
        thread->next = spare;
        spare = thread;
    }
    first = NULL;
    if (mine) {
        memset(mine, 0, sizeof(*mine));
        link_thread(mine);
    }
    promc_store(&holder, 0);
}

void promc_threads_forget(uint32_t slot)
{
    if (!promc_threads_lock())
        return;
    for (struct promc_thread *thread = first; thread; thread = thread->next) {
        /* The owner may update another registry meanwhile: that reads another word of this cache line. */
        promc_store(&thread->tls->base[slot], NULL);
        thread->shard[slot] = 0;
        thread->denied[slot] = 0;
    }
    promc_threads_unlock();
}
