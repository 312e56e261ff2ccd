/* SPDX-License-Identifier: Apache-2.0 */
/* From prospects to emails over the API, with a worker: drafts, preview, sending, recipients and statistics. */
#include "api_fixture.h"

#define PEOPLE                                      \
    "email,first_name\n"                            \
    "ada@example.com,Ada\n"                         \
    "bob@example.com,\n" /* no name, so no draft */ \
    "cy@example.com,Cy\n"                           \
    "noreply@example.com,N\n" /* not the address of a person */

static char campaign[128], prospect[4][37]; /* in the order of PEOPLE */

static const char *path_of(const char *format, ...)
{
    static char path[400];
    va_list args;
    int n = snprintf(path, sizeof(path), "%s", campaign);
    va_start(args, format);
    (void)vsnprintf(path + n, sizeof(path) - (size_t)n, format, args);
    va_end(args);
    return path;
}

static void import_people(void)
{
    json_t *answer = api_send("POST", "/api/v1/prospects/import", "text/csv", PEOPLE, 200);
    api_expect(answer, "{'imported': 4, 'updated': 0, 'rejected': 0}");
    answer = api("GET", "/api/v1/prospects", 200);
    for (size_t i = 0; i < 4; i++)
        (void)snprintf(prospect[i], sizeof(prospect[i]), "%s",
                       json_string_value(json_object_get(json_array_get(json_object_get(answer, "data"), i), "id")));
    json_decref(answer);
    api_work();
}

static void create_campaign(void)
{
    json_decref(api_with("POST", "/api/v1/campaigns",
                         "{'name': 'n', 'subject_template': 'Hi {{first_name}}', 'body_template': 'B'}", 201));
    memcpy(campaign, api_location, sizeof(campaign));
}

static int open_all(void **state)
{
    int rc = api_open(state);
    if (rc == 0) {
        import_people();
        create_campaign();
    }
    return rc;
}

/* The emails are enqueued; no worker has run yet. */
static void draft_start_and_send(void)
{
    json_decref(api("POST", path_of("/drafts"), 202));
    api_work();
    json_decref(api("POST", path_of("/start"), 200));
    json_decref(api("POST", path_of("/send"), 202));
}

/* ---- tests ---- */

static void drafts_are_rendered_read_and_rendered_again(void **state)
{
    char path[400];
    (void)state;
    api_expect(api("POST", path_of("/drafts"), 202), "{'enqueued': 3, 'already_enqueued': 0}");
    api_expect(api("POST", path_of("/drafts"), 202), "{'enqueued': 0, 'already_enqueued': 3}");
    api_work();
    api_expect(api("GET", path_of("/drafts"), 200),
               "{'data': [{'state': 'generated', 'subject': 'Hi Ada', 'body': 'B', 'error': null, 'created_at': '*'},"
               "{'state': 'failed', 'subject': null, 'body': null, 'error': '*'},"
               "{'state': 'generated', 'subject': 'Hi Cy'}], 'next_cursor': null}");
    api_expect(api("GET", path_of("/drafts?state=failed"), 200), "{'data': [{'state': 'failed'}]}");
    api_expect(api("GET", path_of("/drafts?state=generated"), 200),
               "{'data': [{'subject': 'Hi Ada'}, {'subject': 'Hi Cy'}]}");
    json_t *page = api("GET", path_of("/drafts?limit=2"), 200);
    (void)snprintf(path, sizeof(path), "%s/drafts?limit=2&cursor=%s", campaign,
                   json_string_value(json_object_get(page, "next_cursor")));
    api_expect(page, "{'data': [{'subject': 'Hi Ada'}, {'state': 'failed'}], 'next_cursor': '*'}");
    api_expect(api("GET", path, 200), "{'data': [{'subject': 'Hi Cy'}], 'next_cursor': null}");
    /* After a correction, the failed draft is rendered again. */
    (void)snprintf(path, sizeof(path), "/api/v1/prospects/%s", prospect[1]);
    api_expect(api_with("PATCH", path, "{'first_name': 'Bob'}", 200),
               "{'email': 'bob@example.com', 'first_name': 'Bob'}");
    api_expect(api("POST", path_of("/drafts/%s", prospect[1]), 200), "{'state': 'generated', 'subject': 'Hi Bob'}");
    api_expect(api("GET", path_of("/drafts/%s", prospect[1]), 200), "{'state': 'generated', 'subject': 'Hi Bob'}");
    assert_null(api("DELETE", path_of("/drafts/%s", prospect[1]), 204));
    api_refused("GET", path_of("/drafts/%s", prospect[1]), NULL, 404, "not_found");
    api_refused("DELETE", path_of("/drafts/%s", prospect[1]), NULL, 404, "not_found");
    api_refused("POST", path_of("/drafts/01890a5d-ac96-774b-bcce-b302099a8057"), NULL, 404, "not_found");
    api_work();
    /* The deleted draft is rendered again by the next request, although its first job is remembered for a day. */
    api_expect(api("POST", path_of("/drafts"), 202), "{'enqueued': 1, 'already_enqueued': 2}");
    api_work();
    api_expect(api("GET", path_of("/drafts/%s", prospect[1]), 200), "{'state': 'generated', 'subject': 'Hi Bob'}");
}

