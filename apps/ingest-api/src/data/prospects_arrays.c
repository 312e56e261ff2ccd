/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The import on PostgreSQL, with one array per column.
 *
 *   begin   one statement inserts all rows except those whose address is known
 *   end     its answer says which rows were inserted. The others are read and locked, so that their images are the
 *           values that the import changes, and then changed by one statement. A statement cannot change a row twice,
 *           so if an address is repeated another statement begins there
 */
#include "data/prospects_arrays.h"

#include "base/email_address.h"
#include "base/text.h"
#include "base/uuid.h"
#include "data/page.h"
#include "data/prospect_image.h"
#include "data/prospects_internal.h"
#include "data/usage.h"
#include "db/array.h"

#include <stdlib.h>

#define COLUMN_EXPECTED 16384
#define COLUMNS (PROSPECT_FIELDS + 2) /* id, the fields, custom */

/* An address that existed before the insert, or is repeated in the rows. */
struct known {
    unsigned row;   /* index + 1 of the first row with the address; 0: a free slot */
    unsigned round; /* number of the last statement that changes it */
    bool found;
};

struct prospects_arrays {
    struct text column[COLUMNS];
    struct db_stmt *stmt; /* the INSERT that was begun */
    struct known *known;
    size_t places; /* of `known`: a power of two, twice the rows */
    unsigned round;
};

static void begin_columns(struct prospects_arrays *arrays)
{
    db_array_begin(&arrays->column[0], DB_ARRAY_UUID);
    for (int i = 1; i < COLUMNS; i++)
        db_array_begin(&arrays->column[i], DB_ARRAY_TEXT);
}

/* Bind the arrays of the columns, from column `from` on. */
static int bind_columns(struct db_stmt *stmt, int parameter, const struct prospects_arrays *arrays)
{
    for (int i = 0; i < COLUMNS; i++) {
        if (arrays->column[i].overflow)
            return DB_E_OTHER;
        db_bind_blob(stmt, parameter + i, arrays->column[i].data, arrays->column[i].length);
    }
    return DB_OK;
}

static void add_row(struct prospects_arrays *arrays, const unsigned char id[16], const char *email, size_t email_length,
                    const struct prospect_input *row)
{
    db_array_add(&arrays->column[0], id, 16);
    db_array_add(&arrays->column[1], email, email_length);
    for (int i = PROSPECT_EMAIL + 1; i < PROSPECT_FIELDS; i++)
        db_array_add(&arrays->column[1 + i], row->field[i].data, row->field[i].length);
    db_array_add(&arrays->column[COLUMNS - 1], row->custom.data, row->custom.length);
}

/* ---- begin ---- */

#define INSERT                                                                                                      \
    "INSERT INTO crm.prospects AS p (organisation_id, created_at, updated_at, id, email, first_name, last_name,"    \
    " company, title, phone, website, country, custom) SELECT $1::uuid, $2::bigint, $2::bigint, u.*"                \
    " FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[]," \
    " $11::text[], $12::text[]) AS u ON CONFLICT (organisation_id, email) DO NOTHING RETURNING p.id"

/* Two calls may be in progress, and a cached statement only once: so there are two texts. */
static const char insert[2][sizeof(INSERT)] = {INSERT, INSERT};

static struct prospects_arrays *arrays_new(void)
{
    struct prospects_arrays *arrays = calloc(1, sizeof(*arrays));
    for (int i = 0; arrays && i < COLUMNS; i++)
        text_init_growing(&arrays->column[i], COLUMN_EXPECTED);
    return arrays;
}

void prospects_arrays_free(struct prospects_arrays *arrays)
{
    if (!arrays)
        return;
    if (arrays->stmt)
        db_done(arrays->stmt);
    for (int i = 0; i < COLUMNS; i++)
        free(arrays->column[i].data);
    free(arrays->known);
    free(arrays);
}

int prospects_arrays_begin(struct db *db, struct prospects_upserting *call, int64_t now)
{
    struct prospects_arrays *arrays = call->arrays ? call->arrays : arrays_new();
    if (!arrays)
        return DB_E_OTHER;
    call->arrays = arrays;
    begin_columns(arrays);
    for (size_t i = 0; i < call->n; i++) {
        char email[PROSPECT_EMAIL_MAX];
        unsigned char id[16];
        size_t length = prospects_lower_email(&call->rows[i], email);
        if (length == 0)
            return DB_E_INVALID;
        uuid_new(id);
        uuid_format(id, call->results[i].id);
        call->results[i].inserted = false;
        add_row(arrays, id, email, length, &call->rows[i]);
    }
    int rc = prospects_lock_imports(db, call->organisation_id);
    if (rc != DB_OK)
        return rc;
    arrays->stmt = db_prepare(db, insert[call->number & 1]);
    if (!arrays->stmt)
        return db_error_code(db);
    db_bind_uuid(arrays->stmt, 1, call->organisation_id);
    db_bind_int(arrays->stmt, 2, now);
    rc = bind_columns(arrays->stmt, 3, arrays);
    return rc == DB_OK ? db_ahead(arrays->stmt) : rc;
}

