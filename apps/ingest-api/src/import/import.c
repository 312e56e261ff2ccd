/* SPDX-License-Identifier: Apache-2.0 */
#include "import/import.h"

#include "base/clock.h"
#include "base/email_address.h"
#include "base/owner.h"
#include "base/text.h"
#include "data/imports.h"
#include "data/prospects_known.h"
#include "import/address_set.h"
#include "import/alone.h"
#include "import/running.h"
#include "queue/queue.h"

#include <stdlib.h>
#include <string.h>

#define SLICE_NS UINT64_C(20000000) /* then a slice begins no further batch: other writers get their turn */

struct batch {
    struct arena arena;
    size_t count;
    const char *up_to; /* where the body's next row begins, for progress.passed() */
    struct text images;
    struct prospects_upserting call;
    struct prospect_input rows[IMPORT_BATCH];
    struct prospect_upsert results[IMPORT_BATCH];
    char payload[sizeof("{\"prospects\":[]}") + IMPORT_BATCH * sizeof("\"00000000-0000-0000-0000-000000000000\",")];
};

struct import {
    struct import_request request;
    struct import_rows *rows;
    struct batch *batch; /* the one being filled */
    struct batch *other; /* in slices: the one on which the database is working */
    char id[37];         /* in crm.imports; "": the import is one transaction */
    unsigned slices;
    bool ended, out_of_memory;
    struct address_set seen;      /* dry run: addresses of earlier rows */
    struct import_result *result; /* list of dropped values; NULL while the body is only checked */
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
    memcpy(to - 1, "]}", sizeof("]}")); /* overwrites the last comma; a batch is never empty here */
}

static void clear_batch(struct batch *batch)
{
    batch->count = 0;
    arena_reset(&batch->arena);
}

static int begin_batch(struct db *db, const struct import *import, struct batch *batch)
{
    batch->call.organisation_id = import->request.organisation_id;
    batch->call.rows = batch->rows;
    batch->call.n = batch->count;
    batch->call.results = batch->results;
    batch->call.images = import->id[0] ? &batch->images : NULL;
    batch->images.length = 0;
    return batch->count > 0 ? prospects_upsert_begin(db, &batch->call) : IMPORT_OK;
}

/* Wait until the batch's rows are written, and write their undo record and their job. */
static int end_batch(struct db *db, struct import *import, struct batch *batch, struct import_result *result)
{
    const struct import_request *request = &import->request;
    if (batch->count == 0)
        return IMPORT_OK;
    int rc = prospects_upsert_end(db, &batch->call);
    if (rc == DB_OK && import->id[0])
        rc = imports_keep(db, request->organisation_id, import->id, import->slices++, batch->results, batch->count,
                          &batch->images);
    if (rc < 0)
        return rc;
    write_payload(batch);
    rc = queue_publish_later(db, QUEUE_PROSPECT_VALIDATE, request->organisation_id, request->request_id, batch->payload,
                             request->validation_delay_ms, NULL);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < batch->count; i++) {
        result->imported += batch->results[i].inserted;
        result->updated += !batch->results[i].inserted;
    }
    result->jobs++;
    clear_batch(batch);
    return IMPORT_OK;
}

/* Append to a list that is cut at IMPORT_ERRORS_MAX. */
static int list(json_t *list, bool *truncated, const struct import_error *error)
{
    if (json_array_size(list) >= IMPORT_ERRORS_MAX) {
        *truncated = true;
        return IMPORT_OK;
    }
    json_t *entry = json_pack("{s:I, s:o, s:o, s:s?, s:s}", "line", (json_int_t)error->line, "column",
                              error->column ? json_integer((json_int_t)error->column) : json_null(), "index",
                              error->index >= 0 ? json_integer(error->index) : json_null(), "field",
                              error->field[0] ? error->field : NULL, "reason", error->reason);
    return entry && json_array_append_new(list, entry) == 0 ? IMPORT_OK : IMPORT_NO_MEMORY;
}

static int list_error(struct import_result *result, const struct import_error *error)
{
    result->rejected++;
    return list(result->errors, &result->errors_truncated, error);
}

static void note(void *arg, const struct import_error *left_out)
{
    struct import *import = arg;

    if (import->result && list(import->result->warnings, &import->result->warnings_truncated, left_out) != IMPORT_OK)
        import->out_of_memory = true;
}

