/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/import.h
 * The import of prospects: rows in, upserts and validation jobs out. If the store fails nothing is imported, while a bad row does not
 * affect the others. A small one is one transaction (import_run). A large one is checked first, without any, and then done
 * in slices; their undo records are stored with them (data/imports.h), until the last slice has been committed.
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
    struct import_source source;
    int64_t validation_delay_ms; /**< how long the rows may settle before they are validated */
    /** NULL, or called by import_run() before its last statement, where that can be its commit as well (import/alone.h): the result is
     *  that of a row that is new, and only `imported` and `updated` may yet change places. Not IMPORT_OK: nothing is done. */
    int (*before_commit)(void *arg);
    void *before_commit_arg;
};

struct import_result {
    uint64_t imported; /**< new rows */
    uint64_t updated;  /**< rows with a known address, including addresses from earlier in the same body */
    uint64_t rejected;
    json_t *
        errors; /**< array of {line, column, index, field, reason}; a new reference, also after a failure; may be NULL then */
    json_t *warnings; /**< the same for dropped values of imported rows */
    bool errors_truncated, warnings_truncated;
    json_t *read;   /**< how the body was read: import_rows_describe(); as `errors` */
    unsigned jobs;  /**< validation jobs enqueued; for queue_published() after the commit */
    bool committed; /**< after before_commit(): there is nothing that can still fail */
};

/** Free the result's contents; it may be zero. */
void import_result_clear(struct import_result *result);

/** Beside the codes of db.h in one int, and equal to none of them. */
enum import_status { IMPORT_OK = 0, IMPORT_FAULT = 100, IMPORT_NO_MEMORY };

struct import;

/** Begin one that is done in slices. The body stays the caller's. @return IMPORT_OK or IMPORT_NO_MEMORY; close it in any case. */
int import_open(struct import **out, const struct import_request *request, struct import_result *result);
/** Read it all and check the body as a whole. Needs no database. @return IMPORT_OK, IMPORT_FAULT or IMPORT_NO_MEMORY */
int import_check(struct import *import, struct import_result *result, struct import_fault *fault);
/**
 * The next slice, in its own write transaction. @param done it was the last: once it is committed, the import is complete.
 * @return as import_run(). After a failure, also of the commit, the import is rolled back some time after import_close().
 */
int import_slice(struct db *db, struct import *import, bool *done, struct import_result *result,
                 struct import_fault *fault);
/**
 * The next slice of a dry run, in a read transaction: all of the result except `jobs`, and nothing is written.
 * An error of the whole body may be found after the first slices. @return as import_slice()
 */
int import_dry_slice(struct db *db, struct import *import, bool *done, struct import_result *result,
                     struct import_fault *fault);
/** Its id in crm.imports, after the first slice; "" before. */
const char *import_id(const struct import *import);
/** NULL is allowed. */
void import_close(struct import *import);

/**
 * Run the import in the caller's transaction, which may have been committed then: see before_commit.
 * @return IMPORT_OK; IMPORT_FAULT: the body as a whole is at fault (400); IMPORT_NO_MEMORY; or a db_error. Unless
 *         IMPORT_OK the transaction must be rolled back.
 */
int import_run(struct db *db, const struct import_request *request, struct import_result *result,
               struct import_fault *fault);

#endif
