/* SPDX-License-Identifier: Apache-2.0 */
/* Campaigns, drafts and emails: transitions, uniqueness, statistics, tenancy. */
#include "data/campaign_hold.h"
#include "data/campaigns.h"
#include "data/erase.h"
#include "data/idempotency.h"
#include "data/suppressions.h"
#include "store_fixture.h"

#define NOWHERE "01900000-0000-7000-8000-000000000000"

/* Each call runs in its own transaction: `run` calls one function of data/ and stores its result. */
struct call {
    const char *organisation, *campaign, *prospect, *text;
    enum campaign_status to, was;
    enum email_state state, email_was;
    struct campaign_stats stats;
    struct email email;
    struct draft draft;
    struct draft_source source;
    char id[37], error[64], subject[64];
    int64_t active;
    int n, told;
    bool fresh, more, unspent;
};

static int run_create(void *arg, struct db *db)
{
    struct call *call = arg;
    return campaigns_create(db, call->organisation, call->text, "Hi {{first_name}}", "Body", call->id);
}

static int run_transition(void *arg, struct db *db)
{
    struct call *call = arg;
    return campaigns_transition(db, call->organisation, call->campaign, call->to, &call->was);
}

static int run_stats(void *arg, struct db *db)
{
    struct call *call = arg;
    return campaigns_stats(db, call->organisation, call->campaign, &call->stats);
}

static int run_active(void *arg, struct db *db)
{
    struct call *call = arg;
    return campaigns_active_count(db, call->organisation, &call->active);
}

static int run_draft(void *arg, struct db *db)
{
    struct call *call = arg;
    return drafts_put_generated(db, call->organisation, call->campaign, call->prospect, call->text, "Body",
                                &call->source, &call->fresh);
}

static int run_draft_failed(void *arg, struct db *db)
{
    struct call *call = arg;
    return drafts_put_failed(db, call->organisation, call->campaign, call->prospect, call->text, &call->source,
                             &call->fresh);
}

static int run_claim(void *arg, struct db *db)
{
    struct call *call = arg;
    struct email_claim claim = {.was = EMAIL_STATES};
    int rc = emails_claim(db, call->organisation, call->campaign, call->prospect, NULL, 0, &claim);
    call->email_was = claim.was;
    strcpy(call->id, claim.id);
    return rc;
}

static int run_finish(void *arg, struct db *db)
{
    struct call *call = arg;
    struct email_outcome outcome = {.state = call->state, .error = call->text, .unspent = call->unspent};
    return emails_finish(db, call->organisation, call->campaign, call->prospect, &outcome);
}

static int run_email_create(void *arg, struct db *db)
{
    struct call *call = arg;
    return emails_create(db, call->organisation, call->campaign, call->prospect, &call->fresh);
}

static int run_prospect(void *arg, struct db *db)
{
    struct call *call = arg;
    struct prospect_input row = {.field = {{call->text, strlen(call->text)}}};
    struct prospect_upsert result;
    int rc = prospects_upsert(db, call->organisation, &row, 1, &result);
    strcpy(call->id, result.id);
    return rc;
}

static int write_(struct fixture *f, int (*run)(void *, struct db *), struct call *call)
{
    return store_run(f->store, STORE_MODE_WRITE, run, call);
}

static int read_(struct fixture *f, int (*run)(void *, struct db *), struct call *call)
{
    return store_run(f->store, STORE_MODE_READ, run, call);
}

static void campaign(struct fixture *f, const char *organisation, char id[37])
{
    struct call call = {.organisation = organisation, .text = "Spring"};
    assert_int_equal(write_(f, run_create, &call), DB_OK);
    strcpy(id, call.id);
}

static void prospect(struct fixture *f, const char *organisation, const char *email, char id[37])
{
    struct call call = {.organisation = organisation, .text = email};
    assert_int_equal(write_(f, run_prospect, &call), DB_OK);
    strcpy(id, call.id);
}

static int move(struct fixture *f, const char *organisation, const char *id, enum campaign_status to,
                enum campaign_status *was)
{
    struct call call = {.organisation = organisation, .campaign = id, .to = to};
    int rc = write_(f, run_transition, &call);
    *was = call.was;
    return rc;
}

