/* SPDX-License-Identifier: Apache-2.0 */
#include "http/idempotency.h"

#include "base/app.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/settings.h"
#include "base/uuid.h"
#include "data/idempotency.h"
#include "data/usage.h"
#include "db/db.h"
#include "http/head.h"
#include "http/router.h"
#include "http/store_error.h"
#include "import/running.h"
#include "metrics/metrics.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

/* A process on another machine counts as dead after this silence: a live one updates its claim with each slice. */
#define SILENT_MS (10 * 60 * 1000)

struct idempotency {
    char key[IDEMPOTENCY_KEY_MAX + 1];
    char fingerprint[IDEMPOTENCY_FINGERPRINT];
    gnutls_hash_hd_t hash;
    char claim[UUID_TEXT]; /* "": none */
};

static const promc_exposition_header replayed = {"Idempotent-Replayed", "true"};

/* ---- the key ---- */

/* A string of RFC 8941 in quotes, or without them, as many clients send it. Visible ASCII without escapes. */
static bool read_key(const char *value, char out[IDEMPOTENCY_KEY_MAX + 1])
{
    size_t length = strlen(value);
    if (length >= 2 && value[0] == '"' && value[length - 1] == '"') {
        value++;
        length -= 2;
    }
    if (length == 0 || length > IDEMPOTENCY_KEY_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        if (value[i] < 0x21 || value[i] > 0x7e || value[i] == '"' || value[i] == '\\')
            return false;
    memcpy(out, value, length);
    out[length] = '\0';
    return true;
}

/* With the NUL, so that two different lists of parts never give the same bytes. */
static void add(struct idempotency *idempotency, const char *text)
{
    (void)gnutls_hash(idempotency->hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

int idempotency_head(struct request *req)
{
    const struct route *route = req->route;
    const char *value = route->method == PROMC_HTTP_POST && route->access == ACCESS_ORGANISATION && route->execute
                            ? request_header(req, "Idempotency-Key")
                            : NULL;
    if (!value)
        return 0;
    struct idempotency *idempotency = calloc(1, sizeof(*idempotency));
    if (!idempotency || gnutls_hash_init(&idempotency->hash, GNUTLS_DIG_SHA256) != 0) {
        free(idempotency);
        req->retry_after = 1;
        return respond_error(req, 503, "no_memory", "The server has no memory for this request.");
    }
    req->idempotency = idempotency;
    if (!read_key(value, idempotency->key) || request_header_next(req, "Idempotency-Key", value))
        return respond_error(req, 400, "invalid_idempotency_key",
                             "Idempotency-Key must be one string of 1 to %d visible ASCII characters without quotes and"
                             " backslashes, in quotes or not.",
                             IDEMPOTENCY_KEY_MAX);
    add(idempotency, req->method);
    add(idempotency, req->path);
    add(idempotency, req->head->query);
    add(idempotency, req->content_type);
    return 0;
}

void idempotency_body(struct request *req, const char *data, size_t n)
{
    if (req->idempotency)
        (void)gnutls_hash(req->idempotency->hash, data, n);
}

void idempotency_whole(struct request *req)
{
    unsigned char digest[32];
    if (!req->idempotency)
        return;
    gnutls_hash_output(req->idempotency->hash, digest);
    hex_format(digest, sizeof(digest), req->idempotency->fingerprint);
}

void idempotency_free(struct idempotency *idempotency)
{
    if (!idempotency)
        return;
    if (idempotency->claim[0])
        running_remove(idempotency->claim);
    gnutls_hash_deinit(idempotency->hash, NULL);
    free(idempotency);
}

/* ---- in the store ---- */

static bool left_behind(const struct idempotency_row *row)
{
    char self[OWNER_SIZE];
    owner_self(self);
    if (row->taking_back)
        return false;
    if (strcmp(row->owner, self) == 0)
        return !running_has(row->claim);
    return owner_is_here(row->owner) ? owner_is_dead(row->owner) : clock_wall_ms() - row->at_ms > SILENT_MS;
}

static int in_progress(struct request *req)
{
    req->retry_after = 1;
    return respond_error(req, 409, "request_in_progress",
                         "A request with this Idempotency-Key is in progress or being rolled back. Try again later.");
}

static int replay(struct request *req, const struct idempotency_row *row)
{
    char *answer = strdup(row->answer ? row->answer : "");
    if (!answer) {
        req->retry_after = 1;
        return respond_error(req, 503, "no_memory", "The server has no memory for this request.");
    }
    memcpy(req->location, row->location, sizeof(req->location));
    req->fields = &replayed;
    req->field_count = 1;
    return respond_bytes(req, row->status, "application/json", answer, strlen(answer));
}

/* @return the status answered; or -1: the row is left behind by a process that died, and does not count */
static int look(struct request *req, const struct idempotency_row *row)
{
    if (strcmp(row->fingerprint, req->idempotency->fingerprint) != 0)
        return respond_error(req, 422, "idempotency_key_reused",
                             "This Idempotency-Key was used for another request: another path, query, type or body.");
    if (row->status != 0)
        return replay(req, row);
    return left_behind(row) ? -1 : in_progress(req);
}

/* May the organisation use one more key? @return 0 or the status answered */
static int has_room(struct request *req, struct db *db)
{
    unsigned max = req->app->settings->max_idempotency_keys;
    int64_t used = 0;
    if (usage_has_room(req->organisation_id, USAGE_IDEMPOTENCY_KEYS, max))
        return 0;
    int rc = usage_read(db, req->organisation_id, USAGE_IDEMPOTENCY_KEYS, &used);
    if (rc < 0)
        return respond_store_error(req, rc, "organisation");
    if (used < max)
        return 0;
    metrics_limit_refusal(LIMIT_IDEMPOTENCY_KEYS);
    req->retry_after = 60;
    return respond_error(
        req, 429, "too_many_idempotency_keys",
        "The organisation has used %lld keys within IDEMPOTENCY_TTL, and may use %u (MAX_IDEMPOTENCY_KEYS).",
        (long long)used, max);
}

int idempotency_before(struct request *req, struct db *db, bool writes)
{
    struct idempotency *own = req->idempotency;
    struct idempotency_row row;
    if (!own || own->claim[0])
        return 0;
    int rc = writes ? db_scope(db, req->organisation_id) : DB_OK;
    if (rc == DB_OK && writes)
        rc = idempotency_lock(db, req->organisation_id, own->key);
    if (rc == DB_E_BUSY)
        return in_progress(req);
    int64_t oldest = clock_wall_ms() - (int64_t)req->app->settings->idempotency_ttl_s * 1000;
    if (rc == DB_OK)
        rc = idempotency_find(db, req->organisation_id, own->key, oldest, &row);
    if (rc < 0 && rc != DB_E_NOT_FOUND)
        return respond_store_error(req, rc, "organisation");
    int status = rc == DB_OK ? look(req, &row) : -1;
    if (rc == DB_OK)
        free(row.answer);
    if (status != -1)
        return status;
    if (!writes)
        return 0;
    rc = idempotency_remove(db, req->organisation_id, own->key); /* a row that is too old, or left behind */
    return rc < 0 ? respond_store_error(req, rc, "organisation") : has_room(req, db);
}

/* The request needs more transactions: reserve its key until the last of them. */
static int claim(struct request *req, struct db *db)
{
    struct idempotency *own = req->idempotency;
    char id[UUID_TEXT];
    uuid_new_text(id);
    int rc = idempotency_claim(db, req->organisation_id, own->key, own->fingerprint, id);
    if (rc == DB_OK && !running_add(id))
        rc = DB_E_OTHER;
    if (rc == DB_OK)
        memcpy(own->claim, id, sizeof(own->claim));
    return rc;
}

int idempotency_after(struct request *req, struct db *db, bool writes, int status)
{
    struct idempotency *own = req->idempotency;
    int rc = DB_OK;
    if (!own || !writes || status >= 400)
        return status;
    if (status == 0 && req->next != REQUEST_LAST && !own->claim[0])
        rc = claim(req, db);
    else if (status != 0)
        rc = idempotency_finish(db, req->organisation_id, own->key, own->claim[0] != '\0', own->fingerprint, status,
                                req->response, req->response_length, req->location);
    if (rc == DB_OK)
        return status;
    req->next = REQUEST_LAST;
    req->location[0] = '\0';
    return respond_store_error(req, rc, NULL);
}

int idempotency_import(struct request *req, struct db *db, const char *import_id)
{
    return req->idempotency ? idempotency_set_import(db, req->organisation_id, req->idempotency->key, import_id)
                            : DB_OK;
}