/* ---- the rows that were not inserted ---- */

static bool same_email(const struct prospect_input *row, const char *email, size_t length)
{
    char other[PROSPECT_EMAIL_MAX];
    return prospects_lower_email(row, other) == length && memcmp(other, email, length) == 0;
}

/* The slot of an address, or the free slot where it belongs. */
static struct known *find_known(const struct prospects_upserting *call, const char *email, size_t length)
{
    const struct prospects_arrays *arrays = call->arrays;
    size_t at = (size_t)email_address_hash(email, length) & (arrays->places - 1);
    while (arrays->known[at].row && !same_email(&call->rows[arrays->known[at].row - 1], email, length))
        at = (at + 1) & (arrays->places - 1);
    return &arrays->known[at];
}

static struct known *known_of_row(const struct prospects_upserting *call, size_t row)
{
    char email[PROSPECT_EMAIL_MAX];
    size_t length = prospects_lower_email(&call->rows[row], email);
    return find_known(call, email, length);
}

/* Collect the addresses, each once, in `known` and as an array. */
static int collect_known(const struct prospects_upserting *call, struct text *emails)
{
    struct prospects_arrays *arrays = call->arrays;
    for (arrays->places = 64; arrays->places < 2 * call->n;)
        arrays->places *= 2;
    free(arrays->known);
    arrays->known = calloc(arrays->places, sizeof(*arrays->known));
    if (!arrays->known)
        return DB_E_OTHER;
    db_array_begin(emails, DB_ARRAY_TEXT);
    for (size_t i = 0; i < call->n; i++) {
        char email[PROSPECT_EMAIL_MAX];
        if (call->results[i].inserted)
            continue;
        size_t length = prospects_lower_email(&call->rows[i], email);
        struct known *known = find_known(call, email, length);
        if (known->row)
            continue;
        known->row = (unsigned)i + 1;
        db_array_add(emails, email, length);
    }
    return emails->overflow ? DB_E_OTHER : DB_OK;
}

/* Read and lock the known rows: ids and images. */
static int read_known(struct db *db, const struct prospects_upserting *call, const struct text *emails)
{
    int rc;
    /* LATERAL forces index lookups: without statistics PostgreSQL would compare each address with each row. */
    struct db_stmt *stmt = db_prepare(
        db,
        "SELECT p.* FROM unnest($2::text[]) AS these (address) CROSS JOIN LATERAL (SELECT id, email, " PROSPECT_IMAGE
        " FROM crm.prospects WHERE organisation_id = $1 AND email = these.address LIMIT 1 FOR UPDATE) AS p");
    db_bind_uuid(stmt, 1, call->organisation_id);
    db_bind_blob(stmt, 2, emails->data, emails->length);
    while ((rc = db_step(stmt)) == DB_ROW) {
        const char *email = db_column_text(stmt, 1);
        struct known *known = email ? find_known(call, email, db_column_length(stmt, 1)) : NULL;
        if (!known || !known->row)
            continue;
        known->found = true;
        page_copy_id(stmt, 0, call->results[known->row - 1].id);
        if (call->images)
            prospect_image_add(call->images, call->results[known->row - 1].id, stmt, 2);
    }
    db_done(stmt);
    return rc;
}

/* Change the rows whose values are in the column arrays. */
static int change(struct db *db, const struct prospects_upserting *call)
{
    struct db_stmt *stmt = db_prepare(
        db, "UPDATE crm.prospects AS p SET first_name = coalesce(u.first_name, p.first_name),"
            " last_name = coalesce(u.last_name, p.last_name), company = coalesce(u.company, p.company),"
            " title = coalesce(u.title, p.title), phone = coalesce(u.phone, p.phone),"
            " website = coalesce(u.website, p.website), country = coalesce(u.country, p.country),"
            " custom = coalesce((coalesce(p.custom, '{}')::jsonb || u.custom::jsonb)::text, p.custom), updated_at = $2,"
            " status_reason = CASE p.status WHEN 'invalid' THEN NULL ELSE p.status_reason END,"
            " status = CASE p.status WHEN 'invalid' THEN 'imported' ELSE p.status END"
            " FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],"
            " $10::text[], $11::text[], $12::text[]) AS u (id, email, first_name, last_name, company, title, phone,"
            " website, country, custom) WHERE p.organisation_id = $1 AND p.id = u.id");
    db_bind_uuid(stmt, 1, call->organisation_id);
    db_bind_int(stmt, 2, call->results[0].at_ms);
    int rc = bind_columns(stmt, 3, call->arrays);
    if (rc == DB_OK)
        rc = db_step(stmt);
    db_done(stmt);
    begin_columns(call->arrays);
    call->arrays->round++;
    return rc;
}

