/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/import.h
 * The import of prospects: rows in, upserts and validation jobs out. A bad row does not affect the others; but if
 * the store fails, nothing is imported. A small import is one transaction (import_run). A large one is first
 * checked without a transaction, and then done in slices, each stored with its undo record (data/imports.h) until
 * the last slice is committed.
 */
#ifndef INGEST_IMPORT_IMPORT_H
#define INGEST_IMPORT_IMPORT_H

#include "import/rows.h"

#include <jansson.h>

/** Most refused rows that are listed; all are counted. */
#define IMPORT_ERRORS_MAX 1000
/** Rows written together, and prospects in one validation job. */
#define IMPORT_BATCH 500

struct import_request {
    const char *organisation_id, *request_id;
    struct import_source source;
    int64_t validation_delay_ms; /**< delay of the validation jobs */
    /**
     * NULL, or called by import_run() before a last statement that also commits (import/alone.h). The result then
     * counts the row as new; it may still turn out to be an update, which swaps `imported` and `updated`. If it does
     * not return IMPORT_OK, nothing is stored.
     */
    int (*before_commit)(void *arg);
    void *before_commit_arg;
};

struct import_result {
    uint64_t imported; /**< new rows */
    uint64_t updated;  /**< rows with a known address, including addresses from earlier in the same body */
    uint64_t rejected;
    json_t *errors;   /**< [{line, column, index, field, reason}], a new reference; after a failure possibly NULL */
    json_t *warnings; /**< the same for dropped values of imported rows */
    bool errors_truncated, warnings_truncated;
    json_t *read;   /**< how the body was read: import_rows_describe(); as `errors` */
    unsigned jobs;  /**< validation jobs enqueued; for queue_published() after the commit */
    bool committed; /**< import_run() has committed: nothing may fail any more */
};

/** Free the result's contents; it may be zero. */
void import_result_clear(struct import_result *result);

/** Shares an int with the codes of db.h; the values differ from all of those. */
enum import_status { IMPORT_OK = 0, IMPORT_FAULT = 100, IMPORT_NO_MEMORY };

struct import;

/**
 * Begin an import in slices. The body stays the caller's.
 * @return IMPORT_OK or IMPORT_NO_MEMORY; close it in any case.
 */
int import_open(struct import **out, const struct import_request *request, struct import_result *result);
/**
 * Read the whole body and check it as a whole, without a database.
 * @return IMPORT_OK, IMPORT_FAULT or IMPORT_NO_MEMORY
 */
int import_check(struct import *import, struct import_result *result, struct import_fault *fault);
/**
 * Import the next slice, in its own write transaction. @param[out] done it was the last: its
 * commit completes the import.
 * @return as import_run(). After a failure, also of the commit, import_recover() rolls the import
 * back after import_close().
 */
int import_slice(struct db *db, struct import *import, bool *done, struct import_result *result,
                 struct import_fault *fault);
/**
 * The next slice of a dry run, in a read transaction: fills in the result except `jobs`, and writes nothing. An error
 * of the whole body may be found as late as in the last slice. @return as import_slice()
 */
int import_dry_slice(struct db *db, struct import *import, bool *done, struct import_result *result,
                     struct import_fault *fault);
/** The import's id in crm.imports, set by the first slice; "" before. */
const char *import_id(const struct import *import);
/** NULL is allowed. */
void import_close(struct import *import);

/**
 * Run the import in the caller's transaction. It may commit that transaction: see before_commit.
 * @return IMPORT_OK; IMPORT_FAULT: the body as a whole is at fault (400); IMPORT_NO_MEMORY; or a db_error. Unless
 *         IMPORT_OK the transaction must be rolled back.
 */
int import_run(struct db *db, const struct import_request *request, struct import_result *result,
               struct import_fault *fault);

#endif
