/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mail/mailer.h
 * Sending an e-mail, by the transport that MAIL names:
 *   file, file:DIR     one KEY.eml a message in DATA_DIR/outbox or DIR: written, synced, renamed. The same key overwrites.
 *   smtp://HOST:PORT   libcurl; a session keeps its connection. STARTTLS as SMTP_STARTTLS says.
 *   smtps://HOST:PORT  TLS from the first byte.
 * Where there is TLS the server's certificate is verified: against SMTP_CA, else the system's authorities; but with STARTTLS
 * that is only opportunistic it is not, since who could break it could as well leave the offer out (RFC 7435).
 *
 * What became of an e-mail is not one of two, because SMTP cannot promise that: the line may break after the last byte
 * went out and before the server's answer. That is MAIL_IN_DOUBT, never guessed to be either.
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
    MAIL_RETRY,      /**< not sent, may work later: this e-mail refused with 4xx, disk full */
    MAIL_REFUSED,    /**< not sent, never will be: refused with 5xx, or the e-mail itself is at fault */
    MAIL_IN_DOUBT,   /**< may have been sent */
    MAIL_UNAVAILABLE /**< not sent, and no e-mail would be: no connection, no greeting, our account refused, 421 */
};

enum mail_found { MAIL_FOUND_NO, MAIL_FOUND_YES, MAIL_FOUND_UNKNOWN };

#define MAIL_ERROR_MAX 192

/** @param settings kept until mailer_close(). @return 0, or -1 after one clear line in the log (MAIL or MAIL_FROM cannot be used, no such directory). */
int mailer_open(struct mailer **out, const struct settings *settings);
/** After every session is closed. */
void mailer_close(struct mailer *mailer);

/** A session belongs to one thread. NULL when memory is out. */
struct mailer_session *mailer_session_open(struct mailer *mailer);
void mailer_session_close(struct mailer_session *session);

/**
 * Send. Blocks, at most MAILER_TIMEOUT_S.
 * @param error unless MAIL_SENT: what happened, without any address.
 * @note with `file`, a message is there, and durable, only after mailer_flush().
 */
enum mail_outcome mailer_send(struct mailer_session *session, const struct mail *mail, char error[MAIL_ERROR_MAX]);
/** Make what was sent durable. @return 0, or -1: treat everything since the last flush as MAIL_RETRY. */
int mailer_flush(struct mailer_session *session);

/** Where e-mails go, for a line in the log: the directory, or HOST:PORT. */
const char *mailer_target(const struct mailer_session *session);

/** Did an e-mail with this key go out? For a claim found in doubt. `file` knows; SMTP does not. */
enum mail_found mailer_find(struct mailer_session *session, const char *key);
/** Whether mailer_find() knows; if not, whatever is claimed when a worker dies is in doubt, and should be one at a time. */
bool mailer_finds(const struct mailer_session *session);

#define MAILER_TIMEOUT_S 30

#endif
