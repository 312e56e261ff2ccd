/* SPDX-License-Identifier: Apache-2.0 */
/** @file mail/smtp.h The transport MAIL=smtp://…: sends e-mails by SMTP. For mailer.c. */
#ifndef INGEST_MAIL_SMTP_H
#define INGEST_MAIL_SMTP_H

#include "mail/transport.h"

/**
 * @param settings MAIL and SMTP_*; must live as long as the session
 * @param url the server's address, with our EHLO name as its path
 * @return NULL without memory
 */
void *mail_smtp_open(const struct settings *settings, const char *url);
extern const struct mail_transport mail_smtp;

#endif
