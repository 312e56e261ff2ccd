/* SPDX-License-Identifier: Apache-2.0 */
#include "series/refused.h"
#include "arena/lock.h"
#include "base/atomic.h"
#include "series/lookup.h"
#include "shard/slots.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const reasons[] = {"type", "label_count", "label_value", "observation"};

static bool is_debugging(void)
{
    static int cached; /* 0: unknown, 1: no, 2: yes */
    int known = __atomic_load_n(&cached, __ATOMIC_RELAXED);
    if (known == 0) {
        const char *text = getenv("PROMC_DEBUG");
        known = text && strcmp(text, "1") == 0 ? 2 : 1;
        __atomic_store_n(&cached, known, __ATOMIC_RELAXED);
    }
    return known == 2;
}

static void say(const promc_family *family, enum promc_refusal reason)
{
    static const char *const texts[] = {"it is used as another type",
                                        "the number of label values differs from the number of labels",
                                        "no value for a label", "an observation that cannot be counted"};
    char line[256];
    int length =
        snprintf(line, sizeof(line), "promc: metric \"%.128s\": %s (reason \"%s\"; further ones are only counted)\n",
                 promc_name_of(family), texts[reason], reasons[reason]);
    if (length > 0) {
        ssize_t written = write(STDERR_FILENO, line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
        (void)written;
    }
}

/* The counter's series, found without a lock, or created if nobody holds the lock: the interrupted code may hold it. */
static void count(promc_registry *registry, const promc_family *family, enum promc_refusal reason)
{
    const char *name = promc_name_of(family);
    const promc_str values[] = {{name, strlen(name)}, {reasons[reason], strlen(reasons[reason])}};
    promc_series_ref ref;
    if (!promc_series_find(registry->refused_updates, values)) {
        if (!promc_registry_trylock(registry))
            return;
        promc_registry_unlock(registry);
    }
    if (promc_series_get_n(registry->refused_updates, values, 2, &ref) == 0)
        promc_cell_add(ref, 1);
}

void promc_refused(const promc_family *family, enum promc_refusal reason)
{
    int saved = errno;
    promc_registry *registry = family->registry;
    uint32_t bit = 1u << reason;
    bool first = !(__atomic_fetch_or(&((promc_family *)(uintptr_t)family)->refused, bit, __ATOMIC_RELAXED) & bit);
    if (registry->refused_updates && !registry->arena.readonly)
        count(registry, family, reason);
    if (first && is_debugging())
        say(family, reason);
    errno = saved;
}

void promc_refused_series(promc_series_ref ref, enum promc_refusal reason)
{
    promc_registry *registry = promc_registry_of(ref);
    const struct promc_child *child = promc_series_child(ref);
    if (!registry || !child)
        return;
    const struct promc_family_data *data = promc_child_family(child);
    for (promc_family *family = promc_load_acquire(&registry->families); family;
         family = promc_load_acquire(&family->next)) {
        if (family->data == data) {
            promc_refused(family, reason);
            return;
        }
    }
}

int promc_family_is_not(const promc_family *family, const char *what)
{
    promc_refused(family, PROMC_REFUSED_TYPE);
    return promc_fail(PROMC_E_TYPE, "metric \"%s\" is not %s", promc_name_of(family), what);
}
