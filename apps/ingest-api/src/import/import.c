/* SPDX-License-Identifier: Apache-2.0 */
#include "import/import.h"
#include "queue/queue.h"

#include <stdlib.h>
#include <string.h>

struct batch {
    struct arena arena;
    size_t count;
    struct prospect_input rows[IMPORT_BATCH];
    struct prospect_upsert results[IMPORT_BATCH];
    char payload[sizeof("{\"prospects\":[]}") + IMPORT_BATCH * sizeof("\"00000000-0000-0000-0000-000000000000\",")];
};

/* The ids of the batch as the payload of a validation job. */
static void write_payload(struct batch *batch)
{
    char *to = stpcpy(batch->payload, "{\"prospects\":[");

    for (size_t i = 0; i < batch->count; i++) {
        *to++ = '"';
        to = stpcpy(to, batch->results[i].id);
        *to++ = '"';
        *to++ = ',';
    }
    memcpy(to - 1, "]}", sizeof("]}")); /* over the last comma; a batch is never empty here */
}

static int flush(struct db *db, const struct import_request *request, struct batch *batch, struct import_result *result)
{
    if (batch->count == 0)
        return IMPORT_OK;
    int rc = prospects_upsert(db, request->organisation_id, batch->rows, batch->count, batch->results);
    if (rc < 0)
        return rc;
    write_payload(batch);
    rc = queue_publish_later(db, QUEUE_PROSPECT_VALIDATE, request->organisation_id, request->request_id, batch->payload,
                             request->validation_delay_ms);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < batch->count; i++) {
        result->imported += batch->results[i].inserted;
        result->updated += !batch->results[i].inserted;
    }
    result->jobs++;
    batch->count = 0;
    arena_reset(&batch->arena);
    return IMPORT_OK;
}

static int list_error(struct import_result *result, const struct import_error *error)
{
    result->rejected++;
    if (json_array_size(result->errors) >= IMPORT_ERRORS_MAX) {
        result->errors_truncated = true;
        return IMPORT_OK;
    }
    json_t *entry = json_pack("{s:I, s:s?, s:s}", "line", (json_int_t)error->line, "field",
                              error->field[0] ? error->field : NULL, "reason", error->reason);
    return entry && json_array_append_new(result->errors, entry) == 0 ? IMPORT_OK : IMPORT_NO_MEMORY;
}

static int run(struct db *db, const struct import_request *request, struct import_rows *rows, struct batch *batch,
               struct import_result *result, struct import_fault *fault)
{
    int rc = IMPORT_OK;

    while (rc == IMPORT_OK) {
        struct import_error error;
        switch (import_rows_next(rows, &batch->arena, &batch->rows[batch->count], &error, fault)) {
        case IMPORT_ROWS_ROW:
            if (++batch->count < IMPORT_BATCH)
                break;
            rc = flush(db, request, batch, result);
            if (rc == IMPORT_OK && request->passed)
                request->passed(request->passed_arg, import_rows_position(rows));
            break;
        case IMPORT_ROWS_REJECTED:
            rc = list_error(result, &error);
            break;
        case IMPORT_ROWS_END:
            return flush(db, request, batch, result);
        case IMPORT_ROWS_E_FAULT:
            return IMPORT_FAULT;
        case IMPORT_ROWS_E_NOMEM:
            return IMPORT_NO_MEMORY;
        }
    }
    return rc;
}

int import_run(struct db *db, const struct import_request *request, struct import_result *result,
               struct import_fault *fault)
{
    struct import_rows *rows;

    memset(result, 0, sizeof(*result));
    int rc = import_rows_open(&rows, request->format, request->body, request->length, fault);
    if (rc < 0)
        return rc == IMPORT_ROWS_E_FAULT ? IMPORT_FAULT : IMPORT_NO_MEMORY;
    struct batch *batch = malloc(sizeof(*batch)); /* not cleared: of a few rows most of it is never touched */
    result->errors = json_array();
    rc = IMPORT_NO_MEMORY;
    if (batch && result->errors) {
        batch->arena = (struct arena){0};
        batch->count = 0;
        rc = run(db, request, rows, batch, result, fault);
        arena_free(&batch->arena);
    }
    free(batch);
    import_rows_close(rows);
    return rc;
}
