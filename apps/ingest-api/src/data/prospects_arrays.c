/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The import on PostgreSQL: a chunk of rows is one statement, an array a column. A statement may not touch a row twice, so
 * a chunk ends before an address that it has already.
 */
#include "data/prospects_arrays.h"

#include "base/text.h"
#include "data/page.h"
#include "data/prospects_internal.h"

#include <stdlib.h>

#define CHUNK 500
#define COLUMN_EXPECTED 4096
#define SLOTS 1024                    /* of the set of addresses; a power of two, twice the chunk */
#define COLUMNS (PROSPECT_FIELDS + 2) /* id, the fields, custom */

struct chunk {
    struct text column[COLUMNS]; /* the text of an array: {"a","b",NULL} */
    char id[CHUNK][UUID_TEXT];
    unsigned email_length[CHUNK];
    bool invalid[CHUNK];
    unsigned short slot[SLOTS]; /* index + 1 of the row whose address hashes to there; 0: free */
    int n;
    char email[][PROSPECT_EMAIL_MAX]; /* of as many rows as there are: for 500 it is a mapping of its own */
};

static void put_element(struct text *array, const char *data, size_t length)
{
    text_add(array, array->length ? "," : "{");
    if (!data) {
        text_add(array, "NULL");
        return;
    }
    text_add(array, "\"");
    for (size_t i = 0, from = 0; i <= length; i++) {
        if (i < length && data[i] != '"' && data[i] != '\\')
            continue;
        text_add_n(array, data + from, i - from);
        if (i < length)
            text_add(array, "\\");
        from = i;
    }
    text_add(array, "\"");
}

/* --- filling a chunk --- */

static void chunk_clear(struct chunk *chunk)
{
    for (int i = 0; i < COLUMNS; i++)
        chunk->column[i].length = 0;
    memset(chunk->slot, 0, sizeof chunk->slot);
    memset(chunk->invalid, 0, sizeof chunk->invalid);
    chunk->n = 0;
}

static bool same_email(const struct chunk *chunk, int row, const char *email, size_t length)
{
    return chunk->email_length[row] == length && memcmp(chunk->email[row], email, length) == 0;
}

/* @return the row of the chunk that has the address, or -1; *slot is where it is or would be. */
static int find_email(const struct chunk *chunk, const char *email, size_t length, unsigned *slot)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)email[i]) * 1099511628211u;
    *slot = (unsigned)(hash ^ hash >> 32) & (SLOTS - 1);
    while (chunk->slot[*slot]) {
        int row = chunk->slot[*slot] - 1;
        if (same_email(chunk, row, email, length))
            return row;
        *slot = (*slot + 1) & (SLOTS - 1);
    }
    return -1;
}

/* @return 1 added, 0 the address is there already, or DB_E_INVALID. */
static int chunk_add(struct chunk *chunk, const struct prospect_input *input)
{
    const struct db_text *address = &input->field[PROSPECT_EMAIL];
    char *email = chunk->email[chunk->n];
    unsigned char uuid[16];
    unsigned slot;
    size_t length = address->data ? prospects_lower_case(address->data, address->length, email) : 0;
    if (length == 0)
        return DB_E_INVALID;
    if (find_email(chunk, email, length, &slot) >= 0)
        return 0;
    uuid_new(uuid);
    uuid_format(uuid, chunk->id[chunk->n]);
    put_element(&chunk->column[0], chunk->id[chunk->n], UUID_TEXT - 1);
    put_element(&chunk->column[1], email, length);
    for (int i = PROSPECT_EMAIL + 1; i < PROSPECT_FIELDS; i++)
        put_element(&chunk->column[1 + i], input->field[i].data, input->field[i].length);
    put_element(&chunk->column[COLUMNS - 1], input->custom.data, input->custom.length);
    chunk->email_length[chunk->n] = (unsigned)length;
    chunk->slot[slot] = (unsigned short)++chunk->n;
    return 1;
}

/* --- storing it --- */

