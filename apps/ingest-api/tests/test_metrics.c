/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "metrics/bounds.h"
#include "metrics/metrics.h"
#include "queue/queue.h"

#include <promc-uv/uv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ORG "01a20914-ffbe-7000-9de5-9c79da394f6e"

static char *scrape(void)
{
    char *text;
    assert_int_equal(promc_scrape_string(metrics_registry(), &(promc_scrape_settings){0}, &text, NULL), 0);
    return text;
}

static void expect(const char *line, bool present)
{
    char *text = scrape(), wanted[512];
    snprintf(wanted, sizeof(wanted), "\n%s", line);
    if ((strstr(text, wanted) != NULL) != present)
        fail_msg("%s: %s", present ? "missing" : "should not be there", line);
    free(text);
}

static int on(void **state)
{
    (void)state;
    log_set_level(70);
    return metrics_init(true, 2);
}

/* Without withholding of new series: removed series are gone at once, while a new one would stay until Prometheus has seen it. */
static int on_without_births(void **state)
{
    setenv("PROMC_OVERRIDES", "* birth_zero_seconds=0", 1);
    int rc = on(state);
    unsetenv("PROMC_OVERRIDES");
    return rc;
}

static int off(void **state)
{
    (void)state;
    metrics_destroy();
    return 0;
}

/* Watched like the loops of http/loop.c. It has a handle, so that the metrics of handles have a type. */
static uv_loop_t watched;
static uv_idle_t busy;
static promc_uv *watch;

static void stop_being_busy(uv_idle_t *idle)
{
    (void)uv_idle_stop(idle);
}

static void watch_loop(void)
{
    assert_int_equal(uv_loop_init(&watched), 0);
    uv_idle_init(&watched, &busy);
    uv_idle_start(&busy, stop_being_busy);
    assert_int_equal(promc_uv_start(&watch, metrics_registry(), &watched, &(promc_uv_settings){.loop = "1"}), 0);
}

static void unwatch_loop(void)
{
    promc_uv_stop(watch);
    uv_close((uv_handle_t *)&busy, NULL);
    uv_run(&watched, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&watched), 0);
}

static void test_every_family_exists(void **state)
{
    (void)state;
    const char *const types[] = {
        "http_request_duration_seconds histogram",
        "http_requests_total counter",
        "http_requests_in_flight gauge",
        "http_request_size_bytes histogram",
        "http_response_size_bytes histogram",
        "http_requests_aborted_total counter",
        "db_query_duration_seconds histogram",
        "db_query_errors_total counter",
        "db_connection_pool_size gauge",
        "db_connection_pool_max_size gauge",
        "db_connection_pool_pending_acquires gauge",
        "db_connection_pool_acquire_duration_seconds histogram",
        "db_connection_pool_acquire_timeouts_total counter",
        "queue_messages_total counter",
        "queue_message_failures_total counter",
        "queue_message_retries_total counter",
        "queue_processing_duration_seconds histogram",
        "queue_depth gauge",
        "queue_consumers gauge",
        "queue_oldest_message_age_seconds gauge",
        "queue_depth_last_success_timestamp_seconds gauge",
        "emails_sent_total counter",
        "drafts_generated_total counter",
        "draft_generation_duration_seconds histogram",
        "prospects_processed_total counter",
        "active_campaigns gauge",
        "campaigns_processed_total counter",
        "process_cpu_seconds_total counter",
        "process_resident_memory_bytes gauge",
        "process_open_fds gauge",
        "process_start_time_seconds gauge",
        "eventloop_lag_seconds histogram",
        "eventloop_utilization_ratio gauge",
        "eventloop_handles gauge",
        "nodejs_eventloop_lag_seconds gauge",
        "nodejs_heap_size_used_bytes gauge",
        "nodejs_active_handles gauge",
        "nodejs_version_info gauge",
        "ingest_api_build_info gauge",
        "process_memory_limit_bytes gauge",
    };
    promc_http_route *route;
    assert_int_equal(promc_http_route_declare(metrics_http(), "/x", 1u << PROMC_HTTP_GET, &route), 0);
    metrics_draft_generated(ORG, true, 1000); /* families whose series are not known in advance */
    metrics_email_sent(ORG, ORG, true);
    metrics_prospects(ORG, PROSPECT_IMPORTED, 1);
    metrics_active_campaigns(ORG, 1);
    metrics_campaign_processed(ORG, CAMPAIGN_COMPLETED);
    promc_sql_error(metrics_sql(), &(promc_sql_statement){.operation = PROMC_SQL_INSERT, .schema = "crm"}, "23");
    metrics_queue_depth(QUEUE_EMAIL_SEND, 1, 2, 3);
    watch_loop();
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        char line[128];
        snprintf(line, sizeof(line), "# TYPE %s\n", types[i]);
        expect(line, true);
    }
    unwatch_loop();
}

