/* SPDX-License-Identifier: Apache-2.0 */
/** @file mail/transport.h What a transport behind mailer.h provides. */
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

#endif
