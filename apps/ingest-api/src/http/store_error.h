/* SPDX-License-Identifier: Apache-2.0 */
/** @file http/store_error.h What an error of the store is to a client; the same wherever in a request it comes up. */
#ifndef INGEST_HTTP_STORE_ERROR_H
#define INGEST_HTTP_STORE_ERROR_H

#include "http/request.h"

/**
 * Answer a db_error, over whatever was answered before: 503 with Retry-After where waiting helps, 404, 409, else 500. It says
 * that nothing was changed, which holds for every error but DB_E_UNKNOWN: then nobody knows, and it says that.
 * @param what was asked for, e.g. "campaign"; NULL: nothing in particular (there is no 404 then)
 * @return the status
 */
int respond_store_error(struct request *req, int code, const char *what);

#endif