/* Read the next batch of rows. @return IMPORT_OK (import->ended: it is the last), or the error. */
static int read_batch(struct import *import, struct import_result *result, struct import_fault *fault)
{
    struct batch *batch = import->batch;
    int rc = IMPORT_OK;

    import->result = result;
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
        if (import->out_of_memory)
            return IMPORT_NO_MEMORY;
    }
    return rc;
}

/* Where the next batch begins; NULL at the end. Nothing before it will be read in this pass. */
static const char *position(const struct import *import)
{
    return import->ended ? NULL : import_rows_position(import->rows);
}

static void pass(const struct import *import, const char *up_to)
{
    const struct import_progress *progress = &import->request.source.progress;
    if (up_to && progress->passed)
        progress->passed(progress->arg, up_to);
}

static int rewind_rows(struct import *import, struct import_result *result, struct import_fault *fault)
{
    import_rows_close(import->rows);
    import->rows = NULL;
    import->ended = false;
    clear_batch(import->batch);
    int rc = import_rows_open(&import->rows, &import->request.source, fault);
    if (rc < 0)
        return rc == IMPORT_ROWS_E_FAULT ? IMPORT_FAULT : IMPORT_NO_MEMORY;
    import->request.source.charset = import_rows_charset(import->rows); /* so that the next pass need not detect it */
    if (!result->read)
        result->read = import_rows_describe(import->rows);
    return result->read ? IMPORT_OK : IMPORT_NO_MEMORY;
}

void import_result_clear(struct import_result *result)
{
    json_decref(result->errors);
    json_decref(result->warnings);
    json_decref(result->read);
    result->errors = result->warnings = result->read = NULL;
}

static struct batch *batch_new(unsigned number)
{
    struct batch *batch = malloc(sizeof(*batch)); /* malloc, because a small import never touches most of it */
    if (!batch)
        return NULL;
    batch->arena = (struct arena){0};
    batch->count = 0;
    batch->call = (struct prospects_upserting){.number = number};
    text_init_growing(&batch->images, 64);
    return batch;
}

static void batch_free(struct batch *batch)
{
    if (!batch)
        return;
    arena_free(&batch->arena);
    free(batch->images.data);
    prospects_upsert_free(&batch->call);
    free(batch);
}

int import_open(struct import **out, const struct import_request *request, struct import_result *result)
{
    struct import *import = calloc(1, sizeof(*import));

    memset(result, 0, sizeof(*result));
    result->errors = json_array();
    result->warnings = json_array();
    *out = import;
    if (import)
        import->batch = batch_new(0);
    if (!import || !import->batch || !result->errors || !result->warnings)
        return IMPORT_NO_MEMORY;
    import->request = *request;
    import->request.source.note = note;
    import->request.source.note_arg = import;
    return IMPORT_OK;
}

const char *import_id(const struct import *import)
{
    return import->id;
}

void import_close(struct import *import)
{
    if (!import)
        return;
    if (import->id[0])
        running_remove(import->id);
    batch_free(import->batch);
    batch_free(import->other);
    import_rows_close(import->rows);
    address_set_free(&import->seen);
    free(import);
}

