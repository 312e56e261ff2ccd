/* SPDX-License-Identifier: Apache-2.0 */
/* Pushing to a real prometheus-pushgateway, and to a port on which nobody listens. */
#include <promc-push/push.h>

#include "url.h"

#include <promc/promc.h>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static pid_t gateway;
static char gateway_url[64];

/* A socket bound to a port that the kernel chooses. */
static int bound_socket(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static unsigned port_of(int fd)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof(address);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static unsigned free_port(void)
{
    int fd = bound_socket();
    unsigned port = port_of(fd);
    close(fd);
    return port;
}

static size_t keep(char *data, size_t size, size_t count, void *user)
{
    strncat(user, data, size * count < 200000 - strlen(user) ? size * count : 0);
    return size * count;
}

/* The gateway's own /metrics; the caller frees it. NULL: no answer. */
static char *gateway_metrics(void)
{
    char url[128], *text = calloc(1, 200001);
    snprintf(url, sizeof(url), "%s/metrics", gateway_url);
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, text);
    CURLcode result = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    if (result != CURLE_OK) {
        free(text);
        return NULL;
    }
    return text;
}

/* Waits until the gateway answers. false: it has ended. */
static bool gateway_answers(void)
{
    while (waitpid(gateway, NULL, WNOHANG) == 0) {
        char *text = gateway_metrics();
        free(text);
        if (text)
            return true;
        usleep(20000);
    }
    gateway = 0;
    return false;
}

static int start_gateway(void **state)
{
    (void)state;
    char listen[64];
    if (system("command -v prometheus-pushgateway >/dev/null") != 0)
        return 0;
    /* Another process may take the free port: then the gateway ends at once, and we try another port. */
    for (int attempt = 0; attempt < 10; attempt++) {
        unsigned port = free_port();
        snprintf(gateway_url, sizeof(gateway_url), "http://127.0.0.1:%u", port);
        snprintf(listen, sizeof(listen), "--web.listen-address=127.0.0.1:%u", port);
        gateway = fork();
        if (gateway == 0) {
            int null = open("/dev/null", O_RDWR);
            dup2(null, 1);
            dup2(null, 2);
            execlp("prometheus-pushgateway", "prometheus-pushgateway", listen, (char *)NULL);
            _exit(127);
        }
        if (gateway_answers())
            return 0;
    }
    return -1;
}

static int stop_gateway(void **state)
{
    (void)state;
    if (gateway > 0) {
        kill(gateway, SIGTERM);
        waitpid(gateway, NULL, 0);
    }
    return 0;
}

static void need_gateway(void)
{
    if (gateway == 0) {
        print_message("prometheus-pushgateway is not installed: skipped\n");
        skip();
    }
}

static promc_registry *make_registry(const char *name, int series)
{
    promc_registry *registry;
    promc_family *family;
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.no_self_metrics = true}), 0);
    assert_int_equal(promc_counter_register(
                         registry, &(promc_family_settings){.name = name, .help = "Rows.", .labels = {"t"}}, &family),
                     0);
    for (int i = 0; i < series; i++) {
        char table[24];
        snprintf(table, sizeof(table), "t\"%d\n", i);
        promc_counter_add_u64(promc_counter_with(family, table), (uint64_t)i);
    }
    return registry;
}

/* Waits for the expected state, because the gateway answers a deletion (202) before it is done. */
static void expect_exposed(const char *line, bool wanted)
{
    for (int patience = 6000;; patience--) {
        char *text = gateway_metrics();
        assert_non_null(text);
        const bool exposed = strstr(text, line) != NULL;
        if (exposed != wanted && patience == 0)
            fail_msg("%s is %s in\n%s", line, wanted ? "not" : "still", text);
        free(text);
        if (exposed == wanted)
            return;
        usleep(10000);
    }
}

