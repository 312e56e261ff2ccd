/* SPDX-License-Identifier: Apache-2.0 */
/* Campaigns over the API: stored values are returned, each state allows the right operations, and pages are complete. */
#include "api_fixture.h"

#define CAMPAIGNS "/api/v1/campaigns"
#define STRANGER CAMPAIGNS "/01890a5d-ac96-774b-bcce-b302099a8057"
#define TEMPLATES "'subject_template': 'Hi {{first_name}}', 'body_template': 'From {{company | default: \"you\"}}.'"

static const char *path_of(const char *verb)
{
    static char path[200];
    (void)snprintf(path, sizeof(path), "%.100s%s", api_location, verb);
    return path;
}

/* api_location is its path until the next answer. */
static void create(const char *name)
{
    char body[200];
    (void)snprintf(body, sizeof(body), "{\"name\": \"%s\", \"subject_template\": \"S\", \"body_template\": \"B\"}",
                   name);
    json_decref(api_send("POST", CAMPAIGNS, "application/json", body, 201));
}

/* Copy api_location, because each answer sets it. */
static void keep(char path[128])
{
    memcpy(path, api_location, 128);
}

/* ---- tests ---- */

static void stored_values_are_returned(void **state)
{
    char one[128];
    (void)state;
    json_t *made = api_send("POST", CAMPAIGNS, "application/json",
                            "{\"name\": \"Spring\", \"subject_template\": \"Hi {{first_name}}\","
                            " \"body_template\": \"{{first_name}} of {{Firma | default: \\\"you\\\"}}\"}",
                            201);
    keep(one);
    assert_string_equal(one + strlen(CAMPAIGNS "/"), json_string_value(json_object_get(made, "id")));
    api_expect(made,
               "{'name': 'Spring', 'subject_template': 'Hi {{first_name}}', 'status': 'draft', 'created_at': '*',"
               " 'started_at': null, 'completed_at': null, 'hold': null, 'fields': ["
               "{'name': 'first_name', 'known': true, 'default': false, 'missing': 0, 'of': 0, 'imported_as': null},"
               "{'name': 'firma', 'known': false, 'default': true, 'missing': 0, 'of': 0, 'imported_as': 'company'}]}");
    api_expect(api("GET", one, 200), "{'name': 'Spring', 'subject_template': 'Hi {{first_name}}', 'status': 'draft'}");
    api_expect(api_with("PATCH", one, "{'name': 'Summer'}", 200),
               "{'name': 'Summer', 'subject_template': 'Hi {{first_name}}', 'fields': [{}, {}]}");
    api_expect(api_with("PATCH", one, "{'subject_template': 'S', 'body_template': 'B'}", 200),
               "{'name': 'Summer', 'subject_template': 'S', 'body_template': 'B', 'fields': []}");
    json_decref(api("POST", strcat(strcpy((char[200]){0}, one), "/start"), 200));
    api_refused("PATCH", one, "{'body_template': 'C'}", 409, "illegal_state");
    api_expect(api_with("PATCH", one, "{'name': 'Autumn'}", 200), "{'name': 'Autumn', 'body_template': 'B'}");
}

static void the_fields_are_counted_in_the_newest_prospects(void **state)
{
    (void)state;
    json_decref(api_send("POST", "/api/v1/prospects/import", "text/csv",
                         "email,first_name,Height\na@example.com,A,1\nb@example.com,,2\nc@example.com,C,\n", 200));
    api_expect(api_send("POST", CAMPAIGNS, "application/json",
                        "{\"name\": \"n\", \"subject_template\": \"{{first_name}} {{height}}\","
                        " \"body_template\": \"{{first_name | default: \\\"x\\\"}} {{depth}}\"}",
                        201),
               "{'fields': [{'name': 'first_name', 'known': true, 'default': false, 'missing': 1, 'of': 3},"
               "{'name': 'height', 'known': true, 'default': false, 'missing': 1, 'of': 3},"
               "{'name': 'depth', 'known': false, 'default': false, 'missing': 3, 'of': 3}]}");
}

static void wrong_bodies_and_unknown_ids(void **state)
{
    (void)state;
    api_refused("POST", CAMPAIGNS, "{'name': 'n', 'subject_template': 'S'}", 422, "invalid_fields");
    api_refused("POST", CAMPAIGNS, "{'name': 'n', 'subject_template': 'S', 'body_template': '{{'}", 422,
                "invalid_fields");
    api_refused("POST", CAMPAIGNS, "{'name': ' ', 'subject_template': 'S', 'body_template': 'B'}", 422,
                "invalid_fields");
    json_decref(api_send("POST", CAMPAIGNS, "application/json", "{\"name\": ", 400));
    json_decref(api_send("POST", CAMPAIGNS, "application/json", "", 400));
    api_refused("GET", STRANGER, NULL, 404, "not_found");
    api_refused("GET", CAMPAIGNS "/no-uuid", NULL, 404, "not_found");
    api_refused("PATCH", STRANGER, "{'name': 'n'}", 404, "not_found");
    api_refused("PATCH", CAMPAIGNS "/no-uuid", "{'name': 'n'}", 404, "not_found");
    api_refused("POST", STRANGER "/start", NULL, 404, "not_found");
    api_refused("POST", STRANGER "/send", NULL, 404, "not_found");
    api_refused("POST", CAMPAIGNS "/no-uuid/drafts", NULL, 404, "not_found");
    api_refused("GET", STRANGER "/stats", NULL, 404, "not_found");
    api_refused("DELETE", STRANGER, NULL, 404, "not_found");
    assert_int_equal(fixture_count(api_f, "SELECT count(*) FROM outreach.campaigns"), 0);
}