/* Every pair of states: only the documented transitions are allowed, and a refusal changes nothing. */
static void only_the_documented_transitions_are_allowed(void **state)
{
    struct fixture *f = *state;
    static const enum campaign_status path[CAMPAIGN_STATUSES][3] = {
        [CAMPAIGN_STATUS_DRAFT] = {CAMPAIGN_STATUS_DRAFT},
        [CAMPAIGN_STATUS_ACTIVE] = {CAMPAIGN_STATUS_ACTIVE, CAMPAIGN_STATUS_DRAFT},
        [CAMPAIGN_STATUS_PAUSED] = {CAMPAIGN_STATUS_ACTIVE, CAMPAIGN_STATUS_PAUSED},
        [CAMPAIGN_STATUS_COMPLETED] = {CAMPAIGN_STATUS_ACTIVE, CAMPAIGN_STATUS_COMPLETED},
    };
    static const bool allowed[CAMPAIGN_STATUSES][CAMPAIGN_STATUSES] = {
        [CAMPAIGN_STATUS_DRAFT] = {[CAMPAIGN_STATUS_ACTIVE] = true},
        [CAMPAIGN_STATUS_ACTIVE] = {[CAMPAIGN_STATUS_PAUSED] = true, [CAMPAIGN_STATUS_COMPLETED] = true},
        [CAMPAIGN_STATUS_PAUSED] = {[CAMPAIGN_STATUS_ACTIVE] = true, [CAMPAIGN_STATUS_COMPLETED] = true},
    };
    for (int from = 0; from < CAMPAIGN_STATUSES; from++)
        for (int to = 0; to < CAMPAIGN_STATUSES; to++) {
            char id[37];
            enum campaign_status was;
            campaign(f, f->organisation, id);
            for (int i = 0; i < 2 && path[from][i] != CAMPAIGN_STATUS_DRAFT; i++)
                assert_int_equal(move(f, f->organisation, id, path[from][i], &was), DB_OK);
            assert_int_equal(move(f, f->organisation, id, (enum campaign_status)to, &was),
                             allowed[from][to] ? DB_OK : DB_E_CONFLICT);
            assert_int_equal(was, from);
            struct call call = {.organisation = f->organisation, .campaign = id};
            assert_int_equal(read_(f, run_stats, &call), DB_OK);
            assert_int_equal(call.stats.status, allowed[from][to] ? to : from);
        }
    enum campaign_status was;
    assert_int_equal(move(f, f->organisation, NOWHERE, CAMPAIGN_STATUS_ACTIVE, &was), DB_E_NOT_FOUND);
}

static int keep_times(void *arg, const struct campaign *c)
{
    int64_t *times = arg;
    times[0] = c->created_ms;
    times[1] = c->started_ms;
    times[2] = c->completed_ms;
    must(strcmp(c->subject_template, "Hi {{first_name}}") == 0);
    return 0;
}

struct times_call {
    const char *organisation, *id;
    int64_t times[3];
};

static int run_times(void *arg, struct db *db)
{
    struct times_call *call = arg;
    return campaigns_get(db, call->organisation, call->id, keep_times, call->times);
}

static void the_first_start_is_kept(void **state)
{
    struct fixture *f = *state;
    char id[37];
    enum campaign_status was;
    campaign(f, f->organisation, id);
    struct times_call call = {f->organisation, id, {0}};
    assert_int_equal(store_run(f->store, STORE_MODE_READ, run_times, &call), DB_OK);
    assert_true(call.times[0] > 0 && call.times[1] == 0 && call.times[2] == 0);
    assert_int_equal(move(f, f->organisation, id, CAMPAIGN_STATUS_ACTIVE, &was), DB_OK);
    assert_int_equal(store_run(f->store, STORE_MODE_READ, run_times, &call), DB_OK);
    int64_t started = call.times[1];
    assert_true(started >= call.times[0]);
    wait_until(clock_wall_ms() > started);
    assert_int_equal(move(f, f->organisation, id, CAMPAIGN_STATUS_PAUSED, &was), DB_OK);
    assert_int_equal(move(f, f->organisation, id, CAMPAIGN_STATUS_ACTIVE, &was), DB_OK);
    assert_int_equal(move(f, f->organisation, id, CAMPAIGN_STATUS_COMPLETED, &was), DB_OK);
    assert_int_equal(store_run(f->store, STORE_MODE_READ, run_times, &call), DB_OK);
    assert_int_equal(call.times[1], started);
    assert_true(call.times[2] > started);
}

