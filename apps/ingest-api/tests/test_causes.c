/* SPDX-License-Identifier: Apache-2.0 */
/* What the service waits for: as a sentence, as JSON, with and without names; and how trouble and shares are counted. */
#include "base/causes.h"
#include "base/trouble.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1700000000000)

static void expect_json(const struct causes *causes, bool names, const char *expected)
{
    struct text text;
    text_init_growing(&text, 64);
    causes_write(&text, causes, names, NOW);
    char *json = text_take(&text);
    assert_string_equal(json, expected);
    free(json);
}

static void names_are_shown_only_to_operators(void **state)
{
    struct causes causes = {0};
    (void)state;
    expect_json(&causes, true, "[]");
    struct cause *cause = causes_add(&causes, "store", "locked", "writes have waited", NOW - 5000);
    cause->count = 0;
    cause->pid = 47;
    (void)strcpy(cause->process, "sqlite3");
    (void)strcpy(cause->host, "db:5432");
    (void)strcpy(cause->path, "/x");
    cause_because(cause, "locked", "locked by %d\nof db", 47);
    cause = causes_add(&causes, "mail", "away", "", 0);
    cause_because(cause, "away", "m:25 is away");
    expect_json(&causes, false,
                "[{\"part\":\"store\",\"kind\":\"locked\",\"text\":\"writes have waited 5.0 s: locked\","
                "\"since\":\"2023-11-14T22:13:15.000Z\",\"seconds\":5.000,\"count\":0},"
                "{\"part\":\"mail\",\"kind\":\"away\",\"text\":\"away\"}]");
    expect_json(&causes, true,
                "[{\"part\":\"store\",\"kind\":\"locked\",\"text\":\"writes have waited 5.0 s: locked by 47 of db\","
                "\"since\":\"2023-11-14T22:13:15.000Z\",\"seconds\":5.000,\"count\":0,\"process\":{\"pid\":47,"
                "\"name\":\"sqlite3\"},\"host\":\"db:5432\",\"path\":\"/x\"},"
                "{\"part\":\"mail\",\"kind\":\"away\",\"text\":\"m:25 is away\"}]");
}

static void too_many_causes_do_not_overflow(void **state)
{
    struct {
        struct causes causes;
        char after[8];
    } guarded = {.after = "intact"};
    (void)state;
    for (int i = 0; i < CAUSES_MAX + 3; i++)
        assert_non_null(causes_add(&guarded.causes, "store", "busy", "", 0));
    assert_int_equal(guarded.causes.n, CAUSES_MAX);
    assert_string_equal(guarded.after, "intact");
}

static void durations(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } times[] = {{0, "0.0 s"},           {59900, "59.9 s"},       {60000, "1 min 0 s"}, {3599000, "59 min 59 s"},
                 {3600000, "1 h 0 min"}, {90061000, "25 h 1 min"}};
    char text[80], expected[80];
    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
        struct cause cause = {.what = "has waited", .since_ms = NOW - times[i].ms};
        cause_because(&cause, "p", "n");
        cause_text(&cause, false, NOW, text, sizeof(text));
        (void)snprintf(expected, sizeof(expected), "has waited %s: p", times[i].text);
        assert_string_equal(text, expected);
    }
}

static void trouble_is_timed_from_its_beginning(void **state)
{
    struct trouble_state is;
    (void)state;
    assert_false(trouble_get(TROUBLE_MAIL_AWAY, &is));
    trouble_met(TROUBLE_MAIL_AWAY, "m:25", "first");
    assert_true(trouble_get(TROUBLE_MAIL_AWAY, &is));
    int64_t since = is.since_ms;
    trouble_met(TROUBLE_MAIL_AWAY, "m:26", "second");
    assert_true(trouble_get(TROUBLE_MAIL_AWAY, &is));
    assert_int_equal(is.count, 2);
    assert_int_equal(is.since_ms, since);
    assert_string_equal(is.place, "m:26");
    assert_string_equal(is.detail, "second");
    assert_false(trouble_get(TROUBLE_BROKER_AWAY, &is));
    trouble_over(TROUBLE_MAIL_AWAY);
    assert_false(trouble_get(TROUBLE_MAIL_AWAY, &is));
    trouble_met(TROUBLE_MAIL_AWAY, "m:25", "again");
    assert_true(trouble_get(TROUBLE_MAIL_AWAY, &is));
    assert_int_equal(is.count, 1);
    trouble_over(TROUBLE_MAIL_AWAY);
}

/* At least five failures, and at least that percentage. */
static void a_high_share_of_failures_is_reported(void **state)
{
    struct trouble_state is;
    (void)state;
    for (int i = 0; i < 4; i++)
        tally_bad(TALLY_DRAFTS, "p", "d");
    assert_false(tally_get(TALLY_DRAFTS, 50, &is));
    assert_int_equal(is.count, 4);
    assert_int_equal(is.since_ms, 0);
    tally_bad(TALLY_DRAFTS, "place", "detail");
    assert_true(tally_get(TALLY_DRAFTS, 50, &is));
    assert_int_equal(is.count, 5);
    assert_int_equal(is.of, 5);
    assert_true(is.since_ms > 0 && is.latest_ms > 0);
    assert_string_equal(is.place, "place");
    assert_string_equal(is.detail, "detail");
    for (int i = 0; i < 5; i++)
        tally_good(TALLY_DRAFTS);
    assert_true(tally_get(TALLY_DRAFTS, 50, &is));
    assert_int_equal(is.of, 10);
    tally_good(TALLY_DRAFTS);
    assert_false(tally_get(TALLY_DRAFTS, 50, &is));
    assert_true(tally_get(TALLY_DRAFTS, 10, &is));
    assert_false(tally_get(TALLY_EMAILS, 10, &is));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_shown_only_to_operators),
        cmocka_unit_test(too_many_causes_do_not_overflow),
        cmocka_unit_test(durations),
        cmocka_unit_test(trouble_is_timed_from_its_beginning),
        cmocka_unit_test(a_high_share_of_failures_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
