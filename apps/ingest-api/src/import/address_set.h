/* SPDX-License-Identifier: Apache-2.0 */
/** @file import/address_set.h The addresses seen so far in a body, as 64-bit hashes in memory. Not thread safe. */
#ifndef INGEST_IMPORT_ADDRESS_SET_H
#define INGEST_IMPORT_ADDRESS_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Beyond this number addresses are not remembered. */
#define ADDRESS_SET_MAX (1u << 22)

/** Zero is an empty one. */
struct address_set {
    uint64_t *slots; /* 0: free */
    size_t size, count;
};

/** @param hash email_address_hash() */
bool address_set_has(const struct address_set *set, uint64_t hash);
/** @return false without memory */
bool address_set_add(struct address_set *set, uint64_t hash);
void address_set_free(struct address_set *set);

#endif
