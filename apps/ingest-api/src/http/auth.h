/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/auth.h
 * API keys: `Authorization: Bearer KEY` decides the organisation of a request.
 *
 * The store has only the SHA-256 of a key. A fast hash is enough, because a key is 256 random bits and cannot be
 * guessed. Each loop has a small cache of recent lookups, of known and unknown keys, so that not every request asks the
 * store. Entries are short-lived: AUTH_KNOWN_NS after its removal was committed, a revoked key is refused everywhere,
 * and `ingest-api key revoke` waits for that before it returns.
 *
 * No comparison takes a time that depends on a secret. Keys are compared as SHA-256 hashes: in the cache with
 * gnutls_memcmp(); in the store by an index, whose time depends on the hash of the key that was sent. That
 * reveals nothing about other keys, because nobody can choose a key by its hash. The metrics token is hashed
 * and compared in the same way.
 */
#ifndef INGEST_HTTP_AUTH_H
#define INGEST_HTTP_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUTH_HASH 32
#define AUTH_KNOWN_NS (UINT64_C(1) * 1000000000)
#define AUTH_UNKNOWN_NS (UINT64_C(200) * 1000000) /* shorter: so unknown keys replace each other, not known ones */
/** A new key: "pf_" and 43 characters of base64url, and NUL. */
#define AUTH_KEY_SIZE 47

/** Make a new key. @return false if the system has no random bytes. */
bool auth_key_new(char key[AUTH_KEY_SIZE]);
bool auth_hash(const char *key, size_t length, unsigned char hash[AUTH_HASH]);

/**
 * Find the key in an Authorization header.
 * @return NULL if it cannot be one of our keys: another scheme, length or character.
 */
const char *auth_bearer(const char *authorization, size_t *length);
/** Like strcmp() == 0, but the time it takes does not tell where they differ. */
bool auth_equal(const char *secret, const char *given, size_t given_length);

enum auth_answer { AUTH_MISS, AUTH_KNOWN, AUTH_UNKNOWN };

struct auth_cache;

/** Owned by one loop. NULL: no memory. */
struct auth_cache *auth_cache_create(void);
void auth_cache_destroy(struct auth_cache *cache);
/** @param[out] organisation_id set for AUTH_KNOWN. O(1), compares in constant time. */
enum auth_answer auth_cache_get(struct auth_cache *cache, const unsigned char hash[AUTH_HASH], uint64_t now_ns,
                                char organisation_id[37]);
/**
 * Replaces the entry that expires first.
 * @param organisation_id NULL: there is no such key.
 * @param asked_ns when the store was asked, not when it answered: its answer may be as old as the question.
 */
void auth_cache_put(struct auth_cache *cache, const unsigned char hash[AUTH_HASH], const char *organisation_id,
                    uint64_t asked_ns);

#endif
