/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mail/unsubscribe.h
 * The link by which a person unsubscribes (RFC 8058): PUBLIC_URL/unsubscribe/TOKEN. The token contains organisation,
 * prospect and the hash of the address. It is signed, so that nobody can unsubscribe another person, and it works even
 * after the person was erased. Pure functions.
 */
#ifndef INGEST_MAIL_UNSUBSCRIBE_H
#define INGEST_MAIL_UNSUBSCRIBE_H

#include "data/suppressions.h"

#define UNSUBSCRIBE_KEY 32
/** 16 + 16 + 32 bytes and a tag of 16, in hexadecimal: mail programs may change the case. */
#define UNSUBSCRIBE_TOKEN (2 * 80)
#define UNSUBSCRIBE_PATH "/unsubscribe/"

struct unsubscription {
    char organisation_id[37], prospect_id[37];
    unsigned char hash[SUPPRESSION_HASH]; /**< suppression_hash() of the address */
};

/** @return false: an id is invalid, or hashing failed. */
bool unsubscribe_token(const unsigned char key[UNSUBSCRIBE_KEY], const char *organisation_id, const char *prospect_id,
                       const char *address, char token[UNSUBSCRIBE_TOKEN + 1]);
/**
 * Make the link: PUBLIC_URL, the path and the token; "" without PUBLIC_URL.
 * @return false: the link is too long or invalid.
 */
#define UNSUBSCRIBE_LINK (256 + sizeof(UNSUBSCRIBE_PATH) + UNSUBSCRIBE_TOKEN)
bool unsubscribe_link(const char *public_url, const unsigned char key[UNSUBSCRIBE_KEY], const char *organisation_id,
                      const char *prospect_id, const char *address, char link[UNSUBSCRIBE_LINK]);
/** @return false unless unsubscribe_token() made it with this key. */
bool unsubscribe_read(const unsigned char key[UNSUBSCRIBE_KEY], const char *token, struct unsubscription *out);

#endif
