/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/import.h
 * The import of prospects: rows in, upserts and validation jobs out, all or nothing towards the store, while a bad row never
 * spoils the others. A small one is one transaction (import_run). A large one is checked first, without any, and then done
 * in slices; what takes them back goes with them (data/imports.h), until the last has been committed.
 */
#ifndef INGEST_IMPORT_IMPORT_H
#define INGEST_IMPORT_IMPORT_H

#include "import/rows.h"

#include <jansson.h>

/** Refused rows that are listed; all are counted. */
#define IMPORT_ERRORS_MAX 1000
/** Rows written together, and prospects in one validation job. */
#define IMPORT_BATCH 500

struct import_request {
    const char *organisation_id, *request_id;
    enum import_format format;
    const char *body;
    size_t length;
    int64_t validation_delay_ms; /**< how long the rows may settle before they are validated */
    /** NULL, or called after each batch: what is before `up_to` in the body is written, and read no more. */
    void (*passed)(void *arg, const char *up_to);
    void *passed_arg;
};

struct import_result {
    uint64_t imported; /**< new rows */
    uint64_t updated;  /**< rows whose address was known, also from earlier in the same body */
    uint64_t rejected;
    json_t *errors; /**< array of {line, field, reason}; a new reference, also after a failure; may be NULL then */
    bool errors_truncated;
    unsigned jobs; /**< validation jobs enqueued; for queue_published() after the commit */
};

/** Beside the codes of db.h in one int, and equal to none of them. */
enum import_status { IMPORT_OK = 0, IMPORT_FAULT = 100, IMPORT_NO_MEMORY };

struct import;

/** Begin one that is done in slices. The body stays the caller's. @return IMPORT_OK, IMPORT_FAULT or IMPORT_NO_MEMORY; close it in any case. */
int import_open(struct import **out, const struct import_request *request, struct import_result *result,
                struct import_fault *fault);
/** Read it all: whether the body as a whole is at fault. No database is needed. @return as import_open() */
int import_check(struct import *import, struct import_fault *fault);
/**
 * The next slice, in a write transaction of its own. @param done it was the last: once it is committed, all of it is there.
 * @return as import_run(). After a failure, also of the commit, what has been done is taken back some time after import_close().
 */
int import_slice(struct db *db, struct import *import, bool *done, struct import_result *result,
                 struct import_fault *fault);
/** NULL is allowed. */
void import_close(struct import *import);

/**
 * Run the import in the caller's transaction.
 * @return IMPORT_OK; IMPORT_FAULT: the body as a whole is at fault (400); IMPORT_NO_MEMORY; or a db_error. Unless
 *         IMPORT_OK the transaction must be rolled back.
 */
int import_run(struct db *db, const struct import_request *request, struct import_result *result,
               struct import_fault *fault);

#endif
