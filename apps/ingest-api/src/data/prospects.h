/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/prospects.h
 * Prospects (crm.prospects), unique by organisation and lower-cased e-mail address.
 *
 * Life: imported → validated | invalid; validated → researched. Ids are UUIDv7, so their order is the order of creation.
 * Each function runs inside the caller's transaction, acts on one organisation only, and returns a code of db.h.
 */
#ifndef INGEST_DATA_PROSPECTS_H
#define INGEST_DATA_PROSPECTS_H

#include "base/text.h"
#include "db/db.h"
#include "model/states.h"

/** The text fields; their names (CSV columns, JSON keys, template variables) are prospect_field_names. */
enum prospect_field {
    PROSPECT_EMAIL,
    PROSPECT_FIRST_NAME,
    PROSPECT_LAST_NAME,
    PROSPECT_COMPANY,
    PROSPECT_TITLE,
    PROSPECT_PHONE,
    PROSPECT_WEBSITE,
    PROSPECT_COUNTRY,
    PROSPECT_FIELDS
};
extern const char *const prospect_field_names[PROSPECT_FIELDS];

#define PROSPECT_EMAIL_MAX 320 /* bytes */
#define PROSPECTS_PAGE_MAX 500

/** A row to import. Absent fields have data NULL. The e-mail address is lower-cased (ASCII) by the store. */
struct prospect_input {
    struct db_text field[PROSPECT_FIELDS];
    struct db_text custom; /**< custom fields: the text of a JSON object, or absent */
    bool clears;           /**< an empty text clears the field, and so does a null in `custom` */
};

struct prospect_upsert {
    char id[37];
    bool inserted; /**< false: the address was known, and its row has been updated */
    int64_t at_ms; /**< the row's updated_at */
};

/**
 * Insert new rows, update known ones: a field that is present replaces the old value, an absent one leaves it; so do
 * the members of `custom`. An invalid prospect that is updated becomes imported again; other states stay. The same
 * address twice in `rows`: the second updates the first.
 * @param results n of them, or NULL.
 * @return DB_OK, or an error, after which the transaction should be rolled back (some rows may have been applied).
 */
int prospects_upsert(struct db *db, const char *organisation_id, const struct prospect_input *rows, size_t n,
                     struct prospect_upsert *results);

/**
 * prospects_upsert() in two halves: between them PostgreSQL works, while the caller prepares the next rows. Two calls
 * may be in progress on a connection, with different numbers; end them in the order in which they were begun. Zero the
 * struct, fill in the public members, begin and end it any number of times with other rows, and free it. After an error
 * it must be freed, before the transaction ends.
 */
struct prospects_arrays;
struct prospects_upserting {
    const char *organisation_id;
    const struct prospect_input *rows; /**< must stay valid until prospects_upsert_end() */
    size_t n;
    struct prospect_upsert *results; /**< room for n, filled in by prospects_upsert_end() */
    struct text *images;             /**< growing: the old values of each known row (data/prospect_image.h); or NULL */
    unsigned number;                 /**< 0 or 1 */
    struct prospects_arrays *arrays; /**< private */
};
int prospects_upsert_begin(struct db *db, struct prospects_upserting *call);
int prospects_upsert_end(struct db *db, struct prospects_upserting *call);
void prospects_upsert_free(struct prospects_upserting *call);

/** Insert a prospect. @return DB_OK, DB_E_CONFLICT: the address is known; or an error. */
int prospects_create(struct db *db, const char *organisation_id, const struct prospect_input *row, char id[37]);
/**
 * Change a prospect as an import of the row would. If the row has another address, that is changed too, and the
 * status becomes imported again.
 * @return DB_OK, DB_E_NOT_FOUND, DB_E_CONFLICT: another prospect has the address (roll the
 * transaction back); or an error.
 */
int prospects_change(struct db *db, const char *organisation_id, const char *id, const struct prospect_input *row);

/** A stored row. Every pointer is valid during the callback only. Absent fields are NULL. */
struct prospect {
    const char *id;
    const char *field[PROSPECT_FIELDS];
    const char *custom; /**< JSON object text or NULL */
    enum prospect_status status;
    const char *status_reason; /**< why it is invalid, or NULL */
    const char *research;      /**< JSON text or NULL */
    int64_t created_ms;
    int64_t updated_ms; /**< last import; changes of the status by a job do not count */
};
/** Return non-zero to stop; prospects_page then returns what was delivered so far. */
typedef int (*prospect_fn)(void *arg, const struct prospect *prospect);

/** @return DB_OK after one call of fn, DB_E_NOT_FOUND, or an error. */
int prospects_get(struct db *db, const char *organisation_id, const char *id, prospect_fn fn, void *arg);

struct prospect_filter {
    int status;        /**< enum prospect_status, or -1 for any */
    const char *email; /**< exact, any case; NULL for any */
};

/**
 * One page in order of id.
 * @param after  id of the last row of the previous page; NULL or "" to begin.
 * @param limit  1 … PROSPECTS_PAGE_MAX (clamped).
 * @param filter NULL for all.
 * @param more   set to whether more rows follow. May be NULL.
 * @return rows delivered, or an error (DB_E_INVALID if `after` is not a UUID).
 */
int prospects_page(struct db *db, const char *organisation_id, const char *after, unsigned limit,
                   const struct prospect_filter *filter, prospect_fn fn, void *arg, bool *more);

/** The newest `max` rows, newest first. @return DB_OK or an error. */
int prospects_newest(struct db *db, const char *organisation_id, int max, prospect_fn fn, void *arg);

/** imported → validated (reason NULL) or invalid (reason). DB_E_CONFLICT if it is not imported; DB_E_NOT_FOUND. */
int prospects_set_validated(struct db *db, const char *organisation_id, const char *id, const char *invalid_reason);
/** validated → researched. DB_E_CONFLICT if it is not validated; DB_E_NOT_FOUND. */
int prospects_set_researched(struct db *db, const char *organisation_id, const char *id, const char *research_json);

/** Count the rows of each status. */
int prospects_count(struct db *db, const char *organisation_id, int64_t counts[PROSPECT_STATUSES]);

#endif
