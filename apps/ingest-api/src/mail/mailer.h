/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mail/mailer.h
 * Sends e-mails, through the transport in MAIL:
 *   file, file:DIR     one KEY.eml per e-mail in DATA_DIR/outbox or DIR: written, synced, renamed. The same key
 *                      overwrites it.
 *   smtp://HOST:PORT   libcurl; a session keeps its connection. STARTTLS according to SMTP_STARTTLS.
 *   smtps://HOST:PORT  TLS from the first byte.
 * With TLS the server's certificate is verified: against SMTP_CA, else the system's authorities. Opportunistic STARTTLS
 * is not verified, since an attacker could just as well remove the offer (RFC 7435).
 *
 * There are more than two outcomes, because SMTP cannot always tell: the connection may break after the last byte was
 * sent and before the server's reply. That is MAIL_IN_DOUBT. We never guess whether it was sent.
 */
#ifndef INGEST_MAIL_MAILER_H
#define INGEST_MAIL_MAILER_H

#include "mail/message.h"

#include <stdbool.h>

struct settings;
struct mailer;
struct mailer_session;

enum mail_outcome {
    MAIL_SENT,
    MAIL_RETRY,          /**< not sent, may work later: this e-mail was refused with 4xx */
    MAIL_REFUSED,        /**< not sent, never will be: refused with 5xx, or the e-mail itself is invalid */
    MAIL_REFUSED_SENDER, /**< not sent: the server replied that it does not accept our e-mails, at least for now */
    MAIL_IN_DOUBT,       /**< may have been sent */
    MAIL_UNAVAILABLE     /**< not sent, and no e-mail would be: no connection, no greeting, disk full */
};

enum mail_found { MAIL_FOUND_NO, MAIL_FOUND_YES, MAIL_FOUND_UNKNOWN };

#define MAIL_ERROR_MAX 192
#define MAIL_WORDS_MAX 256

/** The reply, or what happened instead; no text contains an address. */
struct mail_answer {
    char error[MAIL_ERROR_MAX]; /**< "" if sent; else what happened */
    char words[MAIL_WORDS_MAX]; /**< the server's text, with the reply's code in front; "" without a reply */
    bool this_email; /**< MAIL_REFUSED_SENDER: after the server knew this recipient; others may be accepted */
    bool no_mailbox; /**< MAIL_REFUSED: the recipient is unknown there (5.1.1): never try it again */
};

/**
 * @param settings must live until mailer_close(). @return 0, or -1 after one clear line in the log (MAIL or MAIL_FROM
 * is invalid, there is no such directory).
 */
int mailer_open(struct mailer **out, const struct settings *settings);
/** After every session is closed. */
void mailer_close(struct mailer *mailer);

/** A session belongs to one thread. NULL without memory. */
struct mailer_session *mailer_session_open(struct mailer *mailer);
void mailer_session_close(struct mailer_session *session);

/**
 * Send an e-mail. Blocks for at most MAILER_TIMEOUT_S.
 * @param[out] answer always set.
 * @note with `file`, an e-mail is complete and durable only after mailer_flush().
 */
enum mail_outcome mailer_send(struct mailer_session *session, const struct mail *mail, struct mail_answer *answer);
/** Make sent e-mails durable. @return 0, or -1: treat everything since the last flush as MAIL_UNAVAILABLE. */
int mailer_flush(struct mailer_session *session);

/** Compose the e-mail that mailer_send() would send. *out is malloc()ed. @return 0 or a mail_message_error. */
int mailer_compose(const struct mailer *mailer, const struct mail *mail, char **out, size_t *length);
/** The default sender, if struct mail has none. */
const struct mail_sender *mailer_sender(const struct mailer *mailer);

/** The destination of e-mails, for the log: the directory, or HOST:PORT. */
const char *mailer_target(const struct mailer_session *session);

/** Was an e-mail with this key sent? For an e-mail in doubt. `file` knows; SMTP does not. */
enum mail_found mailer_find(struct mailer_session *session, const char *key);
/** Does mailer_find() know? If not, claim one e-mail at a time: if a worker dies, its claimed e-mails are in doubt. */
bool mailer_finds(const struct mailer_session *session);

#define MAILER_TIMEOUT_S 30

#endif