/* The templates are changed in the millisecond in which the drafts' data were read. */
static void a_change_in_the_same_millisecond_counts(void **state)
{
    (void)state;
    json_decref(api("POST", path_of("/drafts"), 202));
    api_work();
    assert_int_equal(fixture_exec(api_f, "UPDATE outreach.campaigns SET body_template = 'C', templates_at ="
                                         " (SELECT max(created_at) FROM outreach.drafts)"),
                     DB_OK);
    api_expect(api("GET", path_of("/preview?prospect=%s", prospect[0]), 200), "{'drafted': false, 'body': 'C'}");
    json_decref(api("POST", path_of("/start"), 200));
    json_decref(api("POST", path_of("/send"), 202));
    api_work();
    api_expect(api("GET", path_of("/drafts?state=generated"), 200), "{'data': [{'body': 'C'}, {'body': 'C'}]}");
}

static void emails_are_sent_once_and_counted(void **state)
{
    (void)state;
    json_decref(api("POST", path_of("/drafts"), 202));
    api_work();
    json_decref(api("POST", path_of("/start"), 200));
    api_expect(api("POST", path_of("/send"), 202), "{'enqueued': 2, 'already_enqueued': 1}");
    api_work();
    api_expect(api("POST", path_of("/send"), 202), "{'enqueued': 0, 'already_enqueued': 3}");
    api_expect(api("POST", path_of("/retry"), 202), "{'enqueued': 0, 'already_enqueued': 0}");
    api_work();
    api_expect(
        api("GET", path_of("/recipients"), 200),
        "{'data': [{'email': 'ada@example.com', 'state': 'accepted', 'attempts': 1, 'reason': null, 'error': null,"
        " 'next_attempt_at': null, 'updated_at': '*', 'accepted_at': '*'},"
        "{'email': 'cy@example.com', 'state': 'accepted'}], 'next_cursor': null}");
    api_expect(api("GET", path_of("/recipients?state=waiting"), 200), "{'data': []}");
    api_expect(api("GET", path_of("/recipients?state=accepted&limit=1"), 200), "{'data': [{}], 'next_cursor': '*'}");
    api_expect(api("GET", path_of("/stats"), 200),
               "{'status': 'active', 'prospects': {'imported': 0, 'validated': 0, 'invalid': 1, 'researched': 3},"
               " 'drafts': {'generated': 2, 'failed': 1},"
               " 'emails': {'pending': 0, 'sending': 0, 'sent': 2, 'failed': 0},"
               " 'fates': {'waiting': 0, 'sending': 0, 'accepted': 2, 'refused_recipient': 0, 'refused_sender': 0,"
               " 'in_doubt': 0, 'skipped': 0}}");
    /* The text of a sent email stays readable. */
    api_refused("DELETE", path_of("/drafts/%s", prospect[0]), NULL, 409, "illegal_state");
    api_refused("POST", path_of("/drafts/%s", prospect[0]), NULL, 409, "illegal_state");
}

