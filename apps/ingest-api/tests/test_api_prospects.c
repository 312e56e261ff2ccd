/* SPDX-License-Identifier: Apache-2.0 */
/* Prospects over the API: one by one, in imports, as pages, and erased with all their data. */
#include "api_fixture.h"
#include "http/rate_limit.h"

#define PROSPECTS "/api/v1/prospects"
#define STRANGER PROSPECTS "/01890a5d-ac96-774b-bcce-b302099a8057"

static json_t *import(const char *query, const char *type, const char *body, int status)
{
    char path[100];
    (void)snprintf(path, sizeof(path), PROSPECTS "/import%s", query);
    return api_send("POST", path, type, body, status);
}

static int64_t count(void)
{
    return fixture_count(api_f, "SELECT count(*) FROM crm.prospects");
}

/* ---- tests ---- */

static void a_prospect_is_created_changed_and_read(void **state)
{
    char one[128];
    (void)state;
    json_t *made = api_with("POST", PROSPECTS,
                            "{'email': ' Ada@Example.com', 'first_name': 'Ada', 'last_name': 'L', 'company': 'C',"
                            " 'title': 'T', 'Height': '1.70'}",
                            201);
    memcpy(one, api_location, sizeof(one));
    assert_string_equal(one + strlen(PROSPECTS "/"), json_string_value(json_object_get(made, "id")));
    api_expect(made,
               "{'email': 'ada@example.com', 'first_name': 'Ada', 'last_name': 'L', 'company': 'C', 'title': 'T',"
               " 'custom_fields': {'height': '1.70'}, 'status': 'imported', 'status_reason': null, 'research': null,"
               " 'created_at': '*', 'updated_at': '*'}");
    api_refused("POST", PROSPECTS, "{'email': 'ADA@example.com'}", 409, "conflict");
    api_refused("POST", PROSPECTS, "{'email': 'nobody'}", 422, "invalid_fields");
    api_refused("POST", PROSPECTS, "{'first_name': 'Ada'}", 422, "invalid_fields");
    api_refused("POST", PROSPECTS, "[]", 400, "invalid_json");
    static const char *const invalid[] = {" \n[]", "x", "]", " ", "\f{}"}; /* wrong from the first byte on */
    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        json_t *answer = api_send("POST", PROSPECTS, "application/json", invalid[i], 400);
        api_expect(answer, "{'error': {'code': 'invalid_json'}}");
    }
    json_decref(api_send("POST", PROSPECTS, "application/json", "\r\n\t {\"email\": \"ada@example.com\"}\n", 409));
    json_decref(api_send("POST", PROSPECTS, "application/json", "", 400));
    json_t *wrong = api_send("POST", PROSPECTS, "application/json", "{\"email\": \"b@c.de\",\n \"first_name\": }", 400);
    assert_non_null(
        strstr(json_string_value(json_object_get(json_object_get(wrong, "error"), "message")), "line 2, column "));
    json_decref(wrong);
    api_work();
    api_expect(api("GET", one, 200),
               "{'email': 'ada@example.com', 'status': 'researched', 'research': {'company_domain': 'example.com'}}");
    api_expect(api_with("PATCH", one, "{'company': null, 'title': 'Dr', 'Height': null, 'Width': '2'}", 200),
               "{'email': 'ada@example.com', 'first_name': 'Ada', 'company': null, 'title': 'Dr', 'custom_fields': "
               "{'width': '2'}}");
    json_decref(api_with("POST", PROSPECTS, "{'email': 'b@example.com'}", 201));
    api_refused("PATCH", one, "{'email': 'b@example.com'}", 409, "conflict");
    api_expect(api_with("PATCH", one, "{'email': 'c@example.com'}", 200), "{'email': 'c@example.com', 'title': 'Dr'}");
    api_refused("PATCH", STRANGER, "{'title': 'x'}", 404, "not_found");
    api_refused("PATCH", PROSPECTS "/x", "{'title': 'x'}", 404, "not_found");
    api_refused("GET", STRANGER, NULL, 404, "not_found");
    api_refused("GET", PROSPECTS "/x", NULL, 404, "not_found");
    assert_int_equal(count(), 2);
}

