/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cursor.h"
#include "base/hex.h"
#include "base/uuid.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

#define SHA256_BYTES 32
#define TAG_BYTES 8

bool cursor_write(const char *id, const char *organisation_id, const char *scope, char out[CURSOR_SIZE])
{
    unsigned char uuid[16], digest[SHA256_BYTES];
    char canonical[UUID_TEXT], text[640];

    if (!uuid_parse(id, uuid))
        return false;
    uuid_format(uuid, canonical);
    int n = snprintf(text, sizeof(text), "cursor 1|%s|%s|%s", canonical, organisation_id, scope);
    if (n < 0 || (size_t)n >= sizeof(text) || gnutls_hash_fast(GNUTLS_DIG_SHA256, text, (size_t)n, digest) != 0)
        return false;
    hex_format(uuid, sizeof(uuid), out);
    hex_format(digest, TAG_BYTES, out + 2 * sizeof(uuid));
    return true;
}

bool cursor_read(const char *cursor, const char *organisation_id, const char *scope, char id_out[37])
{
    char expected[CURSOR_SIZE], id[37];

    if (strlen(cursor) != CURSOR_SIZE - 1)
        return false;
    (void)snprintf(id, sizeof(id), "%.8s-%.4s-%.4s-%.4s-%.12s", cursor, cursor + 8, cursor + 12, cursor + 16,
                   cursor + 20);
    if (!cursor_write(id, organisation_id, scope, expected) || strcmp(cursor, expected) != 0)
        return false;
    memcpy(id_out, id, sizeof(id));
    return true;
}
