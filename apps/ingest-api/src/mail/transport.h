/* SPDX-License-Identifier: Apache-2.0 */
/** @file mail/transport.h The interface of a transport behind mailer.h. */
#ifndef INGEST_MAIL_TRANSPORT_H
#define INGEST_MAIL_TRANSPORT_H

#include "mail/mailer.h"

/** A composed e-mail, ready to be sent. */
struct mail_parcel {
    const char *key, *from, *to;
    const char *organisation_id;
    const char *data;
    size_t length;
};

/** The functions of a session, as in mailer.h. */
struct mail_transport {
    enum mail_outcome (*send)(void *self, const struct mail_parcel *parcel, struct mail_answer *answer);
    int (*flush)(void *self);
    enum mail_found (*find)(void *self, const char *key);
    void (*close)(void *self);
};

#endif
