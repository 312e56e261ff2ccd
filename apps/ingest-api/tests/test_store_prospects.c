/* SPDX-License-Identifier: Apache-2.0 */
/* Organisations and prospects: tenancy, upsert, keyset pages, status. */
#include "data/campaigns.h"
#include "data/usage.h"
#include "queue/queue.h"
#include "store_fixture.h"

static struct db_text text(const char *s)
{
    return (struct db_text){s, s ? strlen(s) : 0};
}

/* One transaction of a test: arguments and results. */
struct call {
    struct fixture *f;
    const char *organisation;
    const struct prospect_input *rows;
    size_t n;
    struct prospect_upsert *results;
};

static int run_upsert(void *arg, struct db *db)
{
    struct call *call = arg;
    return prospects_upsert(db, call->organisation, call->rows, call->n, call->results);
}

static int upsert(struct fixture *f, const char *organisation, const struct prospect_input *rows, size_t n,
                  struct prospect_upsert *results)
{
    struct call call = {f, organisation, rows, n, results};
    return store_run(f->store, STORE_MODE_WRITE, run_upsert, &call);
}

static struct prospect_input row(const char *email, const char *first, const char *company)
{
    struct prospect_input input = {0};
    input.field[PROSPECT_EMAIL] = text(email);
    input.field[PROSPECT_FIRST_NAME] = text(first);
    input.field[PROSPECT_COMPANY] = text(company);
    return input;
}

/* The rows of one prospects_get or prospects_page. */
struct seen {
    const char *organisation, *id, *after;
    struct prospect_filter *filter;
    unsigned limit;
    bool more;
    int n;
    char ids[PROSPECTS_PAGE_MAX + 1][37];
    char email[512], first[64], company[64], custom[64], reason[64], research[64];
    enum prospect_status status;
    int64_t created, updated;
};

static void copy(char *out, size_t size, const char *value)
{
    snprintf(out, size, "%s", value ? value : "(null)");
}

static int keep(void *arg, const struct prospect *p)
{
    struct seen *seen = arg;
    copy(seen->ids[seen->n++], 37, p->id);
    copy(seen->email, sizeof(seen->email), p->field[PROSPECT_EMAIL]);
    copy(seen->first, sizeof(seen->first), p->field[PROSPECT_FIRST_NAME]);
    copy(seen->company, sizeof(seen->company), p->field[PROSPECT_COMPANY]);
    copy(seen->custom, sizeof(seen->custom), p->custom);
    copy(seen->reason, sizeof(seen->reason), p->status_reason);
    copy(seen->research, sizeof(seen->research), p->research);
    seen->status = p->status;
    seen->created = p->created_ms;
    seen->updated = p->updated_ms;
    return 0;
}

static int run_get(void *arg, struct db *db)
{
    struct seen *seen = arg;
    seen->n = 0;
    return prospects_get(db, seen->organisation, seen->id, keep, seen);
}

static int get(struct fixture *f, struct seen *seen, const char *organisation, const char *id)
{
    seen->organisation = organisation;
    seen->id = id;
    return store_run(f->store, STORE_MODE_READ, run_get, seen);
}

static int run_page(void *arg, struct db *db)
{
    struct seen *seen = arg;
    seen->n = 0;
    int n = prospects_page(db, seen->organisation, seen->after, seen->limit, seen->filter, keep, seen, &seen->more);
    must(n < 0 || n == seen->n);
    return n < 0 ? n : 0;
}

static int page(struct fixture *f, struct seen *seen, const char *organisation, const char *after, unsigned limit,
                struct prospect_filter *filter)
{
    seen->organisation = organisation;
    seen->after = after;
    seen->limit = limit;
    seen->filter = filter;
    return store_run(f->store, STORE_MODE_READ, run_page, seen);
}

static int run_find_key(void *arg, struct db *db)
{
    char *out = arg;
    unsigned char hash[32] = {0};
    snprintf((char *)hash, sizeof(hash), "%s", out[0] == '?' ? "Three" : "One");
    return organisations_find_by_key(db, hash, out);
}