static void test_known_series_exist_from_the_start(void **state)
{
    (void)state;
    expect("queue_messages_total{queue=\"email.send\",action=\"published\"} 0\n", true);
    expect("queue_message_failures_total{queue=\"prospect.validate\",reason=\"dead_lettered\"} 0\n", true);
    expect("queue_processing_duration_seconds_count{queue=\"draft.generate\",success=\"false\"} 0\n", true);
    expect("db_query_duration_seconds_count{operation=\"insert\",schema=\"crm\"} 0\n", true);
    expect("db_query_duration_seconds_count{operation=\"begin\",schema=\"crm\"}", false);
    watch_loop();
    expect("eventloop_lag_seconds_count{loop=\"1\"} 0\n", true);
    unwatch_loop();
}

static void test_updates_change_the_right_series(void **state)
{
    (void)state;
    promc_sql_observe(metrics_sql(), &(promc_sql_statement){.operation = PROMC_SQL_UPDATE, .schema = "outreach"}, .003);
    expect("db_query_duration_seconds_bucket{operation=\"update\",schema=\"outreach\",le=\"0.0025\"} 0\n", true);
    expect("db_query_duration_seconds_bucket{operation=\"update\",schema=\"outreach\",le=\"0.005\"} 1\n", true);
    promc_sql_observe(metrics_sql(), &(promc_sql_statement){.operation = PROMC_SQL_BEGIN, .schema = "tracking"}, 1);
    expect("db_query_duration_seconds_count{operation=\"begin\",schema=\"tracking\"} 1\n", true);
    metrics_queue_messages(QUEUE_EMAIL_SEND, QUEUE_CONSUMED, 7);
    expect("queue_messages_total{queue=\"email.send\",action=\"consumed\"} 7\n", true);
    metrics_queue_processed(QUEUE_EMAIL_SEND, true, UINT64_C(2000000000), "");
    expect("queue_processing_duration_seconds_sum{queue=\"email.send\",success=\"true\"} 2\n", true);
    metrics_prospects(ORG, PROSPECT_REJECTED, 20);
    expect("prospects_processed_total{organisation_id=\"" ORG "\",action=\"rejected\"} 20\n", true);
}

static void look_at_pool(void *arg, struct metrics_pool *out)
{
    *out = *(struct metrics_pool *)arg;
}

static void test_each_scrape_reads_the_pool(void **state)
{
    struct metrics_pool pool = {.max = 3, .active = 1, .idle = 2, .pending = 7};
    (void)state;
    metrics_watch_pool(look_at_pool, &pool);
    expect("db_connection_pool_size{state=\"active\"} 1\n", true);
    expect("db_connection_pool_size{state=\"idle\"} 2\n", true);
    expect("db_connection_pool_max_size 3\n", true);
    expect("db_connection_pool_pending_acquires 7\n", true);
    pool.active = 3;
    expect("db_connection_pool_size{state=\"active\"} 3\n", true);
    metrics_watch_pool(NULL, NULL);
    expect("db_connection_pool_size{state=\"active\"} 0\n", true);
    metrics_pool_waited(2000000000);
    expect("db_connection_pool_acquire_duration_seconds_sum 2\n", true);
    expect("db_connection_pool_acquire_timeouts_total 0\n", true);
    metrics_pool_gave_up(1000000000);
    expect("db_connection_pool_acquire_duration_seconds_sum 3\n", true);
    expect("db_connection_pool_acquire_timeouts_total 1\n", true);
}

static void test_an_unknown_depth_is_not_shown(void **state)
{
    (void)state;
    metrics_queue_depth(QUEUE_DRAFT_GENERATE, 12, 3500, 2);
    expect("queue_depth{queue=\"draft.generate\"} 12\n", true);
    expect("queue_oldest_message_age_seconds{queue=\"draft.generate\"} 3.5\n", true);
    metrics_queue_depth_stale(QUEUE_DRAFT_GENERATE);
    expect("queue_depth{queue=\"draft.generate\"}", false);
    expect("queue_consumers{queue=\"draft.generate\"}", false);
    expect("queue_depth_last_success_timestamp_seconds{queue=\"draft.generate\"} 1", true);
    metrics_queue_depth(QUEUE_DRAFT_GENERATE, 1, 0, 2);
    expect("queue_depth{queue=\"draft.generate\"} 1\n", true);
}

