/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mail/message.h
 * Writes an e-mail: RFC 5322 header fields, RFC 2047 encoded words, a text/plain UTF-8 body as 7bit, quoted-printable
 * or base64, whichever fits. Lines end in CRLF and have at most 998 bytes. Control characters in header fields are
 * refused, so that nothing can be injected. Pure functions, thread safe.
 */
#ifndef INGEST_MAIL_MESSAGE_H
#define INGEST_MAIL_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

/** A sender: "Name <local@domain>" or "local@domain". An international domain is kept as its A-label. */
#define MAIL_SUBJECT_MAX 4096 /* bytes */

struct mail_sender {
    char name[192];
    char address[256];
};

struct mail {
    /** The permanent name of the e-mail: [A-Za-z0-9._:-]{1,128}. The same key gives the same Message-ID and file. */
    const char *key;
    const char *to;                 /**< one address, "local@domain" */
    const char *subject, *body;     /**< UTF-8 */
    const char *organisation_id;    /**< UUID text */
    const char *campaign_id;        /**< UUID text; X-Campaign-ID */
    int64_t date_ms;                /**< since 1970; the Date field */
    const struct mail_sender *from; /**< the organisation's sender; NULL: MAIL_FROM */
    const char *unsubscribe;        /**< URL at which this person can unsubscribe (RFC 8058), or NULL or "" */
};

enum mail_message_error {
    MAIL_MESSAGE_E_KEY = -1,
    MAIL_MESSAGE_E_ADDRESS = -2,
    MAIL_MESSAGE_E_SUBJECT = -3,
    MAIL_MESSAGE_E_BODY = -4,
    MAIL_MESSAGE_E_NOMEM = -5
};
/** A short sentence. */
const char *mail_message_error_text(int error);

/** @return 0, or MAIL_MESSAGE_E_ADDRESS if it is malformed. */
int mail_sender_parse(struct mail_sender *sender, const char *text);

/** Write the e-mail. *out is malloc()ed and NUL-terminated. @return 0 or a mail_message_error. */
int mail_message_write(const struct mail *mail, const struct mail_sender *from, char **out, size_t *length);

#endif