static int64_t active(struct fixture *f, const char *organisation)
{
    struct call call = {.organisation = organisation};
    assert_int_equal(read_(f, run_active, &call), DB_OK);
    return call.active;
}

static void sum_active(void *arg, const char *organisation_id, int64_t n)
{
    (void)organisation_id;
    ((int64_t *)arg)[0] += n;
    ((int64_t *)arg)[1]++;
}

static int run_active_counts(void *arg, struct db *db)
{
    return campaigns_active_counts(db, sum_active, arg);
}

static void tell(void *arg, const char *email_id)
{
    struct call *call = arg;
    call->told += strlen(email_id) == 36;
}

static int run_erase_organisation(void *arg, struct db *db)
{
    struct call *call = arg;
    call->n = erase_organisation(db, call->organisation, tell, call);
    return call->n < 0 ? call->n : DB_OK;
}

static void active_campaigns_are_counted(void **state)
{
    struct fixture *f = *state;
    char id[3][37];
    enum campaign_status was;
    for (int i = 0; i < 3; i++)
        campaign(f, f->organisation, id[i]);
    assert_int_equal(active(f, f->organisation), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(move(f, f->organisation, id[i], CAMPAIGN_STATUS_ACTIVE, &was), DB_OK);
    assert_int_equal(move(f, f->organisation, id[1], CAMPAIGN_STATUS_PAUSED, &was), DB_OK);
    assert_int_equal(active(f, f->organisation), 2);
    assert_int_equal(active(f, f->other), 0);
    char theirs[37];
    campaign(f, f->other, theirs);
    int64_t all[2] = {0};
    assert_int_equal(store_run(f->store, STORE_MODE_READ, run_active_counts, all), DB_OK);
    assert_int_equal(all[0], 2);
    assert_int_equal(all[1], 2); /* also the other organisation without campaigns: its gauge is 0 and not absent */
    /* The same holds after an organisation was erased with its active campaigns. */
    struct call call = {.organisation = f->organisation};
    while (call.n != ERASED)
        assert_int_equal(write_(f, run_erase_organisation, &call), DB_OK);
    memset(all, 0, sizeof(all));
    assert_int_equal(store_run(f->store, STORE_MODE_READ, run_active_counts, all), DB_OK);
    assert_int_equal(all[0], 0);
    assert_int_equal(all[1], 2);
}

struct page_call {
    const char *organisation;
    char after[37];
    int status, n;
    bool more;
};

static int count_campaign(void *arg, const struct campaign *c)
{
    struct page_call *call = arg;
    must(strcmp(call->after, c->id) < 0);
    strcpy(call->after, c->id);
    call->n++;
    return 0;
}

static int run_page(void *arg, struct db *db)
{
    struct page_call *call = arg;
    char after[37];
    strcpy(after, call->after);
    int n = campaigns_page(db, call->organisation, after, 3, call->status, count_campaign, call, &call->more);
    return n < 0 ? n : 0;
}

static void campaigns_page_by_key(void **state)
{
    struct fixture *f = *state;
    char id[37];
    enum campaign_status was;
    for (int i = 0; i < 7; i++)
        campaign(f, i == 3 ? f->other : f->organisation, id);
    struct page_call call = {.organisation = f->organisation, .status = -1};
    do
        assert_int_equal(store_run(f->store, STORE_MODE_READ, run_page, &call), DB_OK);
    while (call.more);
    assert_int_equal(call.n, 6);
    assert_int_equal(move(f, f->organisation, id, CAMPAIGN_STATUS_ACTIVE, &was), DB_OK);
    struct page_call only = {.organisation = f->organisation, .status = CAMPAIGN_STATUS_ACTIVE};
    assert_int_equal(store_run(f->store, STORE_MODE_READ, run_page, &only), DB_OK);
    assert_int_equal(only.n, 1);
}

/* ---- drafts ---- */

static int keep_draft(void *arg, const struct draft *draft)
{
    struct call *call = arg;
    call->draft = *draft;
    snprintf(call->subject, sizeof(call->subject), "%s", draft->subject ? draft->subject : "(null)");
    snprintf(call->error, sizeof(call->error), "%s", draft->error ? draft->error : "(null)");
    return 0;
}

static int run_get_draft(void *arg, struct db *db)
{
    struct call *call = arg;
    return drafts_get(db, call->organisation, call->campaign, call->prospect, keep_draft, call);
}

/* A draft is outdated by a change after its data were read, in the same millisecond too; not by the one it has seen. */
static void a_draft_is_as_old_as_its_data(void **state)
{
    struct fixture *f = *state;
    char c[37], p[37];
    campaign(f, f->organisation, c);
    prospect(f, f->organisation, "d@example.com", p);
    struct call call = {.organisation = f->organisation, .campaign = c, .prospect = p, .text = "S"};
    static const struct {
        struct draft_source source;
        int64_t created_ms;
        bool fresh;
    } steps[] = {
        {{1000, 900}, 1000, true},  {{1500, 999}, 1000, false}, /* delivered twice */
        {{1500, 1000}, 1500, true}, {{2000, 2000}, 2001, true}, {{2000, 2000}, 2001, false},
        {{1900, 2001}, 2002, true}, /* read at a time from before, by a clock that was set back */
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        call.source = steps[i].source;
        assert_int_equal(write_(f, run_draft, &call), DB_OK);
        assert_int_equal(call.fresh, steps[i].fresh);
        assert_int_equal(read_(f, run_get_draft, &call), DB_OK);
        assert_int_equal(call.draft.created_ms, steps[i].created_ms);
    }
}

static void a_failed_draft_is_replaced_a_generated_one_is_final(void **state)
{
    struct fixture *f = *state;
    char c[37], p[37];
    campaign(f, f->organisation, c);
    prospect(f, f->organisation, "d@example.com", p);
    struct call call = {.organisation = f->organisation, .campaign = c, .prospect = p, .text = "no company"};
    assert_int_equal(read_(f, run_get_draft, &call), DB_E_NOT_FOUND);
    assert_int_equal(write_(f, run_draft_failed, &call), DB_OK);
    assert_true(call.fresh);
    call.text = "Hi Ada";
    assert_int_equal(write_(f, run_draft, &call), DB_OK);
    assert_true(call.fresh);
    call.text = "Hi again";
    assert_int_equal(write_(f, run_draft, &call), DB_OK);
    assert_false(call.fresh); /* a second delivery is not counted */
    assert_int_equal(write_(f, run_draft_failed, &call), DB_OK);
    assert_false(call.fresh);
    assert_int_equal(read_(f, run_get_draft, &call), DB_OK);
    assert_int_equal(call.draft.state, DRAFT_GENERATED);
    assert_string_equal(call.subject, "Hi Ada");
    assert_string_equal(call.error, "(null)");
}

static void rows_of_another_tenant_cannot_be_referred_to(void **state)
{
    struct fixture *f = *state;
    char mine[37], theirs[37], p[37], their_p[37];
    campaign(f, f->organisation, mine);
    campaign(f, f->other, theirs);
    prospect(f, f->organisation, "e@example.com", p);
    prospect(f, f->other, "e@example.com", their_p);
    struct call call = {.organisation = f->organisation, .campaign = theirs, .prospect = p, .text = "x"};
    assert_int_equal(write_(f, run_draft, &call), DB_E_CONFLICT);
    assert_int_equal(write_(f, run_email_create, &call), DB_E_CONFLICT);
    assert_int_equal(read_(f, run_stats, &call), DB_E_NOT_FOUND);
    enum campaign_status was;
    assert_int_equal(move(f, f->organisation, theirs, CAMPAIGN_STATUS_ACTIVE, &was), DB_E_NOT_FOUND);
    call.campaign = mine;
    call.prospect = their_p;
    assert_int_equal(write_(f, run_draft, &call), DB_E_CONFLICT);
    assert_int_equal(write_(f, run_claim, &call), DB_E_CONFLICT);
    call.prospect = "nonsense";
    assert_int_equal(write_(f, run_draft, &call), DB_E_INVALID);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM outreach.drafts"), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM outreach.emails"), 0);
}