static void test_an_absent_label_makes_no_series(void **state)
{
    (void)state;
    metrics_email_sent(NULL, ORG, true);
    metrics_email_sent(ORG, "", true);
    metrics_draft_generated("", true, 1);
    metrics_prospects(NULL, PROSPECT_IMPORTED, 1);
    metrics_active_campaigns(NULL, 1);
    metrics_campaign_processed(NULL, CAMPAIGN_COMPLETED);
    char *text = scrape();
    assert_null(strstr(text, "undefined"));
    assert_null(strstr(text, "organisation_id=\"\""));
    assert_null(strstr(text, "emails_sent_total{"));
    free(text);
}

static void test_values_out_of_range_are_ignored(void **state)
{
    (void)state;
    promc_sql_observe(metrics_sql(), &(promc_sql_statement){.operation = PROMC_SQL_SELECT, .schema = "evil"}, 1);
    expect("db_query_duration_seconds_count{operation=\"select\",schema=\"other\"} 1\n", true);
    metrics_queue_messages(-1, QUEUE_PUBLISHED, 1);
    metrics_queue_failure(QUEUES, QUEUE_ERROR);
    metrics_loop_lag(2, 1);
    metrics_loop_lag(0, -1);
    expect("nodejs_eventloop_lag_max_seconds 0\n", true);
}

static void test_finished_campaigns_are_bounded(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        char campaign[37];
        snprintf(campaign, sizeof(campaign), "campaign-%d", i);
        metrics_email_sent(ORG, campaign, true);
        metrics_campaign_finished(campaign);
    }
    /* the newest campaigns stay for their time; older ones are removed */
    expect("emails_sent_total{organisation_id=\"" ORG "\",campaign_id=\"campaign-2999\",success=\"true\"} 1\n", true);
    expect("emails_sent_total{organisation_id=\"" ORG "\",campaign_id=\"campaign-0\",success=\"true\"}", false);
    assert_true(promc_family_series_count(promc_family_find(metrics_registry(), "emails_sent_total")) <= 1025);
}

static void test_many_campaigns_affect_only_their_organisation(void **state)
{
    (void)state;
    char campaign[37];
    for (int i = 0; i < 3000; i++) {
        snprintf(campaign, sizeof(campaign), "of-the-large-%d", i);
        metrics_email_sent("large", campaign, true);
    }
    metrics_email_sent("small", "the-only-one", true);
    expect("emails_sent_total{organisation_id=\"small\",campaign_id=\"the-only-one\",success=\"true\"} 1\n", true);
    expect("emails_sent_total{organisation_id=\"large\",campaign_id=\"of-the-large-0\",success=\"true\"} 1\n", true);
    expect("emails_sent_total{organisation_id=\"large\",campaign_id=\"of-the-large-2999\",success=\"true\"}", false);
    expect("emails_sent_total{organisation_id=\"large\",campaign_id=\"other\",success=\"other\",promc_overflow="
           "\"organisation_id\"} ",
           true);
}

static void test_lag_window(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++)
        metrics_loop_lag(0, i < 4000 ? 1.0 : 0.001); /* only the last thousand count */
    for (int i = 0; i < 100; i++)
        metrics_loop_lag(1, 0.1);
    expect("nodejs_eventloop_lag_max_seconds 0.1\n", true);
    expect("nodejs_eventloop_lag_min_seconds 0.001\n", true);
    expect("nodejs_eventloop_lag_p50_seconds 0.001\n", true);
    expect("nodejs_eventloop_lag_p99_seconds 0.1\n", true);
    expect("nodejs_eventloop_lag_p50_seconds 0.001\n", true); /* a scrape does not change the window */
    char *text;
    assert_int_equal(promc_scrape_string(metrics_registry(), NULL, &text, NULL), 0);
    double deviation = strtod(strstr(text, "\nnodejs_eventloop_lag_stddev_seconds ") + 37, NULL);
    assert_true(deviation > 0.027 && deviation < 0.03); /* a tenth of the values are 0.099 s higher */
    double mean = strtod(strstr(text, "\nnodejs_eventloop_lag_mean_seconds ") + 35, NULL);
    assert_true(mean > 0.009 && mean < 0.011);
    free(text);
}

/* Both outcomes exist before the first email, so that increase() sees it. */
static void test_a_campaign_has_its_series(void **state)
{
    (void)state;
    metrics_campaign(ORG, "c");
    expect("emails_sent_total{organisation_id=\"" ORG "\",campaign_id=\"c\",success=\"true\"} 0\n", true);
    expect("emails_sent_total{organisation_id=\"" ORG "\",campaign_id=\"c\",success=\"false\"} 0\n", true);
}

