/* SPDX-License-Identifier: Apache-2.0 */
#include "data/recipients.h"

#include "data/page.h"
#include "model/names.h"

#define SELECT                                                                                                      \
    "SELECT e.prospect_id, e.id, p.email, e.state, e.attempts, e.reason, e.error, e.words, e.due_at, e.created_at," \
    " e.updated_at, e.sent_at FROM outreach.emails e JOIN crm.prospects p"                                          \
    " ON p.organisation_id = e.organisation_id AND p.id = e.prospect_id WHERE e.organisation_id = $1"

struct reader {
    recipient_fn fn;
    void *arg;
};

static int deliver(void *arg, struct db_stmt *stmt)
{
    const struct reader *reader = arg;
    char prospect[UUID_TEXT], id[UUID_TEXT];
    int state = email_state_from_name(db_column_text(stmt, 3));

    page_copy_id(stmt, 0, prospect);
    page_copy_id(stmt, 1, id);
    struct recipient recipient = {
        .address = db_column_text(stmt, 2),
        .email = {.id = id,
                  .prospect_id = prospect,
                  .state = state < 0 ? EMAIL_IN_DOUBT : (enum email_state)state,
                  .attempts = db_column_int(stmt, 4),
                  .reason = db_column_text(stmt, 5),
                  .error = db_column_text(stmt, 6),
                  .words = db_column_text(stmt, 7),
                  .due_ms = db_column_int(stmt, 8),
                  .created_ms = db_column_int(stmt, 9),
                  .updated_ms = db_column_int(stmt, 10),
                  .sent_ms = db_column_int(stmt, 11)},
    };
    return reader->fn(reader->arg, &recipient);
}

int recipients_page(struct db *db, const char *organisation_id, const char *campaign_id, const char *after,
                    unsigned limit, int state, recipient_fn fn, void *arg, bool *more)
{
    const char *from = page_after(after);
    if (!from || state >= EMAIL_STATES)
        return DB_E_INVALID;
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt =
        state < 0 ? db_prepare(db, PAGE_OF SELECT
                               " AND e.campaign_id = $4 AND e.prospect_id > $2 ORDER BY e.prospect_id" PAGE_LIMIT("$3"))
                  : db_prepare(db, PAGE_OF SELECT " AND e.campaign_id = $4 AND e.state = $5 AND e.prospect_id > $2"
                                                  " ORDER BY e.prospect_id" PAGE_LIMIT("$3"));
    db_bind_uuid(stmt, 4, campaign_id);
    if (state >= 0)
        db_bind_str(stmt, 5, email_state_names[state]);
    return page_rows(stmt, organisation_id, from, page_limit(limit, RECIPIENTS_PAGE_MAX), deliver,
                     &(struct reader){fn, arg}, more);
}

int recipients_get(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                   recipient_fn fn, void *arg)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, SELECT " AND e.campaign_id = $3 AND e.prospect_id = $2");
    db_bind_uuid(stmt, 3, campaign_id);
    return page_one(stmt, organisation_id, prospect_id, deliver, &(struct reader){fn, arg});
}
