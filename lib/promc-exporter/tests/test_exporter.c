/* SPDX-License-Identifier: Apache-2.0 */
/* The exporter over real sockets: formats, compression, filter, limits, bad requests, start and stop. */
#include "client.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <zlib.h>

static void test_one_call(void **state)
{
    (void)state;
    promc_exporter *exporter = promc_exporter_start("127.0.0.1:0");
    assert_non_null(exporter);
    unsigned port = promc_exporter_port(exporter);
    promc_family *jobs;
    promc_counter counter;
    assert_int_equal(promc_counter_register(promc_exporter_registry(exporter),
                                            &(promc_family_settings){.name = "jobs_total"}, &jobs),
                     0);
    promc_counter_get(jobs, NULL, &counter);
    promc_counter_add_u64(counter, 3);
    struct reply reply = get(port, "/metrics", "");
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.head, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert_non_null(strstr(reply.body, "\njobs_total 3\n"));
    assert_non_null(strstr(reply.body, "\nprocess_cpu_seconds_total "));
    free(reply.body);
    promc_exporter_stop(exporter);
    promc_exporter_stop(NULL);
}

static void test_negotiation(void **state)
{
    (void)state;
    promc_exporter *exporter = start((promc_exporter_settings){0});
    unsigned port = promc_exporter_port(exporter);
    struct reply reply =
        get(port, "/metrics", "Accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8\r\n");
    assert_non_null(strstr(reply.head, "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8; "
                                       "escaping=allow-utf-8\r\n"));
    assert_string_equal(reply.body + reply.length - 6, "# EOF\n");
    free(reply.body);
    reply =
        get(port, "/metrics",
            "Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited\r\n");
    assert_non_null(strstr(reply.head, "Content-Type: application/vnd.google.protobuf; "
                                       "proto=io.prometheus.client.MetricFamily; encoding=delimited\r\n"));
    assert_non_null(memmem(reply.body, reply.length, "process_threads", 15));
    free(reply.body);
    promc_exporter_stop(exporter);
}

static void test_name_filter(void **state)
{
    (void)state;
    promc_exporter *exporter = start((promc_exporter_settings){0});
    struct reply reply =
        get(promc_exporter_port(exporter), "/metrics?name%5B%5D=process_threads&name[]=process_open_fds&x=y", "");
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.body, "\nprocess_threads "));
    assert_non_null(strstr(reply.body, "\nprocess_open_fds "));
    assert_null(strstr(reply.body, "process_cpu_seconds_total"));
    free(reply.body);
    promc_exporter_stop(exporter);
}

static char *gunzip(const struct reply *reply, size_t *length)
{
    z_stream stream = {.next_in = (unsigned char *)reply->body, .avail_in = (uInt)reply->length};
    char *out = malloc(1 << 22);
    stream.next_out = (unsigned char *)out;
    stream.avail_out = (1 << 22) - 1;
    assert_int_equal(inflateInit2(&stream, 16 + 15), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    *length = stream.total_out;
    out[*length] = '\0';
    inflateEnd(&stream);
    return out;
}

static void fill(promc_registry *registry, int count)
{
    promc_family *family;
    assert_int_equal(
        promc_counter_register(registry, &(promc_family_settings){.name = "many_total", .labels = {"key"}}, &family),
        0);
    for (int i = 0; i < count; i++) {
        char key[32];
        snprintf(key, sizeof(key), "key number %d", i);
        promc_counter_inc(promc_counter_with(family, key));
    }
}

static void test_gzip(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool compressed;
    } cases[] = {
        {"", false},
        {"Accept-Encoding: gzip\r\n", true},
        {"Accept-Encoding: deflate, GZIP;q=0.5\r\n", true},
        {"Accept-Encoding: gzip;q=0\r\n", false},
        {"Accept-Encoding: gzip;q=0.000\r\n", false},
        {"Accept-Encoding: *\r\n", true},
        {"Accept-Encoding: *;q=0\r\n", false},
        {"Accept-Encoding: identity\r\n", false},
        {"Accept-Encoding: gzipped\r\n", false},
        {"Accept-Encoding: ,,;;\r\n", false},
    };
    promc_registry *registry;
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.no_self_metrics = true}), 0);
    fill(registry, 9000);
    promc_exporter *exporter = start((promc_exporter_settings){.registry = registry});
    unsigned port = promc_exporter_port(exporter);
    struct reply plain = get(port, "/metrics", "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reply reply = get(port, "/metrics", cases[i].header);
        assert_int_equal(reply.status, 200);
        assert_int_equal(strstr(reply.head, "Content-Encoding: gzip") != NULL, cases[i].compressed);
        if (cases[i].compressed) {
            size_t length;
            char *text = gunzip(&reply, &length);
            assert_true(reply.length < plain.length / 4);
            assert_int_equal(length, plain.length);
            assert_memory_equal(text, plain.body, length);
            free(text);
        } else {
            assert_int_equal(reply.length, plain.length);
        }
        free(reply.body);
    }
    free(plain.body);
    promc_exporter_stop(exporter);
    exporter = start((promc_exporter_settings){.registry = registry, .no_compression = true});
    struct reply reply = get(promc_exporter_port(exporter), "/metrics", "Accept-Encoding: gzip\r\n");
    assert_null(strstr(reply.head, "Content-Encoding"));
    free(reply.body);
    promc_exporter_stop(exporter);
    promc_registry_destroy(registry);
}