static void test_put_post_delete(void **state)
{
    (void)state;
    need_gateway();
    promc_registry *rows = make_registry("rows_total", 3), *others = make_registry("others_total", 1);
    const promc_label grouping[] = {{"instance", "a/b"}, {"empty", ""}, {"odd", "ü %?"}};
    promc_push_settings settings = {
        .url = gateway_url, .job = "nightly import", .grouping = grouping, .grouping_count = 3};
    if (promc_push(rows, &settings) != 0)
        fail_msg("%s", promc_push_error());
    const char *row = "rows_total{empty=\"\",instance=\"a/b\",job=\"nightly import\",odd=\"ü %?\",t=\"t\\\"2\\n\"} 2\n";
    const char *other =
        "others_total{empty=\"\",instance=\"a/b\",job=\"nightly import\",odd=\"ü %?\",t=\"t\\\"0\\n\"} 0\n";
    expect_exposed(row, true);
    assert_int_equal(promc_push_add(others, &settings), 0);
    expect_exposed(row, true);
    expect_exposed(other, true);
    assert_int_equal(promc_push(others, &settings), 0); /* replaces the whole group */
    expect_exposed(row, false);
    expect_exposed(other, true);
    assert_int_equal(promc_push_delete(&settings), 0);
    expect_exposed(other, false);
    promc_registry_destroy(rows);
    promc_registry_destroy(others);
}

static void test_large(void **state)
{
    (void)state;
    need_gateway();
    promc_registry *registry = make_registry("rows_total", 5000);
    assert_int_equal(promc_push(registry, &(promc_push_settings){.url = gateway_url, .job = "large"}), 0);
    assert_int_equal(promc_push_delete(&(promc_push_settings){.url = gateway_url, .job = "large"}), 0);
    promc_registry_destroy(registry);
}

/* If the gateway refuses a push, the error has its status. */
static void test_refused(void **state)
{
    (void)state;
    need_gateway();
    promc_registry *registry = make_registry("rows_total", 1);
    char wrong_path[96];
    snprintf(wrong_path, sizeof(wrong_path), "%s/no/such/path", gateway_url);
    assert_int_equal(promc_push(registry, &(promc_push_settings){.url = wrong_path, .job = "a"}), PROMC_E_IO);
    assert_non_null(strstr(promc_push_error(), "status 404"));
    promc_registry_destroy(registry);
}

static void test_nobody_listens(void **state)
{
    (void)state;
    promc_registry *registry = make_registry("rows_total", 1);
    char url[64];
    int fd = bound_socket(); /* does not listen */
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", port_of(fd));
    assert_int_equal(promc_push(registry, &(promc_push_settings){.url = url, .job = "a"}), PROMC_E_IO);
    assert_non_null(strstr(promc_push_error(), url));
    promc_registry_destroy(registry);
    close(fd);
}