static void keys_find_their_organisation(void **state)
{
    struct fixture *f = *state;
    char id[37] = "";
    assert_int_equal(store_run(f->store, STORE_MODE_READ, run_find_key, id), DB_OK);
    assert_string_equal(id, f->organisation);
    strcpy(id, "?");
    assert_int_equal(store_run(f->store, STORE_MODE_READ, run_find_key, id), DB_E_NOT_FOUND);

    /* The same key for two organisations would mix their rows. The second organisation must not be created. */
    struct fixture_organisation again = {"One", id};
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, fixture_create_organisation, &again), DB_E_CONFLICT);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM iam.organisations"), 2);
    again.name = "";
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, fixture_create_organisation, &again), DB_E_INVALID);
}

static void upsert_inserts_then_updates(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    struct prospect_upsert first[2], second[2];
    struct prospect_input rows[2] = {row("Ada@Example.COM", "Ada", "Engines"), row("bob@example.com", "Bob", NULL)};
    rows[0].custom = text("{\"a\":1}");
    assert_int_equal(upsert(f, f->organisation, rows, 2, first), DB_OK);
    assert_true(first[0].inserted && first[1].inserted);
    assert_int_equal(get(f, seen, f->organisation, first[0].id), DB_OK);
    assert_string_equal(seen->email, "ada@example.com");
    assert_string_equal(seen->custom, "{\"a\":1}");
    assert_int_equal(seen->status, PROSPECT_STATUS_IMPORTED);
    int64_t created = seen->created;

    /* An absent value is kept, a present one replaces, and addresses are compared without case. */
    rows[0] = row("ada@EXAMPLE.com", NULL, "Difference Engines");
    rows[1] = row("carl@example.com", "Carl", NULL);
    wait_until(clock_wall_ms() > created);
    assert_int_equal(upsert(f, f->organisation, rows, 2, second), DB_OK);
    assert_false(second[0].inserted);
    assert_true(second[1].inserted);
    assert_string_equal(second[0].id, first[0].id);
    assert_int_equal(get(f, seen, f->organisation, first[0].id), DB_OK);
    assert_string_equal(seen->first, "Ada");
    assert_string_equal(seen->company, "Difference Engines");
    assert_string_equal(seen->custom, "{\"a\":1}");
    assert_true(seen->created == created && seen->updated > created);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects"), 3);
    free(seen);
}

/* On both stores: members that are not named stay; null or an empty text removes one. One row and many rows are written by
 * different statements. */
static void custom_fields_are_merged_and_cleared(void **state)
{
    struct fixture *f = *state;
    struct prospect_input rows[2] = {row("ada@example.com", "Ada", "Acme"), row("bob@example.com", "Bob", "Acme")};
    for (size_t n = 1; n <= 2; n++) {
        rows[0].custom = rows[1].custom = text("{\"a\":\"1\",\"b\":\"2\"}");
        assert_int_equal(upsert(f, f->organisation, rows, n, NULL), DB_OK);
        rows[0].custom = rows[1].custom = text("{\"b\":\"3\",\"c\":\"4\"}");
        assert_int_equal(upsert(f, f->organisation, rows, n, NULL), DB_OK);
        assert_int_equal(
            fixture_count(f, "SELECT count(*) FROM crm.prospects WHERE custom LIKE '%a%1%' AND custom LIKE '%b%3%'"
                             " AND custom LIKE '%c%4%' AND company = 'Acme'"),
            n);
        rows[0].clears = rows[1].clears = true;
        rows[0].field[PROSPECT_COMPANY] = rows[1].field[PROSPECT_COMPANY] = text("");
        rows[0].custom = rows[1].custom = text("{\"a\":null,\"b\":null,\"none\":null}");
        assert_int_equal(upsert(f, f->organisation, rows, n, NULL), DB_OK);
        assert_int_equal(
            fixture_count(f, "SELECT count(*) FROM crm.prospects WHERE company IS NULL AND first_name IS NOT NULL"
                             " AND custom NOT LIKE '%a%' AND custom NOT LIKE '%b%' AND custom LIKE '%c%4%'"),
            n);
        rows[0].custom = rows[1].custom = text("{\"c\":null}");
        assert_int_equal(upsert(f, f->organisation, rows, n, NULL), DB_OK);
        assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects WHERE custom IS NULL"), n);
        rows[0].clears = rows[1].clears = false;
        rows[0].field[PROSPECT_COMPANY] = rows[1].field[PROSPECT_COMPANY] = text("Acme");
    }
    /* in new rows there is nothing to clear */
    struct prospect_input fresh[2] = {row("c@example.com", "", NULL), row("d@example.com", "", NULL)};
    fresh[0].clears = fresh[1].clears = true;
    fresh[0].custom = fresh[1].custom = text("{\"a\":null}");
    assert_int_equal(upsert(f, f->organisation, fresh, 2, NULL), DB_OK);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects WHERE first_name IS NULL AND custom IS NULL"),
                     2);
}