/* Clients that stop reading hold one scrape each; one more is refused. When they close, there is room again. */
static void test_scrapes_in_flight(void **state)
{
    (void)state;
    promc_registry *registry;
    int stuck[2];
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.max_series_per_family = 400000,
                                                                                 .arena_bytes = 256 << 20}),
                     0);
    fill(registry, 300000);
    promc_exporter *exporter = start((promc_exporter_settings){.registry = registry, .max_scrapes = 2});
    unsigned port = promc_exporter_port(exporter);
    for (int i = 0; i < 2; i++) {
        char byte;
        stuck[i] = open_connection(port);
        send_text(stuck[i], "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(recv(stuck[i], &byte, 1, 0), 1);
    }
    struct reply reply = get(port, "/metrics", "");
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(reply.head, "Retry-After: 1\r\n"));
    assert_string_equal(reply.body, "too many scrapes in flight\n");
    free(reply.body);
    reply = get(port, "/", ""); /* other requests are still answered */
    assert_int_equal(reply.status, 200);
    free(reply.body);
    close(stuck[0]);
    close(stuck[1]);
    /* The exporter notices at its next write that they have closed. */
    for (int attempt = 0; attempt < 10000; attempt++) {
        reply = get(port, "/metrics", "");
        free(reply.body);
        if (reply.status == 200)
            break;
        usleep(20000);
    }
    assert_int_equal(reply.status, 200);
    promc_exporter_stop(exporter);
    promc_registry_destroy(registry);
}

/* Takes so long that a short deadline passes. */
static int slow_collector(void *user, uint64_t deadline_ns)
{
    const uint64_t soon = *(const uint64_t *)user;
    while (deadline_ns < soon && promc_now_ns() <= deadline_ns)
        usleep(1000);
    return 0;
}

static void test_scrape_timeout_header(void **state)
{
    (void)state;
    uint64_t soon = promc_now_ns() + UINT64_C(300000000000);
    promc_exporter *exporter = start((promc_exporter_settings){0});
    unsigned port = promc_exporter_port(exporter);
    assert_int_equal(promc_collector_register(promc_exporter_registry(exporter), "slow", slow_collector, &soon), 0);
    struct reply reply = get(port, "/metrics", "X-Prometheus-Scrape-Timeout-Seconds: 0.1\r\n");
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(reply.body, "scrape timeout"));
    free(reply.body);
    static const char *const generous[] = {"X-Prometheus-Scrape-Timeout-Seconds: 600.5\r\n",
                                           "X-Prometheus-Scrape-Timeout-Seconds: 99999999999999999999\r\n",
                                           "X-Prometheus-Scrape-Timeout-Seconds: soon\r\n",
                                           "X-Prometheus-Scrape-Timeout-Seconds: 0\r\n"};
    for (size_t i = 0; i < sizeof(generous) / sizeof(generous[0]); i++) {
        reply = get(port, "/metrics", generous[i]);
        assert_int_equal(reply.status, 200);
        free(reply.body);
    }
    promc_exporter_stop(exporter);
}