/* ---- emails ---- */

static void an_email_is_claimed_once(void **state)
{
    struct fixture *f = *state;
    char c[37], p[37], first[37];
    campaign(f, f->organisation, c);
    prospect(f, f->organisation, "m@example.com", p);
    struct call call = {.organisation = f->organisation, .campaign = c, .prospect = p};
    call.state = EMAIL_ACCEPTED;
    assert_int_equal(write_(f, run_finish, &call), DB_E_NOT_FOUND);
    assert_int_equal(write_(f, run_email_create, &call), DB_OK);
    assert_true(call.fresh);
    assert_int_equal(write_(f, run_email_create, &call), DB_OK);
    assert_false(call.fresh);
    assert_int_equal(write_(f, run_finish, &call), DB_E_CONFLICT); /* not claimed */

    assert_int_equal(write_(f, run_claim, &call), DB_OK);
    assert_int_equal(call.email_was, EMAIL_WAITING);
    strcpy(first, call.id);
    assert_int_equal(write_(f, run_claim, &call), DB_OK);
    assert_int_equal(call.email_was, EMAIL_SENDING); /* in doubt */
    assert_string_equal(call.id, first);

    call.state = EMAIL_WAITING; /* the transport deferred it */
    call.text = "421 try again";
    assert_int_equal(write_(f, run_finish, &call), DB_OK);
    assert_int_equal(write_(f, run_claim, &call), DB_OK);
    assert_int_equal(call.email_was, EMAIL_WAITING);
    call.state = EMAIL_ACCEPTED;
    call.text = NULL;
    assert_int_equal(write_(f, run_finish, &call), DB_OK);
    assert_int_equal(write_(f, run_claim, &call), DB_OK);
    assert_int_equal(call.email_was, EMAIL_ACCEPTED);
    assert_int_equal(write_(f, run_finish, &call), DB_E_CONFLICT);
    call.state = EMAIL_SENDING;
    assert_int_equal(write_(f, run_finish, &call), DB_E_INVALID);
    assert_int_equal(fixture_count(f, "SELECT attempts FROM outreach.emails"), 2);
    assert_int_equal(fixture_count(f, "SELECT sent_at > 0 FROM outreach.emails"), 1);
}

