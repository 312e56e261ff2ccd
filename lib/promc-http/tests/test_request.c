/* SPDX-License-Identifier: Apache-2.0 */
/* Each request is counted exactly once, whichever call or thread finishes it, even if several do. */
#include "util.h"

#include <promc-http/request.h>

#include <pthread.h>

#define THREADS 4
#define REQUESTS 20000

struct fixture {
    promc_registry *registry;
    promc_http *http;
    promc_http_route *route;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    if (promc_registry_create(&f->registry, NULL) < 0 || promc_http_create(&f->http, f->registry, NULL) < 0)
        return -1;
    return promc_http_route_declare(f->http, "/things/{id}", 1u << PROMC_HTTP_GET | 1u << PROMC_HTTP_POST, &f->route);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    promc_http_destroy(f->http);
    promc_registry_destroy(f->registry);
    free(f);
    return 0;
}

static double requests(const struct fixture *f, const char *method, const char *route, const char *status)
{
    promc_family *family = promc_family_find(f->registry, "http_requests_total");
    return promc_counter_value(promc_counter_with(family, method, route, status));
}

static uint64_t durations(const struct fixture *f, const char *method, const char *route, const char *status)
{
    promc_family *family = promc_family_find(f->registry, "http_request_duration_seconds");
    return promc_histogram_count(promc_histogram_with(family, method, route, status), NULL);
}

static double in_flight(const struct fixture *f)
{
    promc_updown gauge;
    assert_int_equal(promc_updown_get(promc_family_find(f->registry, "http_requests_in_flight"), NULL, &gauge), 0);
    return promc_updown_value(gauge);
}

static void only_the_first_end_counts(void **state)
{
    struct fixture *f = *state;
    promc_http_token token;
    promc_http_begin(f->http, &token);
    assert_int_equal((int64_t)in_flight(f), 1);
    assert_true(promc_http_end(&token, f->route, PROMC_HTTP_GET, 200, 0, 512));
    assert_false(promc_http_end(&token, f->route, PROMC_HTTP_GET, 500, 0, 512));
    assert_false(promc_http_abort(&token, f->route, PROMC_HTTP_GET, 0, 0));
    assert_int_equal((int64_t)in_flight(f), 0);
    assert_int_equal((int64_t)requests(f, "GET", "/things/{id}", "200"), 1);
    assert_int_equal((int64_t)requests(f, "GET", "/things/{id}", "500"), 0);
    assert_int_equal(durations(f, "GET", "/things/{id}", "200"), 1);
}

static void a_request_begins_with_its_first_byte(void **state)
{
    struct fixture *f = *state;
    promc_http_token token;
    double sum;
    const char *const values[] = {"GET", "/things/{id}", "200"};
    promc_histogram duration =
        promc_histogram_with_values(promc_family_find(f->registry, "http_request_duration_seconds"), values, 3);
    promc_http_begin_at(f->http, &token, promc_now_ns() + UINT64_C(1000000000000)); /* a clock that went back */
    assert_int_equal((int64_t)in_flight(f), 1);
    assert_true(promc_http_end(&token, f->route, PROMC_HTTP_GET, 200, 0, 0));
    assert_int_equal(promc_histogram_count(duration, &sum), 1);
    assert_true(sum == 0);
    promc_http_begin_at(f->http, &token, promc_now_ns() - UINT64_C(3000000000));
    assert_true(promc_http_end(&token, f->route, PROMC_HTTP_GET, 200, 0, 0));
    assert_int_equal(promc_histogram_count(duration, &sum), 2);
    assert_true(sum >= 3 && sum < 1000);
    assert_int_equal((int64_t)in_flight(f), 0);
    promc_http_begin_at(NULL, &token, 1);
    assert_false(promc_http_end(&token, f->route, PROMC_HTTP_GET, 200, 0, 0));
}

static void abort_is_499(void **state)
{
    struct fixture *f = *state;
    promc_http_token token;
    promc_http_begin(f->http, &token);
    assert_true(promc_http_abort(&token, NULL, PROMC_HTTP_PUT, 10, 0));
    assert_false(promc_http_end(&token, f->route, PROMC_HTTP_GET, 200, 0, 0));
    assert_int_equal((int64_t)requests(f, "PUT", PROMC_HTTP_UNMATCHED, "499"), 1);
    promc_family *aborted = promc_family_find(f->registry, "http_requests_aborted_total");
    assert_int_equal((int64_t)promc_counter_value(promc_counter_with(aborted, "PUT", PROMC_HTTP_UNMATCHED)), 1);
    assert_int_equal((int64_t)in_flight(f), 0);
}

