/* SPDX-License-Identifier: Apache-2.0 */
/* The email rate of an organisation, with the test's own clock. */
#include "data/mail_rate.h"
#include "store_fixture.h"

#define RATE 10
#define COST_MS (1000 / RATE)

struct rate {
    const char *organisation;
    bool must, has_turn;
    int64_t now_ms, wait_ms;
};

static int run_take(void *arg, struct db *db)
{
    struct rate *rate = arg;
    return mail_rate_take(db, rate->organisation, RATE, rate->must, rate->has_turn, rate->now_ms, &rate->wait_ms);
}

static int64_t take(struct fixture *f, const char *organisation, bool must, int64_t now_ms)
{
    struct rate rate = {organisation, must, false, now_ms, -1};
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_take, &rate), DB_OK);
    return rate.wait_ms;
}

static void an_organisation_has_its_rate(void **state)
{
    struct fixture *f = *state;
    int64_t now = 1800000000000, turns[20];
    for (int i = 0; i < RATE; i++)
        assert_int_equal(take(f, f->organisation, false, now), 0);
    /* Emails that are delayed together get consecutive turns, one for each token. */
    for (int i = 0; i < 20; i++) {
        turns[i] = now + take(f, f->organisation, false, now);
        assert_int_equal(turns[i], now + (i + 1) * COST_MS);
    }
    assert_int_equal(take(f, f->other, false, now), 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(take(f, f->organisation, false, turns[i]), 0);
    /* An email that comes too early gets another turn. One that must be sent now makes later ones wait. */
    now = turns[19];
    assert_int_equal(take(f, f->organisation, false, now), COST_MS);
    assert_int_equal(take(f, f->organisation, true, now), 0);
    assert_int_equal(take(f, f->organisation, false, now + COST_MS), COST_MS);
    assert_int_equal(take(f, f->organisation, false, now - 3600000), 0); /* the clock was set back */
}

static int64_t take_again(struct fixture *f, int64_t now_ms)
{
    struct rate rate = {f->organisation, false, true, now_ms, -1};
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_take, &rate), DB_OK);
    return rate.wait_ms;
}

/* An e-mail that has a turn gets a token if there is one, and else leaves the turns as they are. */
static void a_second_job_takes_no_second_turn(void **state)
{
    struct fixture *f = *state;
    int64_t now = 1800000000000;
    for (int i = 0; i < RATE; i++)
        assert_int_equal(take_again(f, now), 0);
    for (int i = 0; i < 3; i++)
        assert_true(take_again(f, now) > 0);
    assert_int_equal(take(f, f->organisation, false, now), COST_MS);
    assert_true(take_again(f, now) > 0);
    assert_int_equal(take(f, f->organisation, false, now), 2 * COST_MS);
}

/* The last token is given once. A full bucket does not grow. */
static void every_token_is_given_once(void **state)
{
    struct fixture *f = *state;
    int64_t now = 1800000000000;
    for (int i = 0; i < RATE; i++)
        assert_int_equal(take(f, f->organisation, false, now), 0);
    assert_int_equal(take(f, f->organisation, true, now), 0);
    assert_int_equal(take(f, f->organisation, false, now), 2 * COST_MS);
    now += 3600000;
    for (int i = 0; i < RATE; i++)
        assert_int_equal(take(f, f->organisation, false, now), 0);
    assert_int_equal(take(f, f->organisation, false, now), COST_MS);
}

static int run_failing_take(void *arg, struct db *db)
{
    int rc = run_take(arg, db);
    return rc == DB_OK ? 1 : rc;
}

static void a_rollback_takes_no_token(void **state)
{
    struct fixture *f = *state;
    struct rate rate = {.organisation = f->organisation, .now_ms = 1800000000000};
    for (int i = 0; i < 2 * RATE; i++) {
        assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_failing_take, &rate), 1);
        assert_int_equal(rate.wait_ms, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_token_is_given_once, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_second_job_takes_no_second_turn, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(an_organisation_has_its_rate, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_rollback_takes_no_token, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