static void test_data_dir_sizes(void **state)
{
    (void)state;
    metrics_watch_data_dir("/");
    assert_int_equal(metrics_init(true, 1), 0);
    metrics_watch_data_dir(NULL);
    expect("data_dir_free_bytes 0\n", false);
    expect("data_dir_free_bytes ", true);
    expect("data_dir_size_bytes 0\n", false);
    expect("data_dir_size_bytes NaN\n", false);
    metrics_destroy();
    metrics_watch_data_dir("/nowhere/at/all");
    assert_int_equal(metrics_init(true, 1), 0);
    expect("data_dir_free_bytes NaN\n", true);
    expect("data_dir_size_bytes NaN\n", true);
    expect("promc_collector_errors_total{collector=\"data_dir\"} ", true);
    expect("promc_collector_errors_total{collector=\"data_dir\"} 0\n", false);
    metrics_watch_data_dir(NULL);
    metrics_destroy();
}

static char lost[256];

static void note_lost(const struct metrics_bound *bound)
{
    size_t length = strlen(lost);
    (void)snprintf(lost + length, sizeof(lost) - length, "%s %g;", bound->metric, bound->bound);
}

static const char *bounds_lost_by(const char *overrides)
{
    setenv("PROMC_OVERRIDES", overrides, 1);
    assert_int_equal(metrics_init(true, 1), 0);
    unsetenv("PROMC_OVERRIDES");
    watch_loop(); /* the loops create its family */
    lost[0] = '\0';
    metrics_bounds_check(note_lost);
    unwatch_loop();
    metrics_destroy();
    return lost;
}

static void test_a_missing_bound_of_the_rules_is_noticed(void **state)
{
    (void)state;
    log_set_level(70);
    assert_string_equal(bounds_lost_by(""), "");
    assert_string_equal(bounds_lost_by("http_request_duration_seconds buckets=0.1,1"),
                        "http_request_duration_seconds 0.5;");
    assert_string_equal(bounds_lost_by("http_request_duration_seconds buckets=0.1,0.5"), "");
    assert_string_equal(bounds_lost_by("http_request_duration_seconds histogram=native"), "");
    assert_string_equal(bounds_lost_by("http_request_duration_seconds buckets=+Inf"),
                        "http_request_duration_seconds 0.5;");
    assert_string_equal(bounds_lost_by("http_request_duration_seconds histogram=both buckets=1"),
                        "http_request_duration_seconds 0.5;");
    assert_string_equal(bounds_lost_by("db_query_duration_seconds buckets=1;eventloop_lag_seconds buckets=0.05;"
                                       "db_connection_pool_acquire_duration_seconds buckets=5"),
                        "db_connection_pool_acquire_duration_seconds 0.1;db_query_duration_seconds 0.25;"
                        "eventloop_lag_seconds 0.1;");
    metrics_bounds_check(note_lost); /* metrics are off: no bound is missing */
}

static void test_a_bounce_belongs_to_its_organisation(void **state)
{
    (void)state;
    metrics_organisation(ORG, METRICS_OF_WORKER);
    expect("emails_bounced_total{organisation_id=\"" ORG "\",class=\"5xx\"} 0\n", true);
    metrics_email_bounce(ORG, 550, "5.1.1");
    metrics_email_bounce(NULL, 535, "5.7.8"); /* the server refuses the log-in, not an email */
    metrics_email_bounce(ORG, 250, "2.0.0");
    expect("emails_bounced_total{organisation_id=\"" ORG "\",class=\"5xx\"} 1\n", true);
    expect("emails_bounced_total{organisation_id=\"" ORG "\",class=\"4xx\"} 0\n", true);
    expect("email_bounces_total{class=\"5xx\",subject=\"address\"} 1\n", true);
    expect("email_bounces_total{class=\"5xx\",subject=\"policy\"} 1\n", true);
}

/* RFC 3463: the subject is the second number of the enhanced code. Only 4xx and 5xx replies are bounces. */
static void test_the_subject_of_a_bounce(void **state)
{
    static const char *const subjects[] = {"other",    "address", "mailbox", "mail_system", "network",
                                           "protocol", "content", "policy",  "unknown"};
    static const char *const unknown[] = {"5.8.0", "5./.0", "5.10.1", "5.1", "5", ""};
    char enhanced[16], line[128];
    (void)state;
    for (int i = 0; i < 8; i++) {
        (void)snprintf(enhanced, sizeof(enhanced), "4.%d.7", i);
        metrics_email_bounce(NULL, 400, enhanced);
        metrics_email_bounce(NULL, 499, enhanced);
        metrics_email_bounce(NULL, 399, enhanced);
    }
    for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
        metrics_email_bounce(NULL, 599, unknown[i]);
        metrics_email_bounce(NULL, 600, unknown[i]);
    }
    for (int i = 0; i < 9; i++) {
        (void)snprintf(line, sizeof(line), "email_bounces_total{class=\"4xx\",subject=\"%s\"} %d\n", subjects[i],
                       i < 8 ? 2 : 0);
        expect(line, true);
        (void)snprintf(line, sizeof(line), "email_bounces_total{class=\"5xx\",subject=\"%s\"} %d\n", subjects[i],
                       i < 8 ? 0 : 6);
        expect(line, true);
    }
}

