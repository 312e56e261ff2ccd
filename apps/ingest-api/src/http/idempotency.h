/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/idempotency.h
 * The header Idempotency-Key on POSTs of an organisation (draft-ietf-httpapi-idempotency-key-header): a
 * client that repeats a request with the same key gets the first answer again, with Idempotent-Replayed:
 * true, and nothing is done twice.
 *
 * The key and the answer are stored in the transaction of the write (data/idempotency.h): an answer is kept exactly if
 * the write took effect. An answer of 400 and above is not kept: it changed nothing, so the client may send the request
 * again. The same holds for a request whose process was killed. If it was an import in slices, these are removed first;
 * until then its key is answered with 409.
 */
#ifndef INGEST_HTTP_IDEMPOTENCY_H
#define INGEST_HTTP_IDEMPOTENCY_H

#include "http/request.h"

struct idempotency;

/**
 * Loop thread, when route and organisation are known.
 * @return 0 (with a key req->idempotency is set), or the status answered.
 */
int idempotency_head(struct request *req);
/** Loop thread: a piece of the body has arrived, the body is complete. Without a key they do nothing. */
void idempotency_body(struct request *req, const char *data, size_t n);
void idempotency_whole(struct request *req);
/**
 * Store thread, before the handler.
 * @return 0: run the handler; or the status answered: that of the first request, 409, 422 or 429.
 */
int idempotency_before(struct request *req, struct db *db, bool writes);
/** Store thread, after the handler. @param status the handler's. @return the same, or the status of an error */
int idempotency_after(struct request *req, struct db *db, bool writes, int status);
/**
 * Record the import of a request in slices, which is rolled back if the request never ends.
 * @return DB_OK or a db_error
 */
int idempotency_import(struct request *req, struct db *db, const char *import_id);
/** The request is over. NULL is allowed. */
void idempotency_free(struct idempotency *idempotency);

#endif