/* A server that accepts and never answers. */
static void test_timeout(void **state)
{
    (void)state;
    char url[64];
    int fd = bound_socket();
    assert_int_equal(listen(fd, 4), 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", port_of(fd));
    promc_registry *registry = make_registry("rows_total", 1);
    assert_int_equal(promc_push(registry, &(promc_push_settings){.url = url, .job = "a", .timeout_ms = 200}),
                     PROMC_E_TIMEOUT);
    promc_registry_destroy(registry);
    close(fd);
}

static void test_settings(void **state)
{
    (void)state;
    promc_registry *registry = make_registry("rows_total", 1);
    const promc_label job = {"job", "x"}, unnamed = {"", "x"};
    assert_int_equal(promc_push(registry, NULL), PROMC_E_INVALID);
    assert_int_equal(promc_push(registry, &(promc_push_settings){.url = "http://x"}), PROMC_E_INVALID);
    assert_int_equal(promc_push(registry, &(promc_push_settings){.url = "http://x", .job = ""}), PROMC_E_INVALID);
    assert_int_equal(promc_push(registry, &(promc_push_settings){.url = "ftp://x", .job = "a"}), PROMC_E_INVALID);
    assert_int_equal(promc_push(NULL, &(promc_push_settings){.url = "http://x", .job = "a"}), PROMC_E_INVALID);
    assert_int_equal(
        promc_push_delete(&(promc_push_settings){.url = "http://x", .job = "a", .grouping = &job, .grouping_count = 1}),
        PROMC_E_INVALID);
    assert_int_equal(promc_push_delete(&(promc_push_settings){
                         .url = "http://x", .job = "a", .grouping = &unnamed, .grouping_count = 1}),
                     PROMC_E_INVALID);
    assert_int_equal(promc_push(registry, &(promc_push_settings){.url = "http://x", .job = "a", .reserved = {1}}),
                     PROMC_E_VERSION);
    assert_non_null(strstr(promc_push_error(), "promc_push_settings: reserved word 0"));
    promc_registry_destroy(registry);
}

static int push_to_nobody(const promc_push_settings *settings)
{
    promc_registry *registry = make_registry("rows_total", 1);
    int error = promc_push(registry, settings);
    promc_registry_destroy(registry);
    return error;
}

static void test_grouping_names(void **state)
{
    (void)state;
    static const char *const bad[] = {"a-b", "1a", "__a", "a:b", "a b", "\xc3\xbc", "a/b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const promc_label label = {bad[i], "x"};
        assert_int_equal(push_to_nobody(&(promc_push_settings){
                             .url = "http://127.0.0.1:1", .job = "a", .grouping = &label, .grouping_count = 1}),
                         PROMC_E_LABEL_NAME);
    }
    const promc_label twice[] = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
    assert_int_equal(push_to_nobody(&(promc_push_settings){
                         .url = "http://127.0.0.1:1", .job = "a", .grouping = twice, .grouping_count = 3}),
                     PROMC_E_LABEL_NAME);
    assert_non_null(strstr(promc_error_detail(), "\"a\" is repeated"));
}

/* One such value in the group's URL would make the gateway's page unreadable. */
static void test_values_that_are_not_utf8_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"\xff", "a\xc3",   "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\x80", "\xe2\x82"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const promc_label label = {"instance", bad[i]};
        assert_int_equal(push_to_nobody(&(promc_push_settings){.url = "http://127.0.0.1:1", .job = bad[i]}),
                         PROMC_E_LABEL_VALUE);
        assert_int_equal(push_to_nobody(&(promc_push_settings){
                             .url = "http://127.0.0.1:1", .job = "a", .grouping = &label, .grouping_count = 1}),
                         PROMC_E_LABEL_VALUE);
        assert_non_null(strstr(promc_error_detail(), "\"instance\" is not UTF-8"));
    }
    const promc_label good = {"instance", "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"};
    assert_int_equal(push_to_nobody(&(promc_push_settings){
                         .url = "http://127.0.0.1:1", .job = "a", .grouping = &good, .grouping_count = 1}),
                     PROMC_E_IO);
}

/* Error texts may be logged: they contain the host and the reason, but neither password nor token. */
static void test_credentials_stay_out_of_error_texts(void **state)
{
    (void)state;
    char url[96];
    int fd = bound_socket();
    snprintf(url, sizeof(url), "http://robot:geh/eim@127.0.0.1:%u", port_of(fd));
    assert_true(push_to_nobody(&(promc_push_settings){.url = url, .job = "a"}) < 0);
    assert_null(strstr(promc_error_detail(), "geh"));
    assert_null(strstr(promc_error_detail(), "eim"));
    assert_non_null(strstr(promc_error_detail(), "127.0.0.1"));
    snprintf(url, sizeof(url), "ftp://robot:geheim@127.0.0.1:%u", port_of(fd));
    assert_int_equal(push_to_nobody(&(promc_push_settings){.url = url, .job = "a"}), PROMC_E_INVALID);
    assert_null(strstr(promc_error_detail(), "geheim"));
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/geheim", port_of(fd));
    assert_int_equal(push_to_nobody(&(promc_push_settings){.url = url, .job = "a", .bearer_token = "geheim"}),
                     PROMC_E_IO);
    assert_null(strstr(promc_error_detail(), "geheim"));
    assert_int_equal(push_to_nobody(&(promc_push_settings){.url = url, .job = "a", .user = "u", .password = "geheim"}),
                     PROMC_E_IO);
    assert_null(strstr(promc_error_detail(), "geheim"));
    assert_string_equal(promc_error_detail(), promc_push_error());
    assert_int_equal(push_to_nobody(&(promc_push_settings){.url = url, .job = "a", .bearer_token = "a\r\nX: y"}),
                     PROMC_E_INVALID);
    close(fd);
}