static void test_other_requests(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        unsigned status;
    } cases[] = {
        {"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404},
        {"GET /metrics/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404},
        {"POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc", 405},
        {"DELETE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405},
        {"GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n", 400},
        {"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\nTransfer-Encoding: "
         "chunked\r\n\r\n0\r\n\r\n",
         400},
        {"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
         400},
        {"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc", 200},
        {"GET /metrics HTTP/1.0\r\n\r\n", 200},
    };
    promc_exporter *exporter = start((promc_exporter_settings){0});
    unsigned port = promc_exporter_port(exporter);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reply reply = request_raw(port, cases[i].request);
        if (reply.status != cases[i].status)
            fail_msg("%s gave %u, not %u", cases[i].request, reply.status, cases[i].status);
        if (reply.status == 405)
            assert_non_null(strstr(reply.head, "Allow: GET, HEAD\r\n"));
        free(reply.body);
    }
    struct reply reply = request_raw(port, "HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.head, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert_int_equal(reply.length, 0);
    free(reply.body);
    promc_exporter_stop(exporter);
}

static void test_keep_alive(void **state)
{
    (void)state;
    promc_exporter *exporter = start((promc_exporter_settings){0});
    size_t length;
    int fd = open_connection(promc_exporter_port(exporter));
    for (int i = 0; i < 3; i++) {
        send_text(fd, i < 2 ? "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
                            : "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    }
    char *data = receive_all(fd, &length);
    int answers = 0;
    for (char *p = data; (p = strstr(p, "HTTP/1.1 404")) != NULL; p++)
        answers++;
    assert_int_equal(answers, 3);
    free(data);
    close(fd);
    promc_exporter_stop(exporter);
}

static void test_live_view(void **state)
{
    (void)state;
    promc_exporter *exporter = start((promc_exporter_settings){0});
    struct reply reply = get(promc_exporter_port(exporter), "/", "");
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.head, "Content-Type: text/html; charset=utf-8\r\n"));
    assert_non_null(strstr(reply.body, "<title>promc</title>"));
    assert_true(reply.length < 40000);
    free(reply.body);
    promc_exporter_stop(exporter);
    exporter = start((promc_exporter_settings){.no_live_view = true});
    for (int i = 0; i < 2; i++) {
        reply = get(promc_exporter_port(exporter), i == 0 ? "/" : "/history", "");
        assert_int_equal(reply.status, 404);
        free(reply.body);
    }
    promc_exporter_stop(exporter);
}

/* The length of the history after the line of JSON. */
static size_t history_length(promc_exporter *exporter)
{
    struct reply reply = get(promc_exporter_port(exporter), "/history", "");
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.head, "Cache-Control: no-store\r\n"));
    assert_ptr_equal(strstr(reply.body, "{\"program\":\"test-promc-exporter\",\"gzip\":"), reply.body);
    const char *end = strchr(reply.body, '\n');
    assert_non_null(end);
    size_t length = reply.length - (size_t)(end + 1 - reply.body);
    free(reply.body);
    return length;
}

static void test_history(void **state)
{
    (void)state;
    promc_exporter *exporter = start((promc_exporter_settings){.history_seconds = 60});
    while (history_length(exporter) == 0)
        usleep(20000);
    promc_exporter_stop(exporter);
    /* By default it is recorded from the first time that the page is opened. */
    exporter = start((promc_exporter_settings){0});
    assert_int_equal(history_length(exporter), 0);
    free(get(promc_exporter_port(exporter), "/", "").body);
    while (history_length(exporter) == 0)
        usleep(20000);
    promc_exporter_stop(exporter);
    assert_int_equal(
        promc_exporter_create(&exporter, &(promc_exporter_settings){.address = "127.0.0.1:0", .history_seconds = 3601}),
        PROMC_E_INVALID);
    assert_string_equal(promc_exporter_error(), "history_seconds is 3601, must be at most 3600");
}

/* An invalid name that is not sent to a resolver: one of its labels is longer than DNS allows. */
#define NO_HOST "no.such.host.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:9464"

static void test_settings_of_a_newer_program(void **state)
{
    (void)state;
    promc_exporter *exporter;
    promc_exporter_settings settings = {.address = "127.0.0.1:0", .reserved = {0, 1}};
    assert_int_equal(promc_exporter_create(&exporter, &settings), PROMC_E_VERSION);
    assert_null(exporter);
    assert_non_null(strstr(promc_exporter_error(), "promc_exporter_settings: reserved word 1"));
}