int import_check(struct import *import, struct import_result *result, struct import_fault *fault)
{
    int rc = rewind_rows(import, result, fault);

    while (rc == IMPORT_OK && !import->ended) {
        clear_batch(import->batch);
        rc = read_batch(import, NULL, fault);
        pass(import, rc == IMPORT_OK ? position(import) : NULL);
    }
    return rc == IMPORT_OK ? rewind_rows(import, result, fault) : rc;
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

/* Make sure that import->batch has the next rows. */
static int fill(struct import *import, struct import_result *result, struct import_fault *fault)
{
    struct batch *batch = import->batch;
    if (batch->count > 0 || import->ended)
        return IMPORT_OK;
    int rc = read_batch(import, result, fault);
    batch->up_to = rc == IMPORT_OK ? position(import) : NULL;
    return rc;
}

/* End the other batch. The body before its end is no longer needed. */
static int land(struct db *db, struct import *import, struct import_result *result)
{
    int rc = end_batch(db, import, import->other, result);
    pass(import, rc == IMPORT_OK ? import->other->up_to : NULL);
    return rc;
}

static void swap(struct import *import)
{
    struct batch *filled = import->batch;
    import->batch = import->other;
    import->other = filled;
}

/*
 * A batch is read and sent while the database works on the one before. If the slice's time is over when a batch has
 * been read, it becomes the first batch of the next slice.
 */
static int run_slice(struct db *db, struct import *import, struct import_result *result, struct import_fault *fault)
{
    uint64_t start = clock_monotonic_ns();
    bool under_way = false, more = true;
    int rc = IMPORT_OK;
    while (rc == IMPORT_OK && more) {
        rc = fill(import, result, fault);
        more = rc == IMPORT_OK && import->batch->count > 0 && clock_monotonic_ns() - start < SLICE_NS;
        if (more)
            rc = begin_batch(db, import, import->batch);
        if (rc == IMPORT_OK && under_way)
            rc = land(db, import, result);
        under_way = more;
        if (more)
            swap(import);
    }
    return rc;
}

int import_slice(struct db *db, struct import *import, bool *done, struct import_result *result,
                 struct import_fault *fault)
{
    if (!import->other && !(import->other = batch_new(1)))
        return IMPORT_NO_MEMORY;
    int rc = begin_slices(db, import);
    if (rc == IMPORT_OK)
        rc = run_slice(db, import, result, fault);
    if (rc != IMPORT_OK) { /* free them here: statements in progress belong to this connection and this thread */
        prospects_upsert_free(&import->batch->call);
        prospects_upsert_free(&import->other->call);
    }
    *done = rc == IMPORT_OK && import->ended && import->batch->count == 0;
    return *done ? imports_end(db, import->request.organisation_id, import->id) : rc;
}

/* ---- dry run ---- */

static void add_known(void *arg, const char *email, size_t length)
{
    struct address_set *known = arg;
    if (!address_set_add(known, email_address_hash(email, length)))
        address_set_free(known);
}

/* Count the batch of a dry run: a row is an update if the store or an earlier row has its address. */
static int count_batch(struct db *db, struct import *import, struct import_result *result)
{
    struct batch *batch = import->batch;
    struct address_set known = {.size = 0};
    int rc = prospects_known(db, import->request.organisation_id, batch->rows, batch->count, add_known, &known);

    for (size_t i = 0; rc == IMPORT_OK && i < batch->count; i++) {
        const struct db_text *address = &batch->rows[i].field[PROSPECT_EMAIL];
        uint64_t hash = email_address_hash(address->data, address->length);
        bool old = address_set_has(&import->seen, hash) || address_set_has(&known, hash);
        result->updated += old;
        result->imported += !old;
        if (!address_set_add(&import->seen, hash))
            rc = IMPORT_NO_MEMORY;
    }
    address_set_free(&known);
    clear_batch(batch);
    return rc;
}

int import_dry_slice(struct db *db, struct import *import, bool *done, struct import_result *result,
                     struct import_fault *fault)
{
    uint64_t start = clock_monotonic_ns();
    int rc = import->rows ? IMPORT_OK : rewind_rows(import, result, fault);

    while (rc == IMPORT_OK && !import->ended && clock_monotonic_ns() - start < SLICE_NS) {
        rc = read_batch(import, result, fault);
        if (rc == IMPORT_OK)
            rc = count_batch(db, import, result);
        pass(import, rc == IMPORT_OK ? position(import) : NULL);
    }
    *done = rc == IMPORT_OK && import->ended;
    return rc;
}

static bool is_alone(const struct db *db, const struct import *import)
{
    return import->request.before_commit && import->ended && import->batch->count == 1 &&
           alone_possible(db, &import->request, import->batch->rows);
}

static int run_alone(struct db *db, const struct import *import, struct import_result *result)
{
    const struct import_request *request = &import->request;
    bool inserted = true;
    result->imported = result->jobs = 1;
    int rc = request->before_commit(request->before_commit_arg);
    if (rc == IMPORT_OK)
        rc = alone_import(db, request, import->batch->rows, &inserted);
    result->imported = inserted;
    result->updated = !inserted;
    result->committed = rc == IMPORT_OK;
    return rc;
}

int import_run(struct db *db, const struct import_request *request, struct import_result *result,
               struct import_fault *fault)
{
    struct import *import;
    int rc = import_open(&import, request, result);

    if (rc == IMPORT_OK)
        rc = rewind_rows(import, result, fault);
    while (rc == IMPORT_OK && !import->ended) {
        rc = read_batch(import, result, fault);
        if (rc == IMPORT_OK && result->jobs == 0 && is_alone(db, import)) {
            rc = run_alone(db, import, result);
            break;
        }
        if (rc == IMPORT_OK)
            rc = begin_batch(db, import, import->batch);
        if (rc == IMPORT_OK)
            rc = end_batch(db, import, import->batch, result);
        pass(import, rc == IMPORT_OK ? position(import) : NULL);
    }
    import_close(import);
    return rc;
}