static void an_import_reports_its_results(void **state)
{
    (void)state;
    api_expect(import("", "text/csv", "email,first_name\na@example.com,A\nb@example.com,B\nnobody,C\n", 200),
               "{'dry_run': false, 'imported': 2, 'updated': 0, 'rejected': 1, 'errors': [{'line': 4}], "
               "'errors_truncated': false,"
               " 'warnings': [], 'warnings_truncated': false}");
    api_expect(import("", "text/csv", "email,first_name\nA@example.com,\nb@example.com,Bo\nc@example.com,C\n", 200),
               "{'imported': 1, 'updated': 2, 'rejected': 0}");
    api_expect(api("GET", PROSPECTS, 200),
               "{'data': [{'email': 'a@example.com', 'first_name': 'A'},"
               " {'email': 'b@example.com', 'first_name': 'Bo'}, {'email': 'c@example.com'}]}");
    api_expect(import("?empty=clear", "text/csv", "email,first_name\na@example.com,\n", 200), "{'updated': 1}");
    api_expect(api("GET", PROSPECTS "?email=a@example.com", 200),
               "{'data': [{'email': 'a@example.com', 'first_name': null}]}");
    api_expect(import("", "application/json",
                      "[{\"email\": \"c@example.com\", \"title\": \"T\"}, {\"email\": \"d@example.com\"}]", 200),
               "{'imported': 1, 'updated': 1}");
    api_expect(import("", "application/x-ndjson", "{\"email\": \"e@example.com\"}\n", 200),
               "{'imported': 1, 'updated': 0}");
    api_expect(import("", "application/x-ndjson", "{\"email\": \"e@example.com\"}\n", 200),
               "{'imported': 0, 'updated': 1}");
    assert_int_equal(count(), 5);
    char sample[200];
    (void)snprintf(sample, sizeof(sample), "prospects_processed_total{organisation_id=\"%s\",action=\"imported\"}",
                   api_organisation);
    assert_int_equal((int)fixture_metric(sample), 2 + 3 + 1 + 2 + 1 + 1);
    (void)snprintf(sample, sizeof(sample), "prospects_processed_total{organisation_id=\"%s\",action=\"rejected\"}",
                   api_organisation);
    assert_int_equal((int)fixture_metric(sample), 1);
}

static void a_dry_run_writes_nothing(void **state)
{
    (void)state;
    json_decref(import("", "text/csv", "email\na@example.com\n", 200));
    api_expect(import("?dry_run=1", "text/csv", "email\na@example.com\nb@example.com\nnobody\n", 200),
               "{'dry_run': true, 'imported': 1, 'updated': 1, 'rejected': 1, 'errors': [{'line': 4}]}");
    assert_int_equal(count(), 1);
    json_decref(import("?dry_run=2", "text/csv", "email\n", 400));
    json_decref(import("?empty=x", "text/csv", "email\n", 400));
    json_decref(import("", "text/csv", "name\nx\n", 400));
    json_decref(import("", "application/json; charset=latin1", "[]", 415));
    api_expect(import("?dry_run=0&empty=keep", "text/csv", "email\nb@example.com\n", 200),
               "{'dry_run': false, 'imported': 1}");
}

/* More bytes than fit in one transaction. */
static void a_large_import_gives_the_same_answer(void **state)
{
    char *body = malloc(200000), *at = stpcpy(body, "email,first_name\n");
    (void)state;
    for (int i = 0; i < 2000; i++)
        at += sprintf(at, "person-%d@example.com,A name that makes the row longer %d\n", i, i);
    api_expect(import("?dry_run=1", "text/csv", body, 200),
               "{'dry_run': true, 'imported': 2000, 'updated': 0, 'rejected': 0}");
    assert_int_equal(count(), 0);
    api_expect(import("", "text/csv", body, 200), "{'imported': 2000, 'updated': 0, 'rejected': 0}");
    (void)strcpy(at, "nobody,x\nnew@example.com,y\n");
    api_expect(import("", "text/csv", body, 200),
               "{'imported': 1, 'updated': 2000, 'rejected': 1, 'errors': [{'line': 2002}]}");
    assert_int_equal(count(), 2001);
    api_front->settings.max_prospects = 2001;
    (void)strcpy(at, "newer@example.com,y\n");
    json_decref(import("", "text/csv", body, 409));
    assert_int_equal(count(), 2001);
    free(body);
}

static void no_more_prospects_than_allowed(void **state)
{
    (void)state;
    api_front->settings.max_prospects = 2;
    json_decref(import("", "text/csv", "email\na@example.com\nb@example.com\n", 200));
    json_decref(import("", "text/csv", "email\na@example.com\nc@example.com\n", 409));
    json_decref(import("", "text/csv", "email\na@example.com\nb@example.com\n", 200));
    api_refused("POST", PROSPECTS, "{'email': 'c@example.com'}", 409, "too_many_prospects");
    assert_int_equal(count(), 2);
}

static void the_list_has_pages_and_filters(void **state)
{
    char path[400];
    (void)state;
    json_decref(import("", "text/csv", "email\na@example.com\nnoreply@example.com\nc@example.com\n", 200));
    json_t *page = api("GET", PROSPECTS "?limit=2", 200);
    (void)snprintf(path, sizeof(path), PROSPECTS "?limit=2&cursor=%s",
                   json_string_value(json_object_get(page, "next_cursor")));
    api_expect(page, "{'data': [{'email': 'a@example.com'}, {'email': 'noreply@example.com'}], 'next_cursor': '*'}");
    api_expect(api("GET", path, 200), "{'data': [{'email': 'c@example.com'}], 'next_cursor': null}");
    api_expect(api("GET", PROSPECTS "?status=imported", 200), "{'data': [{}, {}, {}]}");
    api_work();
    api_expect(api("GET", PROSPECTS "?status=imported", 200), "{'data': []}");
    api_expect(api("GET", PROSPECTS "?status=invalid", 200),
               "{'data': [{'email': 'noreply@example.com', 'status_reason': 'no_reply_address'}]}");
    api_expect(api("GET", PROSPECTS "?status=researched&limit=1", 200),
               "{'data': [{'email': 'a@example.com'}], 'next_cursor': '*'}");
    api_refused("GET", PROSPECTS "?status=x", NULL, 400, "invalid_parameter");
    api_refused("GET", PROSPECTS "?email=x", NULL, 400, "invalid_parameter");
    api_refused("GET", PROSPECTS "?cursor=x", NULL, 400, "invalid_cursor");
}

