/* SPDX-License-Identifier: Apache-2.0 */
#include "data/drafts.h"

#include "data/page.h"
#include "model/names.h"

static int put(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
               enum draft_state state, const char *subject, const char *body, const char *error,
               const struct draft_source *source, bool *fresh)
{
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK)
        rc = db_exec(db,
                     "INSERT INTO outreach.drafts (organisation_id, campaign_id, prospect_id, state, subject, body,"
                     " error, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
                     " ON CONFLICT (organisation_id, campaign_id, prospect_id) DO UPDATE SET state = excluded.state,"
                     " subject = excluded.subject, body = excluded.body, error = excluded.error,"
                     " created_at = excluded.created_at WHERE outreach.drafts.state = 'failed' OR "
                     "outreach.drafts.created_at <= $9",
                     "uuussssii", organisation_id, campaign_id, prospect_id, draft_state_names[state], subject, body,
                     error, draft_source_ms(source), fresh ? source->changed_ms : INT64_MAX);
    if (rc == DB_OK && fresh)
        *fresh = db_changes(db) > 0;
    return rc;
}

int drafts_put_generated(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                         const char *subject, const char *body, const struct draft_source *source, bool *fresh)
{
    return put(db, organisation_id, campaign_id, prospect_id, DRAFT_GENERATED, subject, body, NULL, source, fresh);
}

int drafts_put_failed(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                      const char *error, const struct draft_source *source, bool *fresh)
{
    return put(db, organisation_id, campaign_id, prospect_id, DRAFT_FAILED, NULL, NULL, error, source, fresh);
}

#define SELECT                                                                                      \
    "SELECT prospect_id, campaign_id, state, subject, body, error, created_at FROM outreach.drafts" \
    " WHERE organisation_id = $1"

struct reader {
    draft_fn fn;
    void *arg;
};

static int deliver(void *arg, struct db_stmt *stmt)
{
    const struct reader *reader = arg;
    char prospect[UUID_TEXT], campaign[UUID_TEXT];

    page_copy_id(stmt, 0, prospect);
    page_copy_id(stmt, 1, campaign);
    struct draft draft = {
        .campaign_id = campaign,
        .prospect_id = prospect,
        .state = name_index(draft_state_names, DRAFT_STATES, db_column_text(stmt, 2)) == DRAFT_GENERATED
                     ? DRAFT_GENERATED
                     : DRAFT_FAILED,
        .subject = db_column_text(stmt, 3),
        .body = db_column_text(stmt, 4),
        .error = db_column_text(stmt, 5),
        .created_ms = db_column_int(stmt, 6),
    };
    return reader->fn(reader->arg, &draft);
}

int drafts_get(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
               draft_fn fn, void *arg)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, SELECT " AND campaign_id = $3 AND prospect_id = $2");
    db_bind_uuid(stmt, 3, campaign_id);
    return page_one(stmt, organisation_id, prospect_id, deliver, &(struct reader){fn, arg});
}

int drafts_page(struct db *db, const char *organisation_id, const char *campaign_id, const char *after, unsigned limit,
                int state, draft_fn fn, void *arg, bool *more)
{
    const char *from = page_after(after);
    int rc = from && state < DRAFT_STATES ? db_scope(db, organisation_id) : DB_E_INVALID;
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt =
        state < 0 ? db_prepare(db, SELECT " AND campaign_id = $4 AND prospect_id > $2 ORDER BY prospect_id LIMIT $3")
                  : db_prepare(db, SELECT " AND campaign_id = $4 AND state = $5 AND prospect_id > $2"
                                          " ORDER BY prospect_id LIMIT $3");
    db_bind_uuid(stmt, 4, campaign_id);
    if (state >= 0)
        db_bind_str(stmt, 5, draft_state_names[state]);
    return page_rows(stmt, organisation_id, from, page_limit(limit, DRAFTS_PAGE_MAX), deliver,
                     &(struct reader){fn, arg}, more);
}

int drafts_delete(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id)
{
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK)
        rc = db_exec(db,
                     "DELETE FROM outreach.drafts WHERE organisation_id = $1 AND campaign_id = $2 AND prospect_id = $3",
                     "uuu", organisation_id, campaign_id, prospect_id);
    return rc == DB_OK && db_changes(db) == 0 ? DB_E_NOT_FOUND : rc;
}
