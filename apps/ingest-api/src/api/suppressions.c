/* SPDX-License-Identifier: Apache-2.0 */
#include "api/suppressions.h"

#include "api/answer.h"
#include "api/list.h"
#include "base/ascii.h"
#include "base/email_address.h"
#include "base/uuid.h"
#include "data/suppressions.h"
#include "http/router.h"
#include "http/store_error.h"
#include "import/address.h"
#include "metrics/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *suppression_json(const struct suppression *row)
{
    return json_pack("{s:s, s:s?, s:s, s:o}", "id", row->id, "email", row->address, "reason", row->reason, "created_at",
                     answer_time(row->created_ms));
}

/* ---- GET ---- */

static int list_prepare(struct request *req)
{
    const char *email = request_query(req, "email");
    struct list *list = list_new(req);

    if (!list)
        return answer_no_memory(req);
    if (email && !email_address_valid(email, strlen(email)))
        return respond_error(req, 400, "invalid_parameter", "email must be an e-mail address.");
    (void)snprintf(list->page.scope, sizeof(list->page.scope), "suppressions|%s", email ? email : "");
    return page_read(req, &list->page);
}

static int list_row(void *list, const struct suppression *row)
{
    return list_add(list, row->id, suppression_json(row));
}

static int list_execute(struct request *req, struct db *db)
{
    const char *email = request_query(req, "email");
    struct list *list = req->state;
    bool more = false;
    int rc =
        email ? suppressions_find(db, req->organisation_id, email, list_row, list)
              : suppressions_page(db, req->organisation_id, list->page.after, list->page.limit, list_row, list, &more);

    return list_answer(req, list, email && rc == DB_E_NOT_FOUND ? DB_OK : rc, "suppression", more);
}

/* ---- POST ---- */

struct add_state {
    char email[EMAIL_ADDRESS_MAX + 1];
    bool fresh;
    json_t *row;
};

static int add_prepare(struct request *req)
{
    struct add_state *state = request_state(req, sizeof(*state), free);
    json_t *body;
    if (!state)
        return answer_no_memory(req);
    int rc = body_json(req, &body);
    if (rc != 0)
        return rc;
    const char *email = json_string_value(json_object_get(body, "email"));
    struct db_text address = {email, email ? strlen(email) : 0};
    struct arena arena = {0};
    bool good = email && json_object_size(body) == 1;
    /* an import unwraps addresses too, and the hashes must be equal */
    bool memory = !good || address_unwrap(&address, &arena);
    good = good && memory && email_address_valid(address.data, address.length);
    for (size_t i = 0; good && i < address.length; i++)
        state->email[i] = ascii_lower(address.data[i]);
    arena_free(&arena);
    json_decref(body);
    if (!memory)
        return answer_no_memory(req);
    return good ? 0
                : respond_error(req, 422, "invalid_fields", "email: must be an e-mail address, and the only member.");
}

static int keep_row(void *arg, const struct suppression *row)
{
    ((struct add_state *)arg)->row = suppression_json(row);
    return 0;
}

static void add_committed(struct request *req)
{
    const struct add_state *state = req->state;
    if (state->fresh)
        metrics_suppression(SUPPRESSED_BY_API, 1);
}

static int add_execute(struct request *req, struct db *db)
{
    struct add_state *state = req->state;
    int rc = suppressions_add(db, req->organisation_id, state->email, SUPPRESSED_BY_API, &state->fresh);
    if (rc == DB_OK)
        rc = suppressions_find(db, req->organisation_id, state->email, keep_row, state);
    if (rc < 0)
        return respond_store_error(req, rc, "organisation");
    if (!state->row)
        return answer_no_memory(req);
    req->committed = add_committed;
    return respond_json(req, state->fresh ? 201 : 200, state->row);
}

/* ---- DELETE ---- */

static int remove_execute(struct request *req, struct db *db)
{
    unsigned char uuid[16];
    int rc = uuid_parse(req->params[0], uuid) ? suppressions_remove(db, req->organisation_id, req->params[0])
                                              : DB_E_NOT_FOUND;
    return rc < 0 ? respond_store_error(req, rc, "suppression") : answer_nothing(req);
}

#define SUPPRESSIONS "/api/v1/suppressions"

static const char *const list_parameters[] = {"email", "limit", "cursor", NULL};

static struct route routes[] = {
    {.method = PROMC_HTTP_GET,
     .path = SUPPRESSIONS,
     .access = ACCESS_ORGANISATION,
     .store = STORE_READ,
     .parameters = list_parameters,
     .prepare = list_prepare,
     .execute = list_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_POST,
     .path = SUPPRESSIONS,
     .access = ACCESS_ORGANISATION,
     .store = STORE_WRITE,
     .body = BODY_JSON,
     .prepare = add_prepare,
     .execute = add_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_DELETE,
     .path = SUPPRESSIONS "/{id}",
     .access = ACCESS_ORGANISATION,
     .store = STORE_WRITE,
     .execute = remove_execute,
     .instrumented = true},
    {.path = NULL},
};

struct route *routes_suppressions(void)
{
    return routes;
}
