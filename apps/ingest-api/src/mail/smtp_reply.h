/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mail/smtp_reply.h
 * Reads a mail server's reply and decides what it means for the e-mail: RFC 5321 section 4.2, RFC 3463. Pure
 * functions. Private to src/mail.
 */
#ifndef INGEST_MAIL_SMTP_REPLY_H
#define INGEST_MAIL_SMTP_REPLY_H

#include "mail/mailer.h"

/** How far the SMTP dialogue has come. */
enum smtp_stage { SMTP_CONNECTION, SMTP_MAIL, SMTP_RCPT, SMTP_DATA, SMTP_MESSAGE, SMTP_STAGES };
extern const char *const smtp_stage_names[SMTP_STAGES]; /* connection MAIL RCPT DATA message */

struct smtp_reply {
    int code;                   /**< 0: none yet */
    char enhanced[16];          /**< a space and its enhanced status (" 5.1.1"), or "" */
    char words[MAIL_WORDS_MAX]; /**< all its lines as one, without control characters and addresses */
    bool ended;                 /**< it is complete: the next line begins another reply */
};

/** Add received lines of a reply. */
void smtp_reply_add(struct smtp_reply *reply, const char *lines, size_t length);

/**
 * The meaning of a 4xx or 5xx reply.
 *
 *   the connection, its greeting, EHLO, STARTTLS, AUTH; MAIL   MAIL_REFUSED_SENDER
 *   421; 530, 534, 535, 538 (authentication)                    MAIL_REFUSED_SENDER, after any command
 *   5.7.x (policy), x.4.5 and a quota of ours                   MAIL_REFUSED_SENDER
 *   4xx, else (4.7.1 is greylisting)                            MAIL_RETRY
 *   5xx, else                                                   MAIL_REFUSED
 */
enum mail_outcome smtp_reply_judge(const struct smtp_reply *reply, enum smtp_stage stage, struct mail_answer *answer);

#endif