static void erasure_leaves_no_trace(void **state)
{
    char one[128], campaign[128], path[200];
    (void)state;
    json_decref(api_with("POST", PROSPECTS, "{'email': 'a@example.com', 'first_name': 'A'}", 201));
    memcpy(one, api_location, sizeof(one));
    json_decref(api_with("POST", PROSPECTS, "{'email': 'b@example.com', 'first_name': 'B'}", 201));
    json_decref(
        api_with("POST", "/api/v1/campaigns", "{'name': 'n', 'subject_template': 'S', 'body_template': 'B'}", 201));
    memcpy(campaign, api_location, sizeof(campaign));
    api_work();
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s%s", campaign, (const char *[]){"/drafts", "/start", "/send"}[i]);
        json_decref(api("POST", path, i == 1 ? 200 : 202));
        api_work();
    }
    assert_int_equal(fixture_count(api_f, "SELECT count(*) FROM outreach.emails WHERE state = 'accepted'"), 2);
    assert_null(api("DELETE", one, 204));
    api_refused("GET", one, NULL, 404, "not_found");
    api_refused("DELETE", one, NULL, 404, "not_found");
    api_refused("DELETE", PROSPECTS "/x", NULL, 404, "not_found");
    assert_int_equal(count(), 1);
    assert_int_equal(fixture_count(api_f, "SELECT count(*) FROM outreach.emails"), 1);
    assert_int_equal(fixture_count(api_f, "SELECT count(*) FROM outreach.drafts"), 1);
    (void)snprintf(path, sizeof(path), "%s/pause", campaign);
    json_decref(api("POST", path, 200));
    assert_null(api("DELETE", campaign, 204));
    assert_int_equal(count(), 1);
    assert_int_equal(fixture_count(api_f, "SELECT count(*) FROM outreach.emails"), 0);
    assert_int_equal(fixture_count(api_f, "SELECT count(*) FROM outreach.drafts"), 0);
}

/* ---- a head that arrives slowly ---- */

#define SLOW_HEAD "GET " PROSPECTS " HTTP/1.1\r\nHost: x\r\n"
#define SLOW_END "Authorization: Bearer " API_KEY "\r\n\r\n"

static void begin_slowly(struct front_client *client)
{
    front_connect(api_front, client);
    front_send(api_front, client, SLOW_HEAD, strlen(SLOW_HEAD), strlen(SLOW_HEAD));
}

/* @return the status */
static int end_slowly(struct front_client *client)
{
    front_send(api_front, client, SLOW_END, strlen(SLOW_END), strlen(SLOW_END));
    front_finish(api_front, client, FRONT_HALF_CLOSE);
    front_check(client, FRONT_HALF_CLOSE);
    return client->last;
}

/* A key that was in the cache when the first byte arrived, and was revoked longer ago than the cache keeps it. */
static void a_revoked_key_is_refused_however_slow_the_head(void **state)
{
    struct front_client slow;
    (void)state;
    json_decref(api("GET", PROSPECTS, 200));
    begin_slowly(&slow);
    assert_int_equal(fixture_exec(api_f, "UPDATE iam.api_keys SET revoked_at = 1"), DB_OK);
    uint64_t revoked = promc_now_ns();
    wait_until(promc_now_ns() > revoked + AUTH_KNOWN_NS);
    assert_int_equal(end_slowly(&slow), 401);
}

/* The organisation's other requests took tokens meanwhile, and there are enough left. */
static void a_slow_head_is_within_the_rate(void **state)
{
    struct front_client slow;
    (void)state;
    api_front->app.rate_limit = rate_limit_create(10);
    begin_slowly(&slow);
    uint64_t begun = promc_now_ns();
    wait_until(promc_now_ns() > begun + FRONT_SECOND);
    assert_int_equal(rate_limit_take(api_front->app.rate_limit, api_organisation, promc_now_ns()), 0);
    assert_int_equal(end_slowly(&slow), 200);
    rate_limit_destroy(api_front->app.rate_limit);
    api_front->app.rate_limit = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        API_TEST(a_prospect_is_created_changed_and_read),
        API_TEST(an_import_reports_its_results),
        API_TEST(a_dry_run_writes_nothing),
        API_TEST(a_large_import_gives_the_same_answer),
        API_TEST(no_more_prospects_than_allowed),
        API_TEST(the_list_has_pages_and_filters),
        API_TEST(erasure_leaves_no_trace),
        API_TEST(a_revoked_key_is_refused_however_slow_the_head),
        API_TEST(a_slow_head_is_within_the_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