/* The unmatched route creates a series at its first use and keeps the handle: no series exists before, and each request is in the right one. */
static void unmatched_requests_have_their_series(void **state)
{
    struct fixture *f = *state;
    static const int statuses[] = {404, 405, 420}; /* 404 and 420 share a slot */
    char *text = scrape_text(f->registry);
    assert_null(strstr(text, PROMC_HTTP_UNMATCHED));
    free(text);
    for (int round = 1; round <= 3; round++) {
        for (int method = 0; method < PROMC_HTTP_METHODS; method++) {
            const char *name = promc_http_method_name((enum promc_http_method)method);
            for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
                char status[4];
                promc_http_token token;
                promc_http_begin(f->http, &token);
                assert_true(promc_http_end(&token, NULL, (enum promc_http_method)method, statuses[i], 1, 2));
                snprintf(status, sizeof(status), "%d", statuses[i]);
                assert_int_equal((int64_t)requests(f, name, PROMC_HTTP_UNMATCHED, status), round);
                assert_int_equal(durations(f, name, PROMC_HTTP_UNMATCHED, status), round);
            }
        }
    }
    text = scrape_text(f->registry);
    assert_non_null(strstr(text, "http_response_size_bytes_sum{method=\"GET\",route=\"<unmatched>\"} 18\n"));
    assert_non_null(strstr(text, "http_response_size_bytes_count{method=\"OTHER\",route=\"<unmatched>\"} 9\n"));
    free(text);
}

static void odd_arguments_are_counted(void **state)
{
    struct fixture *f = *state;
    static const int statuses[] = {0, -1, 99, 1000, 100000};
    promc_http_token token = {0};
    assert_false(promc_http_end(&token, f->route, PROMC_HTTP_GET, 200, 0, 0)); /* never begun */
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
        promc_http_begin(f->http, &token);
        assert_true(promc_http_end(&token, f->route, (enum promc_http_method)77, statuses[i], 0, 0));
    }
    assert_int_equal((int64_t)requests(f, "OTHER", "/things/{id}", "500"), 5);
    assert_int_equal(promc_http_method_of("get"), PROMC_HTTP_OTHER);
    assert_int_equal(promc_http_method_of("GET"), PROMC_HTTP_GET);
    assert_int_equal(promc_http_method_of(NULL), PROMC_HTTP_OTHER);
    assert_string_equal(promc_http_method_name(PROMC_HTTP_DELETE), "DELETE");
    promc_http_begin(NULL, &token); /* metrics are off */
    assert_false(promc_http_end(&token, f->route, PROMC_HTTP_GET, 200, 0, 0));
    promc_http_route *route;
    assert_int_equal(promc_http_route_declare(f->http, "/x", 1u << PROMC_HTTP_METHODS, &route), PROMC_E_INVALID);
    assert_null(route);
}

static void declared_series_exist_at_zero(void **state)
{
    struct fixture *f = *state;
    char *text = scrape_text(f->registry);
    assert_non_null(
        strstr(text, "http_requests_total{method=\"POST\",route=\"/things/{id}\",status_code=\"500\"} 0\n"));
    assert_non_null(strstr(text, "http_requests_total{method=\"GET\",route=\"/things/{id}\",status_code=\"200\"} 0\n"));
    assert_non_null(strstr(text, "http_request_duration_seconds_bucket{method=\"GET\",route=\"/things/{id}\","
                                 "status_code=\"200\",le=\"60\"} 0\n"));
    free(text);
}

