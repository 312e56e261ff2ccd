/* SPDX-License-Identifier: Apache-2.0 */
#include "http/store_error.h"

#include "base/log.h"
#include "db/db.h"
#include "http/router.h"

#include <string.h>

#define NOTHING_CHANGED "; nothing was changed."
#define PART_DONE "; a part of the work is done. Send the request again for the rest."

static const struct store_error {
    int db_error, status, retry_after; /* seconds; 0: waiting does not help */
    const char *code, *message;
} errors[] = {
    {DB_E_BUSY, 503, 1, "store_busy", "The store is overloaded" NOTHING_CHANGED},
    {DB_E_FULL, 503, 30, "store_full", "The store's disk is full" NOTHING_CHANGED},
    {DB_E_CONNECTION, 503, 5, "store_unavailable", "The store does not answer" NOTHING_CHANGED},
    {DB_E_UNKNOWN, 503, 5, "store_unavailable",
     "The store does not answer. A write was applied whole or not at all; try again."},
    {DB_E_CONFLICT, 409, 0, "conflict", "The store refused the request" NOTHING_CHANGED},
    {DB_E_OTHER, 500, 0, "internal", "The request failed in the store" NOTHING_CHANGED}, /* and any other error */
};

static const struct store_error *find(int code)
{
    const struct store_error *error = errors;
    while (error->db_error != code && error->db_error != DB_E_OTHER)
        error++;
    return error;
}

int respond_store_error(struct request *req, int code, const char *what)
{
    if (what && (code == DB_E_NOT_FOUND || code == DB_E_INVALID)) /* an id that is not a UUID cannot exist */
        return respond_error(req, 404, "not_found", "There is no such %s.", what);
    const struct store_error *error = find(code);
    if (error->status == 500)
        log_error("request failed in the store", "s:component", "http", "s:reqId", req->id, "s:what", what, "s:error",
                  db_error_name(code));
    req->retry_after = error->retry_after;
    size_t all = strlen(error->message), end = strlen(NOTHING_CHANGED);
    if (req->kept && all > end && strcmp(error->message + all - end, NOTHING_CHANGED) == 0)
        return respond_error(req, error->status, error->code, "%.*s" PART_DONE, (int)(all - end), error->message);
    return respond_error(req, error->status, error->code, "%s", error->message);
}