static void the_same_address_twice_in_one_import(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    struct prospect_upsert results[2];
    struct prospect_input rows[2] = {row("a@b.example", "First", "C"), row("A@B.EXAMPLE", "Second", NULL)};
    assert_int_equal(upsert(f, f->organisation, rows, 2, results), DB_OK);
    assert_true(results[0].inserted);
    assert_false(results[1].inserted);
    assert_string_equal(results[0].id, results[1].id);
    assert_int_equal(get(f, seen, f->organisation, results[0].id), DB_OK);
    assert_string_equal(seen->first, "Second");
    assert_string_equal(seen->company, "C");
    free(seen);
}

static void invalid_rows_are_refused_completely(void **state)
{
    struct fixture *f = *state;
    char longest[PROSPECT_EMAIL_MAX + 2];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = 0;
    struct prospect_input rows[2] = {row("ok@example.com", NULL, NULL), row(longest, NULL, NULL)};
    assert_int_equal(upsert(f, f->organisation, rows, 2, NULL), DB_E_INVALID);
    rows[1] = row(NULL, "Nobody", NULL);
    assert_int_equal(upsert(f, f->organisation, rows, 2, NULL), DB_E_INVALID);
    assert_int_equal(upsert(f, "not-an-id", rows, 1, NULL), DB_E_INVALID);
    /* An organisation that does not exist: the foreign key. */
    assert_int_equal(upsert(f, "01900000-0000-7000-8000-000000000000", rows, 1, NULL), DB_E_CONFLICT);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects"), 0);
    longest[PROSPECT_EMAIL_MAX] = 0;
    assert_int_equal(upsert(f, f->organisation, &(struct prospect_input){.field = {text(longest)}}, 1, NULL), DB_OK);
}

static void hostile_text_is_stored_as_it_is(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    struct prospect_upsert result[3];
    static const char *const evil[3] = {"'; DROP TABLE crm_prospects; -- $1 crm.x", "NULL", "{\"a\\\",b}\\"};
    static const char *const email[3] = {"x'--@example.com", "n\"u\\l@example.com", "{}@example.com"};
    struct prospect_input input[3];
    for (int i = 0; i < 3; i++)
        input[i] = row(email[i], evil[i], "");
    assert_int_equal(upsert(f, f->organisation, input, 3, result), DB_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get(f, seen, f->organisation, result[i].id), DB_OK);
        assert_string_equal(seen->email, email[i]);
        assert_string_equal(seen->first, evil[i]);
        assert_string_equal(seen->company, ""); /* an empty text is not absent */
    }
    free(seen);
}

/* ---- tenancy ---- */

struct status_call {
    const char *organisation, *id, *reason, *research;
};

static int run_validate(void *arg, struct db *db)
{
    struct status_call *call = arg;
    return prospects_set_validated(db, call->organisation, call->id, call->reason);
}