/* If a series is removed while the route holds handles to it, it is created again, and counts from zero. */
static void survives_removal(void **state)
{
    struct fixture *f = *state;
    promc_http_token token;
    for (int i = 0; i < 3; i++) {
        promc_http_begin(f->http, &token);
        promc_http_end(&token, f->route, PROMC_HTTP_GET, 200, 1, 1);
        if (i == 0) {
            assert_int_equal(promc_family_remove(promc_family_find(f->registry, "http_requests_total"),
                                                 (const char *[]){"GET", "/things/{id}", "200"}),
                             0);
            assert_int_equal(promc_family_remove(promc_family_find(f->registry, "http_request_size_bytes"),
                                                 (const char *[]){"GET", "/things/{id}"}),
                             0);
        }
    }
    assert_int_equal((int64_t)requests(f, "GET", "/things/{id}", "200"), 2);
    assert_int_equal(durations(f, "GET", "/things/{id}", "200"), 3);
}

/* How often this text is in the OpenMetrics exposition. */
static int times(const struct fixture *f, const char *part)
{
    char *text = scrape_openmetrics(f->registry);
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        n++;
    free(text);
    return n;
}

static void request_id_becomes_the_exemplar(void **state)
{
    struct fixture *f = *state;
    promc_http_token token;
    promc_label id = {"request_id", "r-17"}, bad = {"no name", "x"};
    promc_http_begin(f->http, &token);
    assert_true(promc_http_end_exemplar(&token, f->route, PROMC_HTTP_GET, 200, 0, 5, &id, 1));
    assert_false(promc_http_end_exemplar(&token, f->route, PROMC_HTTP_GET, 200, 0, 5, &id, 1));
    assert_int_equal(times(f, "http_requests_total{method=\"GET\",route=\"/things/{id}\",status_code=\"200\"} 1 # "
                              "{request_id=\"r-17\"} 1 "),
                     1);
    assert_int_equal(times(f, " # {request_id=\"r-17\"} "), 2); /* the counter's, and that of the duration's bucket */
    promc_http_begin(f->http, &token);
    assert_true(promc_http_end_exemplar(&token, f->route, PROMC_HTTP_GET, 500, 0, 5, &bad,
                                        1)); /* the request is counted even so */
    assert_int_equal((int64_t)requests(f, "GET", "/things/{id}", "500"), 1);
    assert_int_equal(durations(f, "GET", "/things/{id}", "500"), 1);
}

struct race {
    struct fixture *f;
    promc_http_token *tokens;
    uint64_t finished;
};

static void *finish_all(void *argument)
{
    struct race *race = argument;
    for (int i = 0; i < REQUESTS; i++)
        race->finished += promc_http_end(&race->tokens[i], race->f->route, PROMC_HTTP_POST, 201, 5, 6);
    return NULL;
}

/* Several threads finish the same requests at the same time. */
static void races_count_once(void **state)
{
    struct fixture *f = *state;
    promc_http_token *tokens = calloc(REQUESTS, sizeof(*tokens));
    struct race races[THREADS];
    pthread_t threads[THREADS];
    uint64_t finished = 0;
    for (int i = 0; i < REQUESTS; i++)
        promc_http_begin(f->http, &tokens[i]);
    assert_int_equal((int64_t)in_flight(f), REQUESTS);
    for (int i = 0; i < THREADS; i++) {
        races[i] = (struct race){f, tokens, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, finish_all, &races[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        finished += races[i].finished;
    }
    assert_int_equal(finished, REQUESTS);
    assert_int_equal((int64_t)in_flight(f), 0);
    assert_int_equal((int64_t)requests(f, "POST", "/things/{id}", "201"), REQUESTS);
    assert_int_equal(durations(f, "POST", "/things/{id}", "201"), REQUESTS);
    free(tokens);
}

static void settings_of_a_newer_program_are_refused(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_http *http;
    assert_fails(promc_http_create(&http, registry, &(promc_http_settings){.reserved = {0, 0, 0, 1}}), PROMC_E_VERSION,
                 "promc_http_settings: reserved word 3");
    assert_null(http);
    promc_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_of_a_newer_program_are_refused),
        cmocka_unit_test_setup_teardown(only_the_first_end_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_begins_with_its_first_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(abort_is_499, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unmatched_requests_have_their_series, set_up, tear_down),
        cmocka_unit_test_setup_teardown(odd_arguments_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(declared_series_exist_at_zero, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_removal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(request_id_becomes_the_exemplar, set_up, tear_down),
        cmocka_unit_test_setup_teardown(races_count_once, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("promc-http request", tests, NULL, NULL);
}