/* Two jobs that push to one gateway do not collide: metrics that all programs have are pushed only on request. */
static void test_self_metrics_stay_out(void **state)
{
    (void)state;
    need_gateway();
    promc_registry *registry;
    promc_family *family;
    promc_counter rows;
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_collect_process(registry), 0);
    assert_int_equal(promc_counter_register(registry, &(promc_family_settings){.name = "self_rows_total"}, &family), 0);
    assert_int_equal(promc_counter_get(family, NULL, &rows), 0);
    promc_gauge copied;
    assert_int_equal(promc_gauge_register(registry, &(promc_family_settings){.name = "self_copied"}, &family), 0);
    assert_int_equal(promc_gauge_get(family, NULL, &copied), 0);
    assert_int_equal(promc_gauge_set_at(copied, 7, 1700000000000), 0); /* a Pushgateway refuses a push with times */
    promc_push_settings settings = {.url = gateway_url, .job = "self"};
    assert_int_equal(promc_push(registry, &settings), 0);
    expect_exposed("self_copied{instance=\"\",job=\"self\"} 7\n", true);
    expect_exposed("self_rows_total{instance=\"\",job=\"self\"} 0\n", true);
    expect_exposed("process_threads{instance=\"\",job=\"self\"}", false);
    expect_exposed("promc_series{", false);
    settings.self_metrics = true;
    assert_int_equal(promc_push(registry, &settings), 0);
    expect_exposed("process_threads{instance=\"\",job=\"self\"}", true);
    expect_exposed("promc_series{instance=\"\",job=\"self\"}", true);
    assert_int_equal(promc_push_delete(&settings), 0);
    promc_registry_destroy(registry);
}

static void test_urls(void **state)
{
    (void)state;
    static const struct {
        const char *base, *value, *expected;
    } cases[] = {
        {"http://h:1", "b", "http://h:1/metrics/job/j%20/l/b"},
        {"http://h:1/", "a b?#%", "http://h:1/metrics/job/j%20/l/a%20b%3F%23%25"},
        {"http://h/x//", "", "http://h/x/metrics/job/j%20/l@base64/="},
        {"http://h", "/", "http://h/metrics/job/j%20/l@base64/Lw"},
        {"http://h", "//", "http://h/metrics/job/j%20/l@base64/Ly8"},
        {"http://h", ".", "http://h/metrics/job/j%20/l@base64/Lg"},
        {"http://h", "..", "http://h/metrics/job/j%20/l@base64/Li4"},
        {"http://h", "...", "http://h/metrics/job/j%20/l/..."},
        {"http://h", ".a", "http://h/metrics/job/j%20/l/.a"},
        {"http://h", "/\xff\xfe", "http://h/metrics/job/j%20/l@base64/L__-"},
        {"http://h", "ü", "http://h/metrics/job/j%20/l/%C3%BC"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const promc_label label = {"l", cases[i].value};
        char *url = promc_push_url(
            &(promc_push_settings){.url = cases[i].base, .job = "j ", .grouping = &label, .grouping_count = 1});
        assert_string_equal(url, cases[i].expected);
        free(url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_put_post_delete),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_grouping_names),
        cmocka_unit_test(test_values_that_are_not_utf8_are_refused),
        cmocka_unit_test(test_credentials_stay_out_of_error_texts),
        cmocka_unit_test(test_self_metrics_stay_out),
    };
    return cmocka_run_group_tests(tests, start_gateway, stop_gateway);
}