static int run_research(void *arg, struct db *db)
{
    struct status_call *call = arg;
    return prospects_set_researched(db, call->organisation, call->id, call->research);
}

static void no_tenant_sees_anothers_rows(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    struct prospect_upsert mine, theirs;
    struct prospect_input input = row("same@example.com", "Mine", NULL);
    assert_int_equal(upsert(f, f->organisation, &input, 1, &mine), DB_OK);
    input = row("same@example.com", "Theirs", NULL);
    assert_int_equal(upsert(f, f->other, &input, 1, &theirs), DB_OK);
    assert_true(theirs.inserted); /* unique only within an organisation */

    assert_int_equal(get(f, seen, f->other, mine.id), DB_E_NOT_FOUND);
    assert_int_equal(get(f, seen, f->organisation, theirs.id), DB_E_NOT_FOUND);
    assert_int_equal(page(f, seen, f->organisation, NULL, 10, NULL), 0);
    assert_int_equal(seen->n, 1);
    assert_string_equal(seen->first, "Mine");
    struct prospect_filter filter = {-1, "SAME@example.com"};
    assert_int_equal(page(f, seen, f->other, "", 10, &filter), 0);
    assert_int_equal(seen->n, 1);
    assert_string_equal(seen->first, "Theirs");

    struct status_call call = {f->other, mine.id, NULL, "{}"};
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_validate, &call), DB_E_NOT_FOUND);
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_research, &call), DB_E_NOT_FOUND);
    assert_int_equal(get(f, seen, f->organisation, mine.id), DB_OK);
    assert_int_equal(seen->status, PROSPECT_STATUS_IMPORTED);
    free(seen);
}

/* ---- pages ---- */

static void add(struct fixture *f, const char *organisation, int from, int n)
{
    struct prospect_input rows[256];
    char emails[256][64];
    for (int i = 0; i < n; i++) {
        snprintf(emails[i], sizeof(emails[i]), "p%05d@example.com", from + i);
        rows[i] = row(emails[i], "F", NULL);
    }
    assert_int_equal(upsert(f, organisation, rows, (size_t)n, NULL), DB_OK);
}

static void pages_lose_and_repeat_no_rows_during_inserts(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    char after[37] = "", last[37] = "";
    int total = 0, added = 200;
    add(f, f->organisation, 0, 200);
    add(f, f->other, 0, 100);
    do {
        assert_int_equal(page(f, seen, f->organisation, after, 33, NULL), 0);
        for (int i = 0; i < seen->n; i++) {
            assert_true(strcmp(last, seen->ids[i]) < 0); /* strictly rising, so no row is there twice */
            strcpy(last, seen->ids[i]);
        }
        total += seen->n;
        strcpy(after, last);
        if (added < 300) {
            add(f, f->organisation, added, 20);
            add(f, f->other, added, 20);
            added += 20;
        }
    } while (seen->more);
    assert_int_equal(total, added);

    assert_int_equal(page(f, seen, f->organisation, after, 10, NULL), 0);
    assert_int_equal(seen->n, 0);
    assert_false(seen->more);
    free(seen);
}

static void page_limits_and_cursors_are_checked(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    for (int i = 0; i < 3; i++)
        add(f, f->organisation, i * 200, 200);
    assert_int_equal(page(f, seen, f->organisation, NULL, 100000, NULL), 0);
    assert_int_equal(seen->n, PROSPECTS_PAGE_MAX);
    assert_true(seen->more);
    assert_int_equal(page(f, seen, f->organisation, NULL, 0, NULL), 0);
    assert_int_equal(seen->n, 1);
    assert_int_equal(page(f, seen, f->organisation, "' OR 1=1", 10, NULL), DB_E_INVALID);
    assert_int_equal(page(f, seen, f->organisation, seen->ids[0], 600, NULL), 0);
    assert_int_equal(seen->n, 500);
    assert_true(seen->more);
    free(seen);
}