static const char upsert[] =
    "INSERT INTO crm.prospects AS p (organisation_id, created_at, updated_at, id, email, first_name, last_name, "
    "company,"
    " title, phone, website, country, custom)"
    " SELECT $1::uuid, $2::bigint, $2::bigint, u.* FROM unnest($3::text::uuid[], $4::text::text[], $5::text::text[],"
    " $6::text::text[], $7::text::text[], $8::text::text[], $9::text::text[], $10::text::text[], $11::text::text[],"
    " $12::text::text[]) AS u"
    " ON CONFLICT (organisation_id, email) DO UPDATE SET first_name = coalesce(excluded.first_name, p.first_name),"
    " last_name = coalesce(excluded.last_name, p.last_name), company = coalesce(excluded.company, p.company),"
    " title = coalesce(excluded.title, p.title), phone = coalesce(excluded.phone, p.phone),"
    " website = coalesce(excluded.website, p.website), country = coalesce(excluded.country, p.country),"
    " custom = coalesce(excluded.custom, p.custom), updated_at = excluded.updated_at"
    " RETURNING p.id, p.email, p.xmax = 0, p.status = 'invalid'"; /* xmax 0: no earlier version, so inserted */

/* The id of a row that was there is another than the one we gave it. */
static void keep_result(struct chunk *chunk, struct db_stmt *stmt, struct prospect_upsert *results)
{
    unsigned slot;
    const char *email = db_column_text(stmt, 1);
    int row = email ? find_email(chunk, email, db_column_length(stmt, 1), &slot) : -1;
    if (row < 0)
        return;
    page_copy_id(stmt, 0, chunk->id[row]);
    chunk->invalid[row] = db_column_int(stmt, 3) != 0;
    if (!results)
        return;
    memcpy(results[row].id, chunk->id[row], sizeof results[row].id);
    results[row].inserted = db_column_int(stmt, 2) != 0;
}

static int chunk_store(struct db *db, const char *organisation_id, struct chunk *chunk, int64_t now,
                       struct prospect_upsert *results)
{
    int rc = DB_OK;
    for (int i = 0; i < COLUMNS; i++) {
        text_add(&chunk->column[i], "}");
        if (chunk->column[i].overflow)
            return DB_E_OTHER;
    }
    struct db_stmt *stmt = db_prepare(db, upsert);
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_int(stmt, 2, now);
    for (int i = 0; i < COLUMNS; i++)
        db_bind_text(stmt, 3 + i, chunk->column[i].data, chunk->column[i].length);
    while ((rc = db_step(stmt)) == DB_ROW)
        keep_result(chunk, stmt, results);
    db_done(stmt);
    for (int i = 0; rc == DB_OK && i < chunk->n; i++)
        if (chunk->invalid[i])
            rc = prospects_import_again(db, organisation_id, chunk->id[i]);
    return rc;
}

/* Two imports of one organisation that lock the same rows in different orders would lock each other out. */
static int lock_imports(struct db *db, const char *organisation_id)
{
    return db_exec_later(db, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", "s", organisation_id);
}

int prospects_upsert_arrays(struct db *db, const char *organisation_id, const struct prospect_input *rows, size_t n,
                            int64_t now, struct prospect_upsert *results)
{
    struct chunk *chunk = calloc(1, sizeof *chunk + (n < CHUNK ? n : CHUNK) * sizeof chunk->email[0]);
    for (int i = 0; chunk && i < COLUMNS; i++)
        text_init_growing(&chunk->column[i], COLUMN_EXPECTED);
    int rc = !chunk ? DB_E_OTHER : n > 1 ? lock_imports(db, organisation_id) : DB_OK;
    for (size_t at = 0; rc == DB_OK && at < n; at += (size_t)chunk->n) {
        int added = 1;
        chunk_clear(chunk);
        while (added == 1 && chunk->n < CHUNK && at + (size_t)chunk->n < n)
            added = chunk_add(chunk, &rows[at + (size_t)chunk->n]);
        rc = added < 0 ? added : chunk_store(db, organisation_id, chunk, now, results ? &results[at] : NULL);
    }
    for (int i = 0; chunk && i < COLUMNS; i++)
        free(chunk->column[i].data);
    free(chunk);
    return rc;
}
