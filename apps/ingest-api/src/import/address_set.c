/* SPDX-License-Identifier: Apache-2.0 */
#include "import/address_set.h"

#include <stdlib.h>

#define SIZE_FIRST 1024 /* a power of two */

/* The slot of a hash, or the free slot where it belongs. */
static size_t find(const struct address_set *set, uint64_t hash)
{
    size_t at = hash & (set->size - 1);

    while (set->slots[at] && set->slots[at] != hash)
        at = (at + 1) & (set->size - 1);
    return at;
}

bool address_set_has(const struct address_set *set, uint64_t hash)
{
    return set->size > 0 && set->slots[find(set, hash)] == hash;
}

static bool grow(struct address_set *set)
{
    struct address_set larger = {.size = set->size ? set->size * 2 : SIZE_FIRST, .count = set->count};

    larger.slots = calloc(larger.size, sizeof(*larger.slots));
    if (!larger.slots)
        return false;
    for (size_t i = 0; i < set->size; i++)
        if (set->slots[i])
            larger.slots[find(&larger, set->slots[i])] = set->slots[i];
    free(set->slots);
    *set = larger;
    return true;
}

bool address_set_add(struct address_set *set, uint64_t hash)
{
    if (set->count >= ADDRESS_SET_MAX)
        return true;
    if (2 * set->count >= set->size && !grow(set))
        return false;
    size_t at = find(set, hash);
    set->count += !set->slots[at];
    set->slots[at] = hash;
    return true;
}

void address_set_free(struct address_set *set)
{
    free(set->slots);
    *set = (struct address_set){.size = 0};
}