static void a_claim_creates_a_missing_row(void **state)
{
    struct fixture *f = *state;
    char c[37], p[37];
    campaign(f, f->organisation, c);
    prospect(f, f->organisation, "n@example.com", p);
    struct call call = {.organisation = f->organisation, .campaign = c, .prospect = p};
    assert_int_equal(write_(f, run_claim, &call), DB_OK);
    assert_int_equal(call.email_was, EMAIL_WAITING);
    assert_int_equal(strlen(call.id), 36);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM outreach.emails WHERE state = 'sending'"), 1);
}

static void statistics_add_up(void **state)
{
    struct fixture *f = *state;
    char c[37], p[6][37], theirs[37];
    campaign(f, f->organisation, c);
    prospect(f, f->other, "x@example.com", theirs);
    for (int i = 0; i < 6; i++) {
        char email[32];
        snprintf(email, sizeof(email), "s%d@example.com", i);
        prospect(f, f->organisation, email, p[i]);
        struct call call = {.organisation = f->organisation, .campaign = c, .prospect = p[i], .text = "t"};
        assert_int_equal(write_(f, i < 5 ? run_draft : run_draft_failed, &call), DB_OK);
        if (i < 3)
            assert_int_equal(write_(f, run_claim, &call), DB_OK);
        call.state = i == 0 ? EMAIL_REFUSED_RECIPIENT : EMAIL_ACCEPTED;
        if (i < 2)
            assert_int_equal(write_(f, run_finish, &call), DB_OK);
    }
    struct call call = {.organisation = f->organisation, .campaign = c};
    assert_int_equal(read_(f, run_stats, &call), DB_OK);
    assert_int_equal(call.stats.drafts[DRAFT_GENERATED], 5);
    assert_int_equal(call.stats.drafts[DRAFT_FAILED], 1);
    assert_int_equal(call.stats.emails[EMAIL_WAITING], 0);
    assert_int_equal(call.stats.emails[EMAIL_SENDING], 1);
    assert_int_equal(call.stats.emails[EMAIL_ACCEPTED], 1);
    assert_int_equal(call.stats.emails[EMAIL_REFUSED_RECIPIENT], 1);
    assert_int_equal(call.stats.prospects[PROSPECT_STATUS_IMPORTED], 6);
}

/* ---- holds, suppressions, erasure ---- */

static int run_later(void *arg, struct db *db)
{
    struct call *call = arg;
    struct email_claim claim;
    struct email_outcome outcome = {
        .state = EMAIL_WAITING, .reason = "deferred", .words = "451 later", .unspent = true};
    outcome.due_ms = INT64_C(1796000000000); /* more than 32 bits */
    int rc = emails_claim(db, call->organisation, call->campaign, call->prospect, NULL, 0, &claim);
    return rc == DB_OK ? emails_finish(db, call->organisation, call->campaign, call->prospect, &outcome) : rc;
}