static void a_pause_holds_unsent_emails(void **state)
{
    (void)state;
    draft_start_and_send();
    json_decref(api("POST", path_of("/pause"), 200));
    api_work();
    api_expect(api("GET", path_of("/stats"), 200), "{'status': 'paused', 'emails': {'pending': 2, 'sent': 0}}");
    json_decref(api("POST", path_of("/start"), 200));
    api_work();
    api_expect(api("GET", path_of("/stats"), 200), "{'status': 'active', 'emails': {'pending': 0, 'sent': 2}}");
}

static void a_completed_campaign_skips_unsent_emails(void **state)
{
    (void)state;
    draft_start_and_send();
    json_decref(api("POST", path_of("/pause"), 200));
    api_work();
    json_decref(api("POST", path_of("/complete"), 200));
    api_work();
    api_expect(api("GET", path_of("/stats"), 200),
               "{'status': 'completed', 'emails': {'pending': 0, 'sent': 0, 'failed': 2}, 'fates': {'skipped': 2}}");
    api_refused("POST", path_of("/drafts/%s", prospect[0]), NULL, 409, "illegal_state");
}

static void an_operator_decides_emails_in_doubt(void **state)
{
    static const char *const decisions[] = {"accepted", "skipped", "waiting"};
    char path[200], body[64], answer[200];
    (void)state;
    draft_start_and_send();
    api_work();
    (void)snprintf(path, sizeof(path), "%s/recipients/%s", campaign, prospect[0]);
    api_refused("PATCH", path, "{'state': 'accepted'}", 409, "illegal_state");
    api_refused("PATCH", path, "{'state': 'in_doubt'}", 422, "invalid_fields");
    api_refused("PATCH", path, "{'state': 'accepted', 'x': 1}", 422, "invalid_fields");
    api_refused("PATCH", path_of("/recipients/%s", prospect[1]), "{'state': 'accepted'}", 404, "not_found");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(fixture_exec(api_f, "UPDATE outreach.emails SET state = 'in_doubt', sent_at = NULL"), DB_OK);
        (void)snprintf(body, sizeof(body), "{'state': '%s'}", decisions[i]);
        (void)snprintf(answer, sizeof(answer),
                       "{'email': 'ada@example.com', 'state': '%s', 'reason': 'decided', 'accepted_at': %s}",
                       decisions[i], i == 0 ? "'*'" : "null");
        api_expect(api_with("PATCH", path, body, 200), answer);
        assert_true(fixture_metric("email_fates_total{fate=\"accepted\"}") == 3); /* two were sent before */
        assert_true(fixture_metric("email_fates_total{fate=\"skipped\"}") == (i > 0));
        assert_true(fixture_metric("emails_not_sent_total{reason=\"decided\"}") == (i > 0));
    }
    api_work(); /* sent again */
    api_expect(api("GET", path_of("/recipients?state=accepted"), 200), "{'data': [{'email': 'ada@example.com'}]}");
    assert_int_equal(fixture_exec(api_f, "UPDATE outreach.emails SET state = 'in_doubt'"), DB_OK);
    json_decref(api("POST", path_of("/complete"), 200));
    api_refused("PATCH", path, "{'state': 'waiting'}", 409, "illegal_state");
    api_expect(api_with("PATCH", path, "{'state': 'skipped'}", 200), "{'state': 'skipped'}");
}

