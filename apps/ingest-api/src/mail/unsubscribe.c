/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/unsubscribe.h"

#include "base/hex.h"
#include "base/uuid.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

#define IDS 32
#define SIGNED (IDS + SUPPRESSION_HASH)
#define TAG 16

/* Compute the tag over the first SIGNED bytes. */
static bool sign(const unsigned char key[UNSUBSCRIBE_KEY], const unsigned char *bytes, unsigned char tag[TAG])
{
    unsigned char mac[32];
    if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, UNSUBSCRIBE_KEY, bytes, SIGNED, mac) != 0)
        return false;
    memcpy(tag, mac, TAG);
    return true;
}

bool unsubscribe_token(const unsigned char key[UNSUBSCRIBE_KEY], const char *organisation_id, const char *prospect_id,
                       const char *address, char token[UNSUBSCRIBE_TOKEN + 1])
{
    unsigned char bytes[SIGNED + TAG];
    if (!uuid_parse(organisation_id, bytes) || !uuid_parse(prospect_id, bytes + 16) ||
        !suppression_hash(organisation_id, address, bytes + IDS) || !sign(key, bytes, bytes + SIGNED))
        return false;
    hex_format(bytes, sizeof(bytes), token);
    return true;
}

bool unsubscribe_link(const char *public_url, const unsigned char key[UNSUBSCRIBE_KEY], const char *organisation_id,
                      const char *prospect_id, const char *address, char link[UNSUBSCRIBE_LINK])
{
    size_t n = strlen(public_url);
    char token[UNSUBSCRIBE_TOKEN + 1];

    link[0] = '\0';
    if (n == 0)
        return true;
    if (!unsubscribe_token(key, organisation_id, prospect_id, address, token))
        return false;
    (void)snprintf(link, UNSUBSCRIBE_LINK, "%.*s" UNSUBSCRIBE_PATH "%s", (int)(n - (public_url[n - 1] == '/')),
                   public_url, token);
    return true;
}

bool unsubscribe_read(const unsigned char key[UNSUBSCRIBE_KEY], const char *token, struct unsubscription *out)
{
    unsigned char bytes[SIGNED + TAG], tag[TAG];
    if (strlen(token) != UNSUBSCRIBE_TOKEN || !hex_parse(token, bytes, sizeof(bytes)) || !sign(key, bytes, tag) ||
        gnutls_memcmp(tag, bytes + SIGNED, TAG) != 0)
        return false;
    uuid_format(bytes, out->organisation_id);
    uuid_format(bytes + 16, out->prospect_id);
    memcpy(out->hash, bytes + IDS, SUPPRESSION_HASH);
    return true;
}