static void an_email_is_due_later(void **state)
{
    struct fixture *f = *state;
    char c[37], p[37];
    campaign(f, f->organisation, c);
    prospect(f, f->organisation, "later@example.com", p);
    struct call call = {.organisation = f->organisation, .campaign = c, .prospect = p};
    assert_int_equal(write_(f, run_later, &call), DB_OK);
    assert_int_equal(fixture_count(f, "SELECT due_at FROM outreach.emails"), INT64_C(1796000000000));
    assert_int_equal(fixture_count(f, "SELECT attempts FROM outreach.emails"), 0);
    assert_int_equal(write_(f, run_claim, &call), DB_OK);
    call.state = EMAIL_ACCEPTED;
    assert_int_equal(write_(f, run_finish, &call), DB_OK);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM outreach.emails WHERE due_at IS NULL AND words IS NULL"),
                     1);
}

static int run_hold(void *arg, struct db *db)
{
    struct call *call = arg;
    struct campaign_held held;
    struct campaign_refusal refusal = {call->text, "550 5.7.1 no", 3};
    int rc = campaign_hold(db, call->organisation, call->campaign, &refusal, call->active, &held);
    call->n = (int)held.hold_ms;
    call->fresh = held.paused;
    return rc;
}

static void equal_refusals_pause_a_campaign(void **state)
{
    struct fixture *f = *state;
    int64_t now = INT64_C(1796000000000);
    char c[37];
    campaign(f, f->organisation, c);
    struct call call = {.organisation = f->organisation, .campaign = c, .text = "MAIL 550"};
    call.to = CAMPAIGN_STATUS_ACTIVE;
    assert_int_equal(write_(f, run_transition, &call), DB_OK);
    static const struct {
        const char *what;
        int after_ms, hold_ms;
        bool paused;
    } steps[] = {
        {"MAIL 550", 0, 1000, false},    {"MAIL 550", 400, 600, false},   /* during the hold: not counted */
        {"MAIL 550", 1000, 2000, false}, {"MAIL 421", 3000, 1000, false}, /* another refusal: the count restarts */
        {"MAIL 421", 4000, 2000, false}, {"MAIL 421", 6000, 4000, true},
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        call.text = steps[i].what;
        call.active = now + steps[i].after_ms;
        assert_int_equal(write_(f, run_hold, &call), DB_OK);
        assert_int_equal(call.n, steps[i].hold_ms);
        assert_int_equal(call.fresh, steps[i].paused);
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM outreach.campaigns WHERE status = 'paused' AND refused = 1"
                                      " AND refusals = 3 AND refusal_words = '550 5.7.1 no'"),
                     1);
    assert_int_equal(write_(f, run_transition, &call), DB_OK); /* started again */
    assert_int_equal(fixture_count(f, "SELECT refusals + refused + held_until FROM outreach.campaigns"), 0);
}

static int run_suppress(void *arg, struct db *db)
{
    struct call *call = arg;
    return suppressions_add(db, call->organisation, call->text, SUPPRESSED_BY_API, &call->fresh);
}

static int run_suppressed(void *arg, struct db *db)
{
    struct call *call = arg;
    call->n = suppressions_has(db, call->organisation, call->text);
    return call->n < 0 ? call->n : DB_OK;
}

static int run_erase(void *arg, struct db *db)
{
    struct call *call = arg;
    return erase_prospect(db, call->organisation, call->prospect, NULL, NULL);
}

static int run_idempotency_key(void *arg, struct db *db)
{
    const struct call *call = arg;
    int rc = db_scope(db, call->organisation);
    return rc != DB_OK ? rc
                       : idempotency_finish(db, call->organisation, "key", false, "fingerprint", 201,
                                            "{\"email\":\"gone@example.com\"}", 28, NULL);
}

static int run_erase_campaign(void *arg, struct db *db)
{
    struct call *call = arg;
    call->n = erase_campaign(db, call->organisation, call->campaign, tell, call);
    return call->n < 0 ? call->n : DB_OK;
}