static int change_known(struct db *db, const struct prospects_upserting *call)
{
    struct prospects_arrays *arrays = call->arrays;
    int rc = DB_OK, waiting = 0;
    begin_columns(arrays);
    arrays->round = 1;
    for (size_t i = 0; rc == DB_OK && i < call->n; i++) {
        unsigned char id[16];
        if (call->results[i].inserted)
            continue;
        struct known *known = known_of_row(call, i);
        if (!known->found)
            return DB_E_BUSY; /* the row was deleted in the meantime */
        if (known->round == arrays->round) {
            rc = change(db, call);
            waiting = 0;
        }
        known->round = arrays->round;
        memcpy(call->results[i].id, call->results[known->row - 1].id, UUID_TEXT);
        if (rc == DB_OK && uuid_parse(call->results[i].id, id)) {
            add_row(arrays, id, NULL, 0, &call->rows[i]);
            waiting++;
        }
    }
    return rc == DB_OK && waiting > 0 ? change(db, call) : rc;
}

static int upsert_known(struct db *db, const struct prospects_upserting *call)
{
    struct text emails;
    text_init_growing(&emails, COLUMN_EXPECTED);
    int rc = collect_known(call, &emails);
    if (rc == DB_OK)
        rc = read_known(db, call, &emails);
    free(emails.data);
    return rc == DB_OK ? change_known(db, call) : rc;
}

/* ---- end ---- */

/* Rows with `clears` have stored empty values: make them absent. */
static int clear_rows(struct db *db, const struct prospects_upserting *call)
{
    struct text ids;
    size_t n = 0;
    text_init_growing(&ids, 64);
    db_array_begin(&ids, DB_ARRAY_UUID);
    for (size_t i = 0; i < call->n; i++) {
        unsigned char id[16];
        if (!call->rows[i].clears || !uuid_parse(call->results[i].id, id))
            continue;
        db_array_add(&ids, id, sizeof(id));
        n++;
    }
    int rc = ids.overflow ? DB_E_OTHER : DB_OK;
    if (rc == DB_OK && n > 0) {
        struct db_stmt *stmt = db_prepare(
            db, "UPDATE crm.prospects SET first_name = nullif(first_name, ''), last_name = nullif(last_name, ''),"
                " company = nullif(company, ''), title = nullif(title, ''), phone = nullif(phone, ''),"
                " website = nullif(website, ''), country = nullif(country, ''),"
                " custom = nullif(jsonb_strip_nulls(custom::jsonb)::text, '{}')"
                " WHERE organisation_id = $1 AND id = ANY ($2::uuid[])");
        db_bind_uuid(stmt, 1, call->organisation_id);
        db_bind_blob(stmt, 2, ids.data, ids.length);
        rc = db_step(stmt);
        db_done(stmt);
    }
    free(ids.data);
    return rc;
}

/* Mark an inserted row; the statement returns them in the order of the rows. */
static size_t mark_inserted(const struct prospects_upserting *call, struct db_stmt *stmt, size_t from)
{
    const char *id = db_column_uuid(stmt, 0);
    for (size_t i = 0; id && i < call->n; i++) {
        size_t row = (from + i) % call->n;
        if (memcmp(call->results[row].id, id, UUID_TEXT - 1) != 0)
            continue;
        call->results[row].inserted = true;
        return row + 1;
    }
    return from;
}

int prospects_arrays_end(struct db *db, struct prospects_upserting *call)
{
    size_t inserted = 0, at = 0;
    int rc;
    struct db_stmt *stmt = call->arrays->stmt;
    for (; (rc = db_step(stmt)) == DB_ROW; inserted++)
        at = mark_inserted(call, stmt, at);
    db_done(stmt);
    call->arrays->stmt = NULL;
    if (rc == DB_OK && inserted < call->n)
        rc = upsert_known(db, call);
    if (rc == DB_OK)
        rc = clear_rows(db, call);
    return rc == DB_OK ? usage_add(db, call->organisation_id, USAGE_PROSPECTS, (int64_t)inserted) : rc;
}