static void each_state_allows_the_right_operations(void **state)
{
    /* for each state: the answers to start, pause, complete, drafts, send, retry and DELETE */
    static const struct {
        const char *path[2]; /* the operations that lead to the state */
        int status[7];
    } states[] = {
        {{NULL, NULL}, {200, 409, 409, 202, 409, 409, 204}},
        {{"/start", NULL}, {409, 200, 200, 202, 202, 202, 409}},
        {{"/start", "/pause"}, {200, 409, 200, 202, 409, 409, 204}},
        {{"/start", "/complete"}, {409, 409, 409, 409, 409, 409, 204}},
    };
    static const char *const verbs[] = {"/start", "/pause", "/complete", "/drafts", "/send", "/retry", ""};
    static const char *const becomes[] = {"active", "paused", "completed"};
    char one[128];
    (void)state;
    for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
        for (size_t verb = 0; verb < 7; verb++) {
            create("n");
            keep(one);
            for (size_t step = 0; step < 2 && states[i].path[step]; step++) {
                json_decref(api("POST", path_of(states[i].path[step]), 200));
                memcpy(api_location, one, sizeof(one));
            }
            int status = states[i].status[verb];
            json_t *answer = api(verb < 6 ? "POST" : "DELETE", path_of(verbs[verb]), status);
            if (status == 200)
                assert_string_equal(json_string_value(json_object_get(answer, "status")), becomes[verb]);
            if (status == 409)
                assert_string_equal(json_string_value(json_object_get(json_object_get(answer, "error"), "code")),
                                    "illegal_state");
            json_decref(answer);
            if (status == 204)
                api_refused("GET", one, NULL, 404, "not_found");
        }
    }
}

static void start_and_completion_have_times(void **state)
{
    char one[128], path[200], active[200];
    (void)state;
    create("n");
    keep(one);
    json_t *started = api("POST", path_of("/start"), 200);
    json_t *at = json_incref(json_object_get(started, "started_at"));
    api_expect(started, "{'status': 'active', 'started_at': '*', 'completed_at': null}");
    (void)snprintf(active, sizeof(active), "active_campaigns{organisation_id=\"%s\"}", api_organisation);
    assert_int_equal((int)fixture_metric(active), 1);
    (void)snprintf(path, sizeof(path), "%s/pause", one);
    json_decref(api("POST", path, 200));
    assert_int_equal((int)fixture_metric(active), 0);
    (void)snprintf(path, sizeof(path), "%s/start", one);
    json_t *again = api("POST", path, 200);
    assert_true(json_equal(json_object_get(again, "started_at"), at)); /* the time of the first start */
    json_decref(again);
    json_decref(at);
    (void)snprintf(path, sizeof(path), "%s/complete", one);
    api_expect(api("POST", path, 200), "{'status': 'completed', 'started_at': '*', 'completed_at': '*'}");
    char sample[200];
    (void)snprintf(sample, sizeof(sample), "campaigns_processed_total{organisation_id=\"%s\",outcome=\"completed\"}",
                   api_organisation);
    assert_int_equal((int)fixture_metric(sample), 1);
}

static void the_list_has_pages_and_filters(void **state)
{
    char path[400];
    (void)state;
    for (int i = 0; i < 3; i++)
        create((const char *[]){"one", "two", "three"}[i]);
    json_decref(api("POST", path_of("/start"), 200));
    api_expect(api("GET", CAMPAIGNS, 200),
               "{'data': [{'name': 'one'}, {'name': 'two'}, {'name': 'three'}], 'next_cursor': null}");
    json_t *page = api("GET", CAMPAIGNS "?limit=2", 200);
    (void)snprintf(path, sizeof(path), CAMPAIGNS "?limit=2&cursor=%s",
                   json_string_value(json_object_get(page, "next_cursor")));
    api_expect(page, "{'data': [{'name': 'one'}, {'name': 'two'}], 'next_cursor': '*'}");
    api_expect(api("GET", path, 200), "{'data': [{'name': 'three'}], 'next_cursor': null}");
    (void)strcat(path, "&status=draft"); /* a cursor of another list */
    api_refused("GET", path, NULL, 400, "invalid_cursor");
    api_expect(api("GET", CAMPAIGNS "?limit=3", 200), "{'data': [{}, {}, {}], 'next_cursor': null}");
    api_expect(api("GET", CAMPAIGNS "?status=active", 200), "{'data': [{'name': 'three'}]}");
    api_expect(api("GET", CAMPAIGNS "?status=completed", 200), "{'data': [], 'next_cursor': null}");
    api_refused("GET", CAMPAIGNS "?status=done", NULL, 400, "invalid_parameter");
    api_refused("GET", CAMPAIGNS "?limit=0", NULL, 400, "invalid_parameter");
    api_refused("GET", CAMPAIGNS "?limit=2x", NULL, 400, "invalid_parameter");
    api_refused("GET", CAMPAIGNS "?limit=100000", NULL, 400, "invalid_parameter");
}

static void no_more_campaigns_than_allowed(void **state)
{
    (void)state;
    api_front->settings.max_campaigns = 2;
    create("one");
    create("two");
    api_refused("POST", CAMPAIGNS, "{'name': 'n', 'subject_template': 'S', 'body_template': 'B'}", 409,
                "too_many_campaigns");
    assert_int_equal(fixture_count(api_f, "SELECT count(*) FROM outreach.campaigns"), 2);
    assert_int_equal((int)fixture_metric("limit_refusals_total{limit=\"campaigns\"}"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        API_TEST(stored_values_are_returned),      API_TEST(the_fields_are_counted_in_the_newest_prospects),
        API_TEST(wrong_bodies_and_unknown_ids),    API_TEST(each_state_allows_the_right_operations),
        API_TEST(start_and_completion_have_times), API_TEST(the_list_has_pages_and_filters),
        API_TEST(no_more_campaigns_than_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
