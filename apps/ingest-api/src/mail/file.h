/* SPDX-License-Identifier: Apache-2.0 */
/** @file mail/file.h The transport MAIL=file: writes each e-mail to a file. For mailer.c. */
#ifndef INGEST_MAIL_FILE_H
#define INGEST_MAIL_FILE_H

#include "mail/transport.h"

/** @param directory must exist. NULL if it cannot be opened. */
void *mail_file_open(const char *directory);
extern const struct mail_transport mail_file;

/** Delete this e-mail's file, also one that is being written or that a killed worker left. Does nothing with another transport. */
void mail_file_forget(const struct settings *settings, const char *key);

#endif