static void test_addresses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",      "nothing", "127.0.0.1", "127.0.0.1:", ":x", "::1:9464", "127.0.0.1:99999999", "127.0.0.1:65536",
        NO_HOST, "[::1"};
    promc_exporter *exporter;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(promc_exporter_create(&exporter, &(promc_exporter_settings){.address = bad[i]}),
                         PROMC_E_INVALID);
        assert_null(exporter);
        assert_true(strlen(promc_exporter_error()) > 5);
    }
    assert_null(promc_exporter_start(NULL));
    assert_int_equal(
        promc_exporter_create(&exporter, &(promc_exporter_settings){.address = "127.0.0.1:0", .max_scrapes = 33}),
        PROMC_E_INVALID);
    promc_exporter *first = promc_exporter_start("localhost:0");
    assert_non_null(first);
    promc_exporter_stop(first);
    first = promc_exporter_start("127.0.0.1:0");
    char taken[32];
    snprintf(taken, sizeof(taken), "127.0.0.1:%u", promc_exporter_port(first));
    assert_int_equal(promc_exporter_create(&exporter, &(promc_exporter_settings){.address = taken}), PROMC_E_IO);
    assert_int_equal(errno, EADDRINUSE);
    assert_non_null(strstr(promc_exporter_error(), taken));
    promc_exporter_stop(first);
    /* the port is free again at once */
    first = promc_exporter_start(taken);
    assert_non_null(first);
    promc_exporter_stop(first);
}

static void on_signal(int number)
{
    (void)number;
}

/* Reads the signal masks of all threads of this process from /proc. */
static bool all_threads_block(int number)
{
    char name[300], line[256];
    DIR *threads = opendir("/proc/self/task");
    unsigned seen = 0, blocked = 0;
    assert_non_null(threads);
    for (struct dirent *entry; (entry = readdir(threads)) != NULL;) {
        snprintf(name, sizeof(name), "/proc/self/task/%s/status", entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(name, "r");
        while (file && fgets(line, sizeof(line), file)) {
            if (strncmp(line, "SigBlk:", 7) == 0) {
                seen++;
                blocked += (unsigned)(strtoull(line + 7, NULL, 16) >> (number - 1)) & 1;
            }
        }
        if (file)
            fclose(file);
    }
    closedir(threads);
    assert_true(seen > 1);
    return seen == blocked;
}

/* Signals of the program go to the program's threads. */
static void test_signals_are_left_alone(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t set, pending;
    sigaction(SIGUSR1, &action, NULL);
    promc_exporter *exporter = start((promc_exporter_settings){0});
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    assert_true(all_threads_block(SIGUSR1));
    kill(getpid(), SIGUSR1);
    sigpending(&pending);
    assert_true(sigismember(&pending, SIGUSR1)); /* the exporter's thread did not take it */
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    promc_exporter_stop(exporter);
}

static void *scrape_loop(void *user)
{
    for (int i = 0; i < 30; i++) {
        struct reply reply = get(*(unsigned *)user, "/metrics", i % 2 ? "Accept-Encoding: gzip\r\n" : "");
        assert_true(reply.status == 200 || reply.status == 503);
        free(reply.body);
    }
    return NULL;
}

static void test_many_scrapers(void **state)
{
    (void)state;
    promc_exporter *exporter = start((promc_exporter_settings){.max_scrapes = 3});
    unsigned port = promc_exporter_port(exporter);
    fill(promc_exporter_registry(exporter), 2000);
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, scrape_loop, &port), 0);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    struct reply reply = get(port, "/metrics", "");
    assert_int_equal(reply.status, 200);
    free(reply.body);
    /* stop while a scrape is unfinished */
    int fd = open_connection(port);
    char begun;
    send_text(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(recv(fd, &begun, 1, MSG_PEEK), 1);
    promc_exporter_stop(exporter);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_call),
        cmocka_unit_test(test_negotiation),
        cmocka_unit_test(test_name_filter),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_scrapes_in_flight),
        cmocka_unit_test(test_scrape_timeout_header),
        cmocka_unit_test(test_other_requests),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_live_view),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_settings_of_a_newer_program),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_signals_are_left_alone),
        cmocka_unit_test(test_many_scrapers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
