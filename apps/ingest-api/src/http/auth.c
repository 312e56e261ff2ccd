/* SPDX-License-Identifier: Apache-2.0 */
#include "http/auth.h"

#include "base/settings.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define SETS 256
#define WAYS 4
#define KEY_MIN 8
#define KEY_MAX (sizeof(((struct settings *)0)->metrics_token) - 1) /* METRICS_TOKEN is sent in the same way */

struct entry {
    unsigned char hash[AUTH_HASH];
    char organisation_id[37]; /* "": the key is unknown */
    uint64_t expires_ns;      /* 0: free */
};

struct auth_cache {
    struct entry entries[SETS][WAYS];
};

bool auth_key_new(char key[AUTH_KEY_SIZE])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char random[33] = {0};
    if (getentropy(random, 32) != 0)
        return false;
    memcpy(key, "pf_", 3);
    for (size_t i = 0; i < 43; i++) {
        size_t bit = i * 6, byte = bit / 8;
        unsigned pair = (unsigned)random[byte] << 8 | random[byte + 1];
        key[3 + i] = alphabet[pair >> (10 - bit % 8) & 63];
    }
    key[AUTH_KEY_SIZE - 1] = '\0';
    explicit_bzero(random, sizeof(random));
    return true;
}

bool auth_hash(const char *key, size_t length, unsigned char hash[AUTH_HASH])
{
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, key, length, hash) == 0;
}

const char *auth_bearer(const char *authorization, size_t *length)
{
    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
        return NULL;
    const char *key = authorization + 7;
    key += strspn(key, " ");
    size_t n = strlen(key);
    while (n > 0 && (key[n - 1] == ' ' || key[n - 1] == '\t'))
        n--;
    if (n < KEY_MIN || n > KEY_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (key[i] < 0x21 || key[i] > 0x7e)
            return NULL;
    *length = n;
    return key;
}

bool auth_equal(const char *secret, const char *given, size_t given_length)
{
    /* all hashes have the same length, so not even the length of the secret can be measured */
    unsigned char a[AUTH_HASH], b[AUTH_HASH];
    return auth_hash(secret, strlen(secret), a) && auth_hash(given, given_length, b) &&
           gnutls_memcmp(a, b, AUTH_HASH) == 0;
}

struct auth_cache *auth_cache_create(void)
{
    return calloc(1, sizeof(struct auth_cache));
}

void auth_cache_destroy(struct auth_cache *cache)
{
    free(cache);
}

enum auth_answer auth_cache_get(struct auth_cache *cache, const unsigned char hash[AUTH_HASH], uint64_t now_ns,
                                char organisation_id[37])
{
    struct entry *set = cache->entries[hash[0]];
    for (int i = 0; i < WAYS; i++) {
        if (set[i].expires_ns <= now_ns || gnutls_memcmp(set[i].hash, hash, AUTH_HASH) != 0)
            continue;
        if (!set[i].organisation_id[0])
            return AUTH_UNKNOWN;
        memcpy(organisation_id, set[i].organisation_id, sizeof(set[i].organisation_id));
        return AUTH_KNOWN;
    }
    return AUTH_MISS;
}

void auth_cache_put(struct auth_cache *cache, const unsigned char hash[AUTH_HASH], const char *organisation_id,
                    uint64_t asked_ns)
{
    struct entry *set = cache->entries[hash[0]], *place = &set[0];
    for (int i = 0; i < WAYS; i++) {
        if (set[i].expires_ns && gnutls_memcmp(set[i].hash, hash, AUTH_HASH) == 0) {
            place = &set[i];
            break;
        }
        if (set[i].expires_ns < place->expires_ns)
            place = &set[i];
    }
    memcpy(place->hash, hash, AUTH_HASH);
    place->organisation_id[0] = '\0';
    if (organisation_id)
        strncat(place->organisation_id, organisation_id, sizeof(place->organisation_id) - 1);
    place->expires_ns = asked_ns + (organisation_id ? AUTH_KNOWN_NS : AUTH_UNKNOWN_NS);
}
