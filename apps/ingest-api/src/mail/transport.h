/* SPDX-License-Identifier: Apache-2.0 */
/** @file mail/transport.h The transports behind mailer.h; for mailer.c only. */
#ifndef INGEST_MAIL_TRANSPORT_H
#define INGEST_MAIL_TRANSPORT_H

#include "mail/mailer.h"

/** A finished message on its way. */
struct mail_parcel {
    const char *key, *from, *to;
    const char *data;
    size_t length;
};

/** One session's. Each function has mailer.h's meaning. */
struct mail_transport {
    enum mail_outcome (*send)(void *self, const struct mail_parcel *parcel, char error[MAIL_ERROR_MAX]);
    int (*flush)(void *self);
    enum mail_found (*find)(void *self, const char *key);
    void (*close)(void *self);
};

/** @param directory must exist. NULL when it cannot be opened. */
void *mail_file_open(const char *directory);
extern const struct mail_transport mail_file;

/** @param settings kept: MAIL and SMTP_*. NULL when memory is out. */
void *mail_smtp_open(const struct settings *settings);
extern const struct mail_transport mail_smtp;

#endif
