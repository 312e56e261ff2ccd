/* SPDX-License-Identifier: Apache-2.0 */
/** @file data/secrets.h Generated secrets that the processes of one store share (iam.secrets). */
#ifndef INGEST_DATA_SECRETS_H
#define INGEST_DATA_SECRETS_H

#include "db/db.h"

#define SECRET_BYTES 32

/** Read the secret of this name; the first reader generates it. In a write transaction. @return DB_OK or an error. */
int secrets_get(struct db *db, const char *name, unsigned char secret[SECRET_BYTES]);

#endif