static void filters_by_status_and_address(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    add(f, f->organisation, 0, 30);
    assert_int_equal(page(f, seen, f->organisation, NULL, 30, NULL), 0);
    char ids[30][37];
    memcpy(ids, seen->ids, sizeof(ids));
    for (int i = 0; i < 10; i++) {
        struct status_call call = {f->organisation, ids[i * 3], i < 4 ? "no such domain" : NULL, "{}"};
        assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_validate, &call), DB_OK);
    }
    struct prospect_filter filter = {PROSPECT_STATUS_INVALID, NULL};
    assert_int_equal(page(f, seen, f->organisation, NULL, 3, &filter), 0);
    assert_int_equal(seen->n, 3);
    assert_true(seen->more);
    assert_int_equal(page(f, seen, f->organisation, seen->ids[2], 3, &filter), 0);
    assert_int_equal(seen->n, 1);
    assert_string_equal(seen->ids[0], ids[9]);
    assert_false(seen->more);
    filter.status = PROSPECT_STATUS_IMPORTED;
    assert_int_equal(page(f, seen, f->organisation, NULL, 500, &filter), 0);
    assert_int_equal(seen->n, 20);
    filter = (struct prospect_filter){PROSPECT_STATUS_VALIDATED, "P00012@EXAMPLE.com"};
    assert_int_equal(page(f, seen, f->organisation, NULL, 10, &filter), 0);
    assert_int_equal(seen->n, 1);
    filter.status = PROSPECT_STATUS_INVALID;
    assert_int_equal(page(f, seen, f->organisation, NULL, 10, &filter), 0);
    assert_int_equal(seen->n, 0);
    filter.status = 99;
    assert_int_equal(page(f, seen, f->organisation, NULL, 10, &filter), DB_E_INVALID);
    free(seen);
}

static int run_counts(void *arg, struct db *db)
{
    struct fixture *f = ((void **)arg)[0];
    return prospects_count(db, f->organisation, ((void **)arg)[1]);
}

static void counts_by_status(void **state)
{
    struct fixture *f = *state;
    struct prospect_upsert result;
    struct prospect_input input = row("z@example.com", NULL, NULL);
    add(f, f->organisation, 0, 50);
    add(f, f->other, 0, 5);
    assert_int_equal(upsert(f, f->organisation, &input, 1, &result), DB_OK);
    struct status_call status = {f->organisation, result.id, "bad", NULL};
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_validate, &status), DB_OK);

    int64_t counts[PROSPECT_STATUSES];
    void *args[2] = {f, counts};
    assert_int_equal(store_run(f->store, STORE_MODE_READ, run_counts, args), DB_OK);
    assert_int_equal(counts[PROSPECT_STATUS_IMPORTED], 50);
    assert_int_equal(counts[PROSPECT_STATUS_INVALID], 1);
    assert_int_equal(counts[PROSPECT_STATUS_VALIDATED], 0);
}

/* ---- status ---- */

static void status_transitions(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    struct prospect_upsert result;
    struct prospect_input input = row("l@example.com", NULL, NULL);
    assert_int_equal(upsert(f, f->organisation, &input, 1, &result), DB_OK);
    struct status_call call = {f->organisation, result.id, "no MX", "{\"size\":7}"};

    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_research, &call), DB_E_CONFLICT);
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_validate, &call), DB_OK);
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_validate, &call), DB_E_CONFLICT);
    assert_int_equal(get(f, seen, f->organisation, result.id), DB_OK);
    assert_int_equal(seen->status, PROSPECT_STATUS_INVALID);
    assert_string_equal(seen->reason, "no MX");

    /* With new data the prospect is validated again. */
    assert_int_equal(upsert(f, f->organisation, &input, 1, &result), DB_OK);
    assert_int_equal(get(f, seen, f->organisation, result.id), DB_OK);
    assert_int_equal(seen->status, PROSPECT_STATUS_IMPORTED);
    assert_string_equal(seen->reason, "(null)");
    call.reason = NULL;
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_validate, &call), DB_OK);
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_research, &call), DB_OK);
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_research, &call), DB_E_CONFLICT);
    assert_int_equal(get(f, seen, f->organisation, result.id), DB_OK);
    assert_int_equal(seen->status, PROSPECT_STATUS_RESEARCHED);
    assert_string_equal(seen->research, "{\"size\":7}");

    /* An update of a researched prospect keeps its research. */
    assert_int_equal(upsert(f, f->organisation, &input, 1, &result), DB_OK);
    assert_int_equal(get(f, seen, f->organisation, result.id), DB_OK);
    assert_int_equal(seen->status, PROSPECT_STATUS_RESEARCHED);
    assert_string_equal(seen->research, "{\"size\":7}");
    call.id = "01900000-0000-7000-8000-000000000000";
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_validate, &call), DB_E_NOT_FOUND);
    free(seen);
}