static void a_preview_shows_the_email(void **state)
{
    char path[100];
    (void)state;
    json_t *preview = api("GET", path_of("/preview?prospect=%s", prospect[0]), 200);
    assert_non_null(strstr(json_string_value(json_object_get(preview, "message")), "Subject: Hi Ada\r\n"));
    api_expect(preview,
               "{'from': 'a@b.co', 'to': 'ada@example.com', 'subject': 'Hi Ada', 'body': 'B', 'drafted': false,"
               " 'not_sent': null}");
    api_refused("GET", path_of("/preview?prospect=%s", prospect[1]), NULL, 422, "cannot_render");
    api_expect(api("GET", path_of("/preview?prospect=%s", prospect[3]), 200), "{'not_sent': 'prospect_invalid'}");
    api_expect(api_with("POST", "/api/v1/suppressions", "{'email': 'Ada@example.com'}", 201), "{'reason': 'api'}");
    api_expect(api("GET", path_of("/preview?prospect=%s", prospect[0]), 200), "{'not_sent': 'suppressed'}");
    api_refused("GET", path_of("/preview"), NULL, 400, "invalid_parameter");
    api_refused("GET", path_of("/preview?prospect=nobody"), NULL, 404, "not_found");
    json_decref(api("POST", path_of("/drafts"), 202));
    api_work();
    api_expect(api("GET", path_of("/preview?prospect=%s", prospect[2]), 200), "{'subject': 'Hi Cy', 'drafted': true}");
    /* An outdated draft is rendered again before it is sent. What was sent stays as it is. */
    json_decref(api_with("PATCH", campaign, "{'subject_template': 'Bye {{first_name}}'}", 200));
    api_expect(api("GET", path_of("/preview?prospect=%s", prospect[2]), 200),
               "{'subject': 'Bye Cy', 'drafted': false}");
    json_decref(api("POST", path_of("/start"), 200));
    json_decref(api("POST", path_of("/send"), 202));
    api_work();
    (void)snprintf(path, sizeof(path), "/api/v1/prospects/%s", prospect[2]);
    json_decref(api_with("PATCH", path, "{'first_name': 'Cyd'}", 200));
    api_expect(api("GET", path_of("/preview?prospect=%s", prospect[2]), 200), "{'subject': 'Bye Cy', 'drafted': true}");
}

static void suppressed_addresses_get_nothing(void **state)
{
    (void)state;
    json_decref(api("POST", path_of("/drafts"), 202));
    api_work();
    json_t *made = api_with("POST", "/api/v1/suppressions", "{'email': 'ada@example.com'}", 201);
    char path[200];
    (void)snprintf(path, sizeof(path), "/api/v1/suppressions/%s", json_string_value(json_object_get(made, "id")));
    api_expect(made, "{'email': 'ada@example.com', 'reason': 'api', 'created_at': '*'}");
    api_expect(api_with("POST", "/api/v1/suppressions", "{'email': 'ADA@example.com'}", 200),
               "{'email': 'ada@example.com'}");
    api_refused("POST", "/api/v1/suppressions", "{'email': 'nobody'}", 422, "invalid_fields");
    api_refused("POST", "/api/v1/suppressions", "{'email': 'a@b.co', 'x': 1}", 422, "invalid_fields");
    json_decref(api("POST", path_of("/start"), 200));
    json_decref(api("POST", path_of("/send"), 202));
    api_work();
    api_expect(api("GET", path_of("/stats"), 200), "{'emails': {'sent': 1, 'failed': 1}, 'fates': {'skipped': 1}}");
    api_expect(
        api("GET", path_of("/recipients?state=skipped"), 200),
        "{'data': [{'email': 'ada@example.com', 'reason': 'suppressed', 'updated_at': '*', 'accepted_at': null}]}");
    api_expect(api("GET", "/api/v1/suppressions", 200),
               "{'data': [{'email': 'ada@example.com'}], 'next_cursor': null}");
    api_expect(api("GET", "/api/v1/suppressions?email=cy@example.com", 200), "{'data': []}");
    api_expect(api("GET", "/api/v1/suppressions?email=ada@example.com", 200), "{'data': [{}]}");
    api_refused("GET", "/api/v1/suppressions?email=ada", NULL, 400, "invalid_parameter");
    assert_null(api("DELETE", path, 204));
    api_refused("DELETE", path, NULL, 404, "not_found");
    api_refused("DELETE", "/api/v1/suppressions/x", NULL, 404, "not_found");
    api_expect(api("GET", "/api/v1/suppressions", 200), "{'data': []}");
}

