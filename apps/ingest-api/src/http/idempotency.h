/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/idempotency.h
 * The header Idempotency-Key on POSTs of an organisation (draft-ietf-httpapi-idempotency-key-header): a request that is sent again
 * with its key gets the answer of the first, with Idempotent-Replayed: true, and nothing is done again.
 *
 * Kept in the transaction of the write (data/idempotency.h), so there is an answer to replay exactly if there was an effect. An
 * answer of 400 and above is not kept: it has changed nothing, and the same request may be sent again. So is a request that was
 * killed: an import in slices is taken back first, and until then its key is answered 409.
 */
#ifndef INGEST_HTTP_IDEMPOTENCY_H
#define INGEST_HTTP_IDEMPOTENCY_H

#include "http/request.h"

struct idempotency;

/** Loop thread, the route and the organisation are known. @return 0 (req->idempotency is set if there is a key), or the status answered. */
int idempotency_head(struct request *req);
/** Loop thread: a piece of the body; and that it is whole. Nothing without a key. */
void idempotency_body(struct request *req, const char *data, size_t n);
void idempotency_whole(struct request *req);
/** Store thread, before the handler. @return 0: go on; or the status answered, the first's or 409, 422, 429. */
int idempotency_before(struct request *req, struct db *db, bool writes);
/** Store thread, after it. @param status the handler's. @return it, or that of an error */
int idempotency_after(struct request *req, struct db *db, bool writes, int status);
/** The import that takes back what this request does in slices if it does not end. @return DB_OK or a db_error */
int idempotency_import(struct request *req, struct db *db, const char *import_id);
/** The request is over. NULL is allowed. */
void idempotency_free(struct idempotency *idempotency);

#endif