/* ---- the usage of an organisation, see data/usage.h ---- */

struct use {
    const char *organisation, *what;
    int64_t used, all;
};

static int run_usage(void *arg, struct db *db)
{
    struct use *use = arg;
    return usage_read(db, use->organisation, use->what, &use->used);
}

static void see_usage(void *arg, const char *organisation, const char *what, int64_t used)
{
    struct use *use = arg;
    if (strcmp(organisation, use->organisation) == 0 && strcmp(what, use->what) == 0)
        use->all = used;
}

static int run_usage_all(void *arg, struct db *db)
{
    return usage_all(db, see_usage, arg);
}

static int run_fold(void *arg, struct db *db)
{
    (void)arg;
    return usage_fold(db);
}

/* The usage, which must be the same before and after folding the changes into one sum. */
static int64_t usage(struct fixture *f, const char *organisation, const char *what)
{
    struct use use = {.organisation = organisation, .what = what}, folded = use;
    assert_int_equal(store_run(f->store, STORE_MODE_READ, run_usage, &use), DB_OK);
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_fold, NULL), DB_OK);
    assert_int_equal(store_run(f->store, STORE_MODE_READ, run_usage, &folded), DB_OK);
    assert_int_equal(folded.used, use.used);
    return use.used;
}

/* Far below the limit, the last read value is enough, but only for this organisation and this kind. */
static void room_is_known_without_a_query(void **state)
{
    struct fixture *f = *state;
    const int64_t plenty = 1000000000;
    struct prospect_input rows[2] = {row("a@example.com", "A", NULL), row("b@example.com", "B", NULL)};
    assert_false(usage_has_room(f->organisation, USAGE_PROSPECTS, plenty));
    assert_int_equal(upsert(f, f->organisation, rows, 2, NULL), DB_OK);
    assert_int_equal(usage(f, f->organisation, USAGE_PROSPECTS), 2);
    assert_true(usage_has_room(f->organisation, USAGE_PROSPECTS, plenty));
    assert_false(usage_has_room(f->organisation, USAGE_PROSPECTS, USAGE_NEAR + 2));
    assert_false(usage_has_room(f->organisation, USAGE_CAMPAIGNS, plenty));
    assert_false(usage_has_room(f->other, USAGE_PROSPECTS, plenty));
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL); /* up to 2,000 may have been added since */
    assert_false(usage_has_room(f->organisation, USAGE_PROSPECTS, USAGE_NEAR + 2000));
}

static int run_erase(void *arg, struct db *db)
{
    struct use *use = arg;
    int rc = db_scope(db, use->organisation);
    return rc != DB_OK ? rc
                       : db_exec(db, "DELETE FROM crm.prospects WHERE organisation_id = $1 AND email = 'a@example.com'",
                                 "u", use->organisation);
}

static int run_campaign_and_fail(void *arg, struct db *db)
{
    struct use *use = arg;
    char id[37];
    int rc = campaigns_create(db, use->organisation, "n", "s", "b", id);
    return rc != DB_OK ? rc : (int)use->used; /* 1: rolled back */
}

