/* SPDX-License-Identifier: Apache-2.0 */
/** @file http/store_error.h Turns an error of the store into an answer, the same everywhere. */
#ifndef INGEST_HTTP_STORE_ERROR_H
#define INGEST_HTTP_STORE_ERROR_H

#include "http/request.h"

/**
 * Answer a db_error, replacing an earlier answer: 503 with Retry-After where waiting helps, 404, 409, else 500. The
 * text says that nothing was changed, except for DB_E_UNKNOWN, where nobody knows whether the write was applied.
 * @param what the thing that was asked for, e.g. "campaign"; NULL: nothing in particular (then never a 404)
 * @return the status
 */
int respond_store_error(struct request *req, int code, const char *what);

#endif
