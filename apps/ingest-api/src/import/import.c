/* SPDX-License-Identifier: Apache-2.0 */
#include "import/import.h"

#include "base/clock.h"
#include "base/owner.h"
#include "base/text.h"
#include "data/imports.h"
#include "import/running.h"
#include "queue/queue.h"

#include <stdlib.h>
#include <string.h>

#define SLICE_NS UINT64_C(20000000) /* no batch is begun after that; others wait for the writer meanwhile */

struct batch {
    struct arena arena;
    size_t count;
    struct prospect_input rows[IMPORT_BATCH];
    struct prospect_upsert results[IMPORT_BATCH];
    char payload[sizeof("{\"prospects\":[]}") + IMPORT_BATCH * sizeof("\"00000000-0000-0000-0000-000000000000\",")];
};

struct import {
    struct import_request request;
    struct import_rows *rows;
    struct batch *batch;
    char id[37]; /* "": all of it is one transaction */
    unsigned slices;
    bool ended;
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

/* The batch's rows, and with them what takes them back. */
static int upsert_slice(struct db *db, const struct import *import)
{
    const char *organisation = import->request.organisation_id;
    struct batch *batch = import->batch;
    struct text undo;
    text_init_growing(&undo, 64 * batch->count);
    int rc = imports_before(db, organisation, batch->rows, batch->count, &undo);
    if (rc == DB_OK)
        rc = prospects_upsert(db, organisation, batch->rows, batch->count, batch->results);
    if (rc == DB_OK)
        rc = imports_keep(db, organisation, import->id, import->slices, batch->results, batch->count, &undo);
    free(undo.data);
    return rc;
}

static int flush(struct db *db, struct import *import, struct import_result *result)
{
    const struct import_request *request = &import->request;
    struct batch *batch = import->batch;
    if (batch->count == 0)
        return IMPORT_OK;
    int rc = import->id[0] ? upsert_slice(db, import)
                           : prospects_upsert(db, request->organisation_id, batch->rows, batch->count, batch->results);
    if (rc < 0)
        return rc;
    import->slices++;
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

/* The next batch of rows. @return IMPORT_OK with import->ended at the end, or what is wrong. */
static int read_batch(struct import *import, struct import_result *result, struct import_fault *fault)
{
    struct batch *batch = import->batch;
    int rc = IMPORT_OK;

    while (rc == IMPORT_OK && batch->count < IMPORT_BATCH) {
        struct import_error error;
        switch (import_rows_next(import->rows, &batch->arena, &batch->rows[batch->count], &error, fault)) {
        case IMPORT_ROWS_ROW:
            batch->count++;
            break;
        case IMPORT_ROWS_REJECTED:
            rc = result ? list_error(result, &error) : IMPORT_OK;
            break;
        case IMPORT_ROWS_END:
            import->ended = true;
            return IMPORT_OK;
        case IMPORT_ROWS_E_FAULT:
            return IMPORT_FAULT;
        case IMPORT_ROWS_E_NOMEM:
            return IMPORT_NO_MEMORY;
        }
    }
    return rc;
}

static int rewind_rows(struct import *import, struct import_fault *fault)
{
    import_rows_close(import->rows);
    import->rows = NULL;
    import->ended = false;
    import->batch->count = 0;
    arena_reset(&import->batch->arena);
    int rc =
        import_rows_open(&import->rows, import->request.format, import->request.body, import->request.length, fault);
    return rc == 0 ? IMPORT_OK : rc == IMPORT_ROWS_E_FAULT ? IMPORT_FAULT : IMPORT_NO_MEMORY;
}

int import_open(struct import **out, const struct import_request *request, struct import_result *result,
                struct import_fault *fault)
{
    struct import *import = calloc(1, sizeof(*import));

    memset(result, 0, sizeof(*result));
    result->errors = json_array();
    *out = import;
    if (import)
        import->batch = malloc(sizeof(*import->batch)); /* not cleared: of a few rows most of it is never touched */
    if (!import || !import->batch || !result->errors)
        return IMPORT_NO_MEMORY;
    import->request = *request;
    import->batch->arena = (struct arena){0};
    return rewind_rows(import, fault);
}

void import_close(struct import *import)
{
    if (!import)
        return;
    if (import->id[0])
        running_remove(import->id);
    if (import->batch)
        arena_free(&import->batch->arena);
    free(import->batch);
    import_rows_close(import->rows);
    free(import);
}

int import_check(struct import *import, struct import_fault *fault)
{
    int rc = IMPORT_OK;

    while (rc == IMPORT_OK && !import->ended) {
        import->batch->count = 0;
        arena_reset(&import->batch->arena);
        rc = read_batch(import, NULL, fault);
    }
    return rc == IMPORT_OK ? rewind_rows(import, fault) : rc;
}

static int next_batch(struct db *db, struct import *import, struct import_result *result, struct import_fault *fault)
{
    int rc = read_batch(import, result, fault);

    if (rc == IMPORT_OK)
        rc = flush(db, import, result);
    if (rc == IMPORT_OK && !import->ended && import->request.passed)
        import->request.passed(import->request.passed_arg, import_rows_position(import->rows));
    return rc;
}

/* @return IMPORT_OK, with import->id, or a db_error */
static int begin_slices(struct db *db, struct import *import)
{
    char owner[OWNER_SIZE];

    if (import->id[0])
        return IMPORT_OK;
    owner_self(owner);
    int rc = imports_begin(db, import->request.organisation_id, owner, import->id);
    if (rc == DB_OK && !running_add(import->id))
        rc = IMPORT_NO_MEMORY;
    return rc;
}

int import_slice(struct db *db, struct import *import, bool *done, struct import_result *result,
                 struct import_fault *fault)
{
    uint64_t start = clock_monotonic_ns();
    int rc = begin_slices(db, import);

    while (rc == IMPORT_OK && !import->ended && clock_monotonic_ns() - start < SLICE_NS)
        rc = next_batch(db, import, result, fault);
    *done = rc == IMPORT_OK && import->ended;
    return *done ? imports_end(db, import->request.organisation_id, import->id) : rc;
}

int import_run(struct db *db, const struct import_request *request, struct import_result *result,
               struct import_fault *fault)
{
    struct import *import;
    int rc = import_open(&import, request, result, fault);

    while (rc == IMPORT_OK && !import->ended)
        rc = next_batch(db, import, result, fault);
    import_close(import);
    return rc;
}
