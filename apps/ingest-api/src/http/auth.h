/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/auth.h
 * Who asks: `Authorization: Bearer KEY` decides the organisation of a request.
 *
 * The store knows only SHA-256 of a key. A key has 256 random bits, so a fast hash is right: there is nothing to guess.
 * A small cache per loop remembers recent answers, known and unknown keys alike, so that the store is not asked for
 * each request. It is kept short: a revoked key is refused everywhere AUTH_KNOWN_NS after the commit, and
 * `ingest-api key revoke` returns only then.
 *
 * Nothing here takes a time that depends on a secret. Keys are compared as SHA-256 hashes: in the cache by
 * gnutls_memcmp(), in the store by its index, whose time tells about the hash of what was sent and so, since nobody can
 * choose a key for its hash's neighbours, nothing about any key. The metrics' token is hashed too, then gnutls_memcmp().
 */
#ifndef INGEST_HTTP_AUTH_H
#define INGEST_HTTP_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUTH_HASH 32
#define AUTH_KNOWN_NS (UINT64_C(1) * 1000000000)
#define AUTH_UNKNOWN_NS (UINT64_C(200) * 1000000) /* the shorter: a flood of unknown keys pushes itself out */
/** A new key: "pf_" and 43 characters of base64url, and NUL. */
#define AUTH_KEY_SIZE 47

/** Make a key. @return false when the system gives no random bytes. */
bool auth_key_new(char key[AUTH_KEY_SIZE]);
bool auth_hash(const char *key, size_t length, unsigned char hash[AUTH_HASH]);

/**
 * Takes the key out of an Authorization header.
 * @return NULL if it is not one of our keys: another scheme, a length or character no key has.
 */
const char *auth_bearer(const char *authorization, size_t *length);
/** As strcmp() == 0, in a time that tells nothing about where they differ. */
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
 * @param organisation_id NULL: no such key. Takes the place of the entry that expires first.
 * @param asked_ns when the store was asked, not when it answered: what it said may be as old as that.
 */
void auth_cache_put(struct auth_cache *cache, const unsigned char hash[AUTH_HASH], const char *organisation_id,
                    uint64_t asked_ns);

#endif