static void named(const char *name, const char *shown)
{
    char line[256];
    (void)metrics_organisation_names_are_old(0);
    metrics_organisation_name(ORG, name);
    snprintf(line, sizeof(line), "organisation_info{organisation_id=\"" ORG "\",name=\"%s\"} 1\n", shown);
    expect(line, true);
}

static void test_an_organisation_has_one_name(void **state)
{
    (void)state;
    static const char long_name[] = "123456789 123456789 123456789 123456789 123456789 123456789 12\xc3\xa9";
    named("B\xc3\xbcro \"B\"", "B\xc3\xbcro \\\"B\\\"");
    named("Acme", "Acme");
    named("Acme\nof \x1b[31mred\x7f", "Acme?of ?[31mred?");
    named("evil \xe2\x80\xae txt.exe", "evil ? txt.exe");
    named("caf\xe9 \xe2\x82", "caf? ??");
    named(long_name, long_name);
    char longer[80];
    snprintf(longer, sizeof(longer), "1%.62s\xc3\xa9!", long_name);
    char cut[80];
    snprintf(cut, sizeof(cut), "1%.62s\xe2\x80\xa6", long_name);
    named(longer, cut);
    metrics_organisation_name("another", "Acme");
    assert_false(metrics_organisation_names_are_old(2));
    metrics_organisation_name("another", "Acme Ltd");
    assert_true(metrics_organisation_names_are_old(2));
    expect("organisation_info{", false);
}

static void test_off(void **state)
{
    (void)state;
    assert_int_equal(metrics_init(false, 2), 0);
    assert_null(metrics_registry());
    assert_null(metrics_http());
    assert_null(metrics_sql());
    metrics_pool_gave_up(1);
    metrics_queue_messages(0, QUEUE_PUBLISHED, 1);
    metrics_queue_depth(0, 1, 1, 1);
    metrics_queue_depth_stale(0);
    metrics_email_sent(NULL, NULL, true);
    metrics_draft_generated(ORG, true, 1);
    metrics_prospects(ORG, PROSPECT_IMPORTED, 1);
    metrics_active_campaigns(ORG, 1);
    metrics_organisation_name(ORG, "Acme");
    assert_false(metrics_organisation_names_are_old(0));
    metrics_campaign_processed(ORG, CAMPAIGN_COMPLETED);
    metrics_campaign_finished(ORG);
    metrics_loop_lag(0, 1);
    metrics_loop_handles(0, &(struct metrics_loop_handles){0});
    metrics_destroy();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_family_exists, on, off),
        cmocka_unit_test_setup_teardown(test_known_series_exist_from_the_start, on, off),
        cmocka_unit_test_setup_teardown(test_updates_change_the_right_series, on, off),
        cmocka_unit_test_setup_teardown(test_each_scrape_reads_the_pool, on, off),
        cmocka_unit_test_setup_teardown(test_an_unknown_depth_is_not_shown, on, off),
        cmocka_unit_test_setup_teardown(test_an_absent_label_makes_no_series, on, off),
        cmocka_unit_test_setup_teardown(test_values_out_of_range_are_ignored, on, off),
        cmocka_unit_test_setup_teardown(test_finished_campaigns_are_bounded, on_without_births, off),
        cmocka_unit_test_setup_teardown(test_many_campaigns_affect_only_their_organisation, on_without_births, off),
        cmocka_unit_test_setup_teardown(test_lag_window, on, off),
        cmocka_unit_test_setup_teardown(test_a_campaign_has_its_series, on, off),
        cmocka_unit_test(test_data_dir_sizes),
        cmocka_unit_test(test_a_missing_bound_of_the_rules_is_noticed),
        cmocka_unit_test_setup_teardown(test_a_bounce_belongs_to_its_organisation, on, off),
        cmocka_unit_test_setup_teardown(test_the_subject_of_a_bounce, on, off),
        cmocka_unit_test_setup_teardown(test_an_organisation_has_one_name, on, off),
        cmocka_unit_test(test_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