/* Else its e-mails could be sent a second time, because nobody knows of the first any more. */
static void a_half_erased_campaign_is_not_started(void **state)
{
    struct fixture *f = *state;
    char c[37], p[37];
    enum campaign_status was;
    campaign(f, f->organisation, c);
    prospect(f, f->organisation, "ada@example.com", p);
    struct call call = {.organisation = f->organisation, .campaign = c, .prospect = p};
    assert_int_equal(move(f, f->organisation, c, CAMPAIGN_STATUS_ACTIVE, &was), DB_OK);
    assert_int_equal(write_(f, run_claim, &call), DB_OK);
    assert_int_equal(write_(f, run_erase_campaign, &call), DB_E_CONFLICT);
    assert_int_equal(move(f, f->organisation, c, CAMPAIGN_STATUS_PAUSED, &was), DB_OK);
    assert_int_equal(write_(f, run_erase_campaign, &call), DB_OK);
    assert_int_equal(call.n, DB_OK); /* there is more */
    assert_int_equal(move(f, f->organisation, c, CAMPAIGN_STATUS_ACTIVE, &was), DB_E_CONFLICT);
    assert_int_equal(was, CAMPAIGN_STATUS_COMPLETED);
    while (call.n != ERASED)
        assert_int_equal(write_(f, run_erase_campaign, &call), DB_OK);
    assert_int_equal(write_(f, run_erase_campaign, &call), DB_E_NOT_FOUND);
}

static void a_suppression_outlives_the_person(void **state)
{
    struct fixture *f = *state;
    char c[37], p[37];
    campaign(f, f->organisation, c);
    prospect(f, f->organisation, "gone@example.com", p);
    struct call call = {.organisation = f->organisation, .campaign = c, .prospect = p, .text = "Gone@example.com"};
    assert_int_equal(write_(f, run_claim, &call), DB_OK);
    assert_int_equal(write_(f, run_draft, &call), DB_OK);
    assert_int_equal(write_(f, run_suppress, &call), DB_OK);
    assert_true(call.fresh);
    assert_int_equal(write_(f, run_suppress, &call), DB_OK);
    assert_false(call.fresh);
    assert_int_equal(write_(f, run_erase, &call), DB_OK);
    assert_int_equal(write_(f, run_erase, &call), DB_E_NOT_FOUND);
    assert_int_equal(fixture_count(f, "SELECT (SELECT count(*) FROM crm.prospects) + (SELECT count(*) FROM"
                                      " outreach.drafts) + (SELECT count(*) FROM outreach.emails)"),
                     0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM outreach.suppressions WHERE address IS NULL"), 1);
    assert_int_equal(read_(f, run_suppressed, &call), DB_OK);
    assert_int_equal(call.n, 1);
    call.organisation = f->other;
    assert_int_equal(read_(f, run_suppressed, &call), DB_OK);
    assert_int_equal(call.n, 0);

    /* Then the whole organisation is erased; the ids of its emails are reported. */
    call.organisation = f->organisation;
    prospect(f, f->organisation, "stays@example.com", p);
    assert_int_equal(write_(f, run_claim, &call), DB_OK);
    assert_int_equal(write_(f, run_idempotency_key, &call), DB_OK);
    call.told = 0;
    while ((assert_int_equal(write_(f, run_erase_organisation, &call), DB_OK), call.n != ERASED))
        continue;
    assert_int_equal(call.told, 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM outreach.emails"), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.idempotency"), 0);
    /* what it used stays as 0, so that the gauges of other processes follow */
    assert_int_equal(fixture_count(f, "SELECT count(DISTINCT what) FROM tracking.usage"
                                      " WHERE what = 'idempotency_keys'"),
                     1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM (SELECT what FROM tracking.usage GROUP BY what"
                                      " HAVING sum(used) <> 0) AS more"),
                     0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM iam.organisations"), 1);
    assert_int_equal(write_(f, run_erase_organisation, &call), DB_E_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_the_documented_transitions_are_allowed),
        TEST(the_first_start_is_kept),
        TEST(active_campaigns_are_counted),
        TEST(campaigns_page_by_key),
        TEST(a_failed_draft_is_replaced_a_generated_one_is_final),
        TEST(a_draft_is_as_old_as_its_data),
        TEST(rows_of_another_tenant_cannot_be_referred_to),
        TEST(an_email_is_claimed_once),
        TEST(a_claim_creates_a_missing_row),
        TEST(statistics_add_up),
        TEST(an_email_is_due_later),
        TEST(equal_refusals_pause_a_campaign),
        TEST(a_half_erased_campaign_is_not_started),
        TEST(a_suppression_outlives_the_person),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
