/* SPDX-License-Identifier: Apache-2.0 */
/* Idempotency-Key: a repeated request is done once and gets the same answer. Another request with the same key is refused. */
#include "api_fixture.h"
#include "data/idempotency.h"

#define CAMPAIGNS "/api/v1/campaigns"
#define BODY "{'name': 'n', 'subject_template': 'S', 'body_template': 'B'}"

static int64_t campaigns(void)
{
    return fixture_count(api_f, "SELECT count(*) FROM outreach.campaigns");
}

static void settings(void)
{
    api_front->settings.idempotency_ttl_s = 3600;
}

static void the_same_request_is_done_once(void **state)
{
    char location[128];
    (void)state;
    settings();
    api_headers = "Idempotency-Key: one\r\n";
    json_t *first = api_with("POST", CAMPAIGNS, BODY, 201);
    memcpy(location, api_location, sizeof(location));
    assert_false(api_replayed);
    for (int i = 0; i < 2; i++) {
        json_t *again = api_with("POST", CAMPAIGNS, BODY, 201);
        assert_true(api_replayed);
        assert_true(json_equal(first, again));
        assert_string_equal(api_location, location);
        json_decref(again);
        api_headers = "Idempotency-Key: \"one\"\r\n"; /* the same key, quoted */
    }
    assert_int_equal(campaigns(), 1);
    api_refused("POST", CAMPAIGNS, "{'name': 'other', 'subject_template': 'S', 'body_template': 'B'}", 422,
                "idempotency_key_reused");
    api_refused("POST", "/api/v1/suppressions", BODY, 422, "invalid_fields"); /* refused before the store is used */
    api_headers = "Idempotency-Key: two\r\n";
    json_t *other = api_with("POST", CAMPAIGNS, BODY, 201);
    assert_false(api_replayed);
    assert_false(json_equal(first, other));
    json_decref(other);
    json_decref(first);
    assert_int_equal(campaigns(), 2);
}

/* The stored answers must not keep a person who was erased, nor may a repeated request create the person again. */
static void an_erased_person_is_in_no_answer(void **state)
{
    char path[160];
    (void)state;
    settings();
    api_headers = "Idempotency-Key: one\r\n";
    json_t *ada = api_with("POST", "/api/v1/prospects", "{'email': 'ada@example.com', 'first_name': 'Ada'}", 201);
    (void)snprintf(path, sizeof(path), "/api/v1/prospects/%s", json_string_value(json_object_get(ada, "id")));
    api_headers = "Idempotency-Key: two\r\n";
    json_decref(api_with("POST", "/api/v1/suppressions", "{'email': 'ada@example.com'}", 201));
    api_headers = "Idempotency-Key: three\r\n";
    json_t *bob = api_with("POST", "/api/v1/prospects", "{'email': 'bob@example.com'}", 201);
    api_headers = NULL;
    assert_null(api("DELETE", path, 204));
    assert_int_equal(fixture_count(api_f, "SELECT count(*) FROM tracking.idempotency WHERE answer LIKE '%ada@%'"), 0);
    api_headers = "Idempotency-Key: one\r\n";
    json_t *again = api_with("POST", "/api/v1/prospects", "{'email': 'ada@example.com', 'first_name': 'Ada'}", 201);
    assert_true(api_replayed);
    assert_int_equal(json_object_size(again), 0);
    json_decref(again);
    assert_int_equal(fixture_count(api_f, "SELECT count(*) FROM crm.prospects"), 1);
    api_headers = "Idempotency-Key: three\r\n";
    again = api_with("POST", "/api/v1/prospects", "{'email': 'bob@example.com'}", 201);
    assert_true(json_equal(bob, again));
    json_decref(again);
    json_decref(bob);
    json_decref(ada);
}

static void a_refused_request_may_be_repeated(void **state)
{
    (void)state;
    settings();
    api_headers = "Idempotency-Key: one\r\n";
    api_front->settings.max_campaigns = 1;
    json_decref(api_with("POST", CAMPAIGNS, BODY, 201));
    api_headers = "Idempotency-Key: two\r\n";
    api_refused("POST", CAMPAIGNS, BODY, 409, "too_many_campaigns");
    api_front->settings.max_campaigns = 2;
    json_decref(api_with("POST", CAMPAIGNS, BODY, 201));
    assert_false(api_replayed);
    assert_int_equal(campaigns(), 2);
}