/* The server has refused the sender three times: the campaign shows it and waits until somebody requests a retry. */
static void a_held_campaign_is_released(void **state)
{
    (void)state;
    draft_start_and_send();
    api_work();
    assert_int_equal(fixture_exec(api_f, "UPDATE outreach.campaigns SET refusals = 3, refusal = 'r',"
                                         " refusal_words = '550 no', held_until = 4000000000000"),
                     DB_OK);
    api_expect(api("GET", campaign, 200), "{'hold': {'refusals': 3, 'server_words': '550 no', 'paused': false,"
                                          " 'next_attempt_at': '2096-10-02T07:06:40.000Z'}}");
    assert_int_equal(fixture_exec(api_f, "UPDATE outreach.emails SET state = 'refused_sender', due_at = 4000000000000"
                                         " WHERE prospect_id IN (SELECT id FROM crm.prospects"
                                         " WHERE email = 'ada@example.com')"),
                     DB_OK);
    api_expect(api("GET", path_of("/stats"), 200), "{'emails': {'pending': 1, 'sent': 1}}");
    api_expect(api("POST", path_of("/retry"), 202), "{'enqueued': 1, 'already_enqueued': 0}");
    api_expect(api("GET", campaign, 200), "{'hold': null}");
    api_work();
    api_expect(api("GET", path_of("/stats"), 200), "{'emails': {'pending': 0, 'sent': 2}}");
}

/* A hold ends within a minute. One that seems longer is of a clock that was set back since. */
static void a_clock_that_was_set_back_prolongs_no_hold(void **state)
{
    (void)state;
    draft_start_and_send();
    assert_int_equal(
        fixture_exec(api_f, "UPDATE outreach.campaigns SET refusals = 1, refusal = 'r', held_until = 4000000000000"),
        DB_OK);
    api_work();
    api_expect(api("GET", path_of("/stats"), 200), "{'emails': {'pending': 0, 'sent': 2}}");
}

static int files(void)
{
    char path[600];
    const struct dirent *entry;
    int n = 0;
    (void)snprintf(path, sizeof(path), "%s/outbox", api_f->settings.data_dir);
    DIR *outbox = opendir(path);
    assert_non_null(outbox);
    while ((entry = readdir(outbox)))
        n += entry->d_name[0] != '.';
    closedir(outbox);
    return n;
}

/* A campaign is erased in slices. If one fails, the e-mails of those before it are gone, and so are their files. */
static void files_go_with_their_emails(void **state)
{
    (void)state;
    draft_start_and_send();
    api_work();
    assert_int_equal(files(), 2);
    json_decref(api("POST", path_of("/complete"), 200));
    assert_int_equal(fixture_exec(api_f, "CREATE TRIGGER outreach.refuse BEFORE DELETE ON outreach.campaigns"
                                         " BEGIN SELECT json('{'); END"), /* fails */
                     DB_OK);
    json_decref(api("DELETE", campaign, 500));
    assert_int_equal(fixture_count(api_f, "SELECT count(*) FROM outreach.emails"), 0);
    assert_int_equal(files(), 0);
    assert_int_equal(fixture_exec(api_f, "DROP TRIGGER outreach.refuse"), DB_OK);
    assert_null(api("DELETE", campaign, 204));
}

static void no_more_jobs_than_allowed(void **state)
{
    (void)state;
    api_front->settings.max_jobs = 3;
    api_expect(api("POST", path_of("/drafts"), 202), "{'enqueued': 3}");
    api_refused("POST", path_of("/drafts"), NULL, 429, "too_many_jobs");
    api_work();
    api_expect(api("POST", path_of("/drafts"), 202), "{'enqueued': 0, 'already_enqueued': 3}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, api_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(drafts_are_rendered_read_and_rendered_again),
        TEST(a_change_in_the_same_millisecond_counts),
        TEST(emails_are_sent_once_and_counted),
        TEST(a_pause_holds_unsent_emails),
        TEST(a_completed_campaign_skips_unsent_emails),
        TEST(an_operator_decides_emails_in_doubt),
        TEST(a_preview_shows_the_email),
        TEST(suppressed_addresses_get_nothing),
        TEST(a_held_campaign_is_released),
        TEST(a_clock_that_was_set_back_prolongs_no_hold),
        TEST(files_go_with_their_emails),
        TEST(no_more_jobs_than_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