static int run_jobs(void *arg, struct db *db)
{
    struct use *use = arg;
    struct queue_item items[70];
    char keys[70][8];
    uint64_t fresh;
    for (int i = 0; i < 70; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "key%d", i);
        items[i] = (struct queue_item){keys[i], "{}"};
    }
    int rc = queue_publish_many(db, QUEUE_EMAIL_SEND, use->organisation, "r", items, 70, &fresh);
    if (rc == DB_OK) /* the same keys add nothing */
        rc = queue_publish_many(db, QUEUE_EMAIL_SEND, use->organisation, "r", items, 70, &fresh);
    if (rc == DB_OK)
        rc = queue_publish_later(db, QUEUE_EMAIL_SEND, use->organisation, "r", "{}", 100000, NULL);
    return rc == DB_OK ? queue_publish(db, QUEUE_DRAFT_GENERATE, use->organisation, "r", NULL, "{}", NULL) : rc;
}

static void the_usage_of_an_organisation(void **state)
{
    struct fixture *f = *state;
    struct prospect_input rows[3] = {row("a@example.com", "A", NULL), row("b@example.com", "B", NULL),
                                     row("a@example.com", "C", NULL)};
    struct use use = {.organisation = f->organisation, .what = "campaigns"};

    assert_int_equal(usage(f, f->organisation, USAGE_PROSPECTS), 0);
    assert_int_equal(upsert(f, f->organisation, rows, 3, NULL), DB_OK);
    assert_int_equal(upsert(f, f->organisation, rows, 2, NULL), DB_OK);
    assert_int_equal(upsert(f, f->other, rows, 1, NULL), DB_OK);
    assert_int_equal(usage(f, f->organisation, USAGE_PROSPECTS), 2);
    assert_int_equal(usage(f, f->other, USAGE_PROSPECTS), 1);
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_erase, &use), DB_OK);
    assert_int_equal(usage(f, f->organisation, USAGE_PROSPECTS), 1);

    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_campaign_and_fail, &use), DB_OK);
    use.used = 1;
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_campaign_and_fail, &use), 1);
    assert_int_equal(usage(f, f->organisation, USAGE_CAMPAIGNS), 1);

    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_jobs, &use), DB_OK);
    assert_int_equal(usage(f, f->organisation, "email.send"), 71); /* the delayed one too */
    assert_int_equal(usage(f, f->organisation, "draft.generate"), 1);
    use.what = "jobs";
    assert_int_equal(store_run(f->store, STORE_MODE_READ, run_usage_all, &use), DB_OK);
    assert_int_equal(use.all, 71); /* the number of the fullest queue */
    assert_int_equal(
        fixture_exec(f, "UPDATE tracking.jobs SET state = 'done', ended_at = 1 WHERE idempotency_key = 'key3'"), DB_OK);
    assert_int_equal(
        fixture_exec(f, "UPDATE tracking.jobs SET state = 'dead', ended_at = 1 WHERE idempotency_key = 'key4'"), DB_OK);
    assert_int_equal(fixture_exec(f, "UPDATE tracking.jobs SET attempt = 2 WHERE idempotency_key = 'key5'"), DB_OK);
    assert_int_equal(usage(f, f->organisation, "email.send"), 69);
    assert_int_equal(fixture_exec(f, "DELETE FROM tracking.jobs WHERE idempotency_key IN ('key3', 'key4', 'key5')"),
                     DB_OK);
    assert_int_equal(usage(f, f->organisation, "email.send"), 68);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_find_their_organisation),
        TEST(upsert_inserts_then_updates),
        TEST(custom_fields_are_merged_and_cleared),
        TEST(the_same_address_twice_in_one_import),
        TEST(invalid_rows_are_refused_completely),
        TEST(hostile_text_is_stored_as_it_is),
        TEST(no_tenant_sees_anothers_rows),
        TEST(pages_lose_and_repeat_no_rows_during_inserts),
        TEST(page_limits_and_cursors_are_checked),
        TEST(filters_by_status_and_address),
        TEST(counts_by_status),
        TEST(status_transitions),
        TEST(the_usage_of_an_organisation),
        TEST(room_is_known_without_a_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