static void a_key_is_one_string(void **state)
{
    static const char *const wrong[] = {"Idempotency-Key: \r\n",        "Idempotency-Key: \"\"\r\n",
                                        "Idempotency-Key: a b\r\n",     "Idempotency-Key: a\\b\r\n",
                                        "Idempotency-Key: \"a\r\n",     "Idempotency-Key: a\r\nIdempotency-Key: a\r\n",
                                        "Idempotency-Key: \xc3\xa4\r\n"};
    char longest[IDEMPOTENCY_KEY_MAX + 40] = "Idempotency-Key: ";
    (void)state;
    settings();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        api_headers = wrong[i];
        api_refused("POST", CAMPAIGNS, BODY, 400, "invalid_idempotency_key");
    }
    size_t n = strlen(longest);
    memset(longest + n, 'k', IDEMPOTENCY_KEY_MAX + 1);
    (void)strcpy(longest + n + IDEMPOTENCY_KEY_MAX + 1, "\r\n");
    api_headers = longest;
    api_refused("POST", CAMPAIGNS, BODY, 400, "invalid_idempotency_key");
    (void)strcpy(longest + n + IDEMPOTENCY_KEY_MAX, "\r\n");
    json_decref(api_with("POST", CAMPAIGNS, BODY, 201));
    assert_int_equal(campaigns(), 1);
    /* A request that changes nothing needs no key. */
    api_headers = "Idempotency-Key: a b\r\n";
    json_decref(api("GET", CAMPAIGNS, 200));
}

/* A claim of this process without a running request, or an expired claim: the request is executed again. */
static void an_abandoned_claim_is_executed_again(void **state)
{
    (void)state;
    settings();
    api_headers = "Idempotency-Key: one\r\n";
    json_decref(api_with("POST", CAMPAIGNS, BODY, 201));
    assert_int_equal(fixture_exec(api_f, "UPDATE tracking.idempotency SET status = 0, owner = 'elsewhere 1 2', claim = "
                                         "organisation_id, answer = NULL"),
                     DB_OK);
    api_refused("POST", CAMPAIGNS, BODY, 409, "request_in_progress");
    assert_int_equal(fixture_exec(api_f, "UPDATE tracking.idempotency SET at = at - 3000000"), DB_OK);
    json_decref(api_with("POST", CAMPAIGNS, BODY, 201));
    assert_false(api_replayed);
    assert_int_equal(campaigns(), 2);
    assert_int_equal(fixture_exec(api_f, "UPDATE tracking.idempotency SET at = at - 3601000"), DB_OK);
    json_decref(api_with("POST", CAMPAIGNS, BODY, 201));
    assert_false(api_replayed);
    assert_int_equal(campaigns(), 3);
}

/* More than fits in one transaction: the first claims the key and the last stores the answer. */
static void a_large_import_is_done_once(void **state)
{
    char *body = malloc(200000), *at = stpcpy(body, "email,first_name\n");
    (void)state;
    settings();
    for (int i = 0; i < 2000; i++)
        at += sprintf(at, "person-%d@example.com,A name that makes the row longer %d\n", i, i);
    api_headers = "Idempotency-Key: one\r\n";
    for (int i = 0; i < 2; i++) {
        api_expect(api_send("POST", "/api/v1/prospects/import", "text/csv", body, 200),
                   "{'imported': 2000, 'updated': 0, 'rejected': 0}");
        assert_int_equal(api_replayed, i > 0);
    }
    assert_int_equal(fixture_count(api_f, "SELECT count(*) FROM tracking.idempotency WHERE claim IS NULL"
                                          " AND owner IS NULL AND import_id IS NULL AND status = 200"),
                     1);
    free(body);
}

static void no_more_keys_than_allowed(void **state)
{
    (void)state;
    settings();
    api_front->settings.max_idempotency_keys = 1;
    api_headers = "Idempotency-Key: one\r\n";
    json_decref(api_with("POST", CAMPAIGNS, BODY, 201));
    api_headers = "Idempotency-Key: two\r\n";
    api_refused("POST", CAMPAIGNS, BODY, 429, "too_many_idempotency_keys");
    api_headers = "Idempotency-Key: one\r\n";
    json_decref(api_with("POST", CAMPAIGNS, BODY, 201));
    assert_true(api_replayed);
    assert_int_equal(campaigns(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        API_TEST(the_same_request_is_done_once),
        API_TEST(a_refused_request_may_be_repeated),
        API_TEST(a_key_is_one_string),
        API_TEST(an_abandoned_claim_is_executed_again),
        API_TEST(a_large_import_is_done_once),
        API_TEST(no_more_keys_than_allowed),
        API_TEST(an_erased_person_is_in_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
