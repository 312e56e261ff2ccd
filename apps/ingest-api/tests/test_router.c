/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "http/decode.h"
#include "http/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static struct route table[] = {
    {.method = PROMC_HTTP_GET, .path = "/", .instrumented = true},
    {.method = PROMC_HTTP_GET, .path = "/items", .instrumented = true},
    {.method = PROMC_HTTP_POST, .path = "/items", .instrumented = true},
    {.method = PROMC_HTTP_GET, .path = "/items/{id}", .instrumented = true},
    {.method = PROMC_HTTP_GET, .path = "/items/all", .instrumented = true},
    {.method = PROMC_HTTP_GET, .path = "/items/{id}/parts/{part}", .instrumented = true},
    {.method = PROMC_HTTP_POST, .path = "/items/{id}/start", .instrumented = true},
    {0},
};
static struct router *router;
static struct router_match match;
static char storage[64];

static enum router_result find(enum promc_http_method method, const char *path)
{
    return router_match(router, method, path, storage, sizeof(storage), &match);
}

static int make(void **state)
{
    (void)state;
    log_set_level(70);
    struct route *tables[] = {table};
    return router_create(&router, tables, 1, NULL);
}

static int drop(void **state)
{
    (void)state;
    router_destroy(router);
    return 0;
}

static void test_literals_and_parameters(void **state)
{
    (void)state;
    assert_int_equal(find(PROMC_HTTP_GET, "/"), ROUTER_FOUND);
    assert_string_equal(match.route->path, "/");
    assert_int_equal(find(PROMC_HTTP_POST, "/items"), ROUTER_FOUND);
    assert_ptr_equal(match.route, &table[2]);
    assert_int_equal(find(PROMC_HTTP_GET, "/items/all"), ROUTER_FOUND);
    assert_string_equal(match.route->path, "/items/all"); /* a literal wins */
    assert_int_equal(find(PROMC_HTTP_GET, "/items/7/parts/x%2Fy%20z"), ROUTER_FOUND);
    assert_string_equal(match.params[0], "7");
    assert_string_equal(match.params[1], "x/y z"); /* %2F is no separator */
    assert_int_equal(find(PROMC_HTTP_GET, "/%69tems/%61ll"), ROUTER_FOUND);
    assert_string_equal(match.route->path, "/items/all");
}

static void test_unknown_paths(void **state)
{
    (void)state;
    const char *const paths[] = {"",
                                 "*",
                                 "items",
                                 "//",
                                 "/items/",
                                 "//items",
                                 "/Items",
                                 "/items/1/parts",
                                 "/items/1/parts/2/3",
                                 "/items%2Fall",
                                 "/a/b/c/d/e/f/g/h/i/j/k/l/m/n",
                                 "/items//parts/1"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_int_equal(find(PROMC_HTTP_GET, paths[i]), ROUTER_NOT_FOUND);
        assert_string_equal(match.route->path, PROMC_HTTP_UNMATCHED);
        assert_null(match.allow);
    }
}

static void test_wrong_method(void **state)
{
    (void)state;
    assert_int_equal(find(PROMC_HTTP_DELETE, "/items/7"), ROUTER_METHOD);
    assert_string_equal(match.route->path, "/items/{id}");
    assert_string_equal(match.allow, "GET, HEAD");
    assert_int_equal(find(PROMC_HTTP_PUT, "/items"), ROUTER_METHOD);
    assert_string_equal(match.allow, "GET, HEAD, POST");
    assert_int_equal(find(PROMC_HTTP_OTHER, "/items/1/start"), ROUTER_METHOD);
    assert_string_equal(match.allow, "POST");
    assert_int_equal(find(PROMC_HTTP_HEAD, "/items/1/start"), ROUTER_METHOD);
    assert_int_equal(find(PROMC_HTTP_HEAD, "/items/7"), ROUTER_FOUND);
}

static void test_bad_escapes(void **state)
{
    (void)state;
    const char *const paths[] = {"/items/%",   "/items/%4",   "/items/%4g",    "/items/%00",      "/items/a%00b",
                                 "/items/%ff", "/items/\xff", "/items/%c0%af", "/items/%ed%a0%80"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_int_equal(find(PROMC_HTTP_GET, paths[i]), ROUTER_BAD_PATH);
    assert_int_equal(find(PROMC_HTTP_GET, "/items/%E2%82%AC"), ROUTER_FOUND);
    assert_string_equal(match.params[0], "\xe2\x82\xac");
}

static void test_lengths(void **state)
{
    (void)state;
    char path[3000] = "/items/";
    for (size_t n = 1; n < 2900; n += 7) {
        memset(path + 7, 'a', n);
        path[7 + n] = '\0';
        assert_int_equal(find(PROMC_HTTP_GET, path), n < sizeof(storage) ? ROUTER_FOUND : ROUTER_NOT_FOUND);
        path[8] = '%'; /* now it must be decoded, or is invalid */
        assert_int_not_equal(find(PROMC_HTTP_GET, path), ROUTER_FOUND);
    }
}

static void test_invalid_tables(void **state)
{
    (void)state;
    struct router *other = NULL;
    struct route twice[] = {{.method = PROMC_HTTP_GET, .path = "/a"}, {.method = PROMC_HTTP_GET, .path = "/a"}, {0}};
    struct route relative[] = {{.method = PROMC_HTTP_GET, .path = "a"}, {0}};
    struct route many[] = {{.method = PROMC_HTTP_GET, .path = "/{a}/{b}/{c}/{d}/{e}"}, {0}};
    struct route *tables[] = {twice, relative, many};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(router_create(&other, &tables[i], 1, NULL), -1);
    assert_null(other);
}

static void test_templates_are_registered_with_the_metrics(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_http *http;
    struct router *instrumented;
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_http_create(&http, registry, NULL), 0);
    struct route *tables[] = {table};
    assert_int_equal(router_create(&instrumented, tables, 1, http), 0);
    assert_non_null(table[1].metrics);
    assert_ptr_equal(table[1].metrics, table[2].metrics); /* GET and POST /items */
    assert_ptr_not_equal(table[1].metrics, table[3].metrics);
    char *text;
    assert_int_equal(promc_scrape_string(registry, &(promc_scrape_settings){0}, &text, NULL), 0);
    assert_non_null(strstr(text, "http_requests_total{method=\"POST\",route=\"/items\",status_code=\"500\"} 0\n"));
    free(text);
    router_destroy(instrumented);
    promc_http_destroy(http);
    promc_registry_destroy(registry);
}

static void test_queries(void **state)
{
    (void)state;
    const char raw[] = "a=1&b=%26%3d+x&a=2&&=empty&flag&c=d=e&%61=3";
    struct query *query;
    assert_int_equal(query_parse(raw, strlen(raw), &query), 0);
    const char *const want[][2] = {{"a", "1"},   {"b", "&= x"}, {"a", "2"}, {"", "empty"},
                                   {"flag", ""}, {"c", "d=e"},  {"a", "3"}};
    assert_int_equal(query->count, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_string_equal(query->pair[i].name, want[i][0]);
        assert_string_equal(query->pair[i].value, want[i][1]);
    }
    struct request req = {.query = query};
    const char *values[8];
    assert_int_equal(request_query_all(&req, "a", values, 8), 3);
    assert_string_equal(values[2], "3");
    assert_string_equal(request_query(&req, "a"), "1");
    assert_null(request_query(&req, "zzz"));
    free(query);

    assert_int_equal(query_parse("a=%0", 4, &query), QUERY_E_ENCODING);
    assert_int_equal(query_parse("%00=a", 5, &query), QUERY_E_ENCODING);
    assert_int_equal(query_parse("a=%fe", 5, &query), QUERY_E_ENCODING);
    assert_int_equal(query_parse("", 0, &query), 0);
    assert_null(query);
    char many[3 * (QUERY_MAX_PARAMS + 1)];
    for (size_t n = QUERY_MAX_PARAMS; n <= QUERY_MAX_PARAMS + 1; n++) {
        for (size_t i = 0; i < n; i++)
            many[2 * i] = 'a', many[2 * i + 1] = '&';
        assert_int_equal(query_parse(many, 2 * n - 1, &query), n > QUERY_MAX_PARAMS ? QUERY_E_TOO_MANY : 0);
        free(query);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals_and_parameters),
        cmocka_unit_test(test_unknown_paths),
        cmocka_unit_test(test_wrong_method),
        cmocka_unit_test(test_bad_escapes),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_invalid_tables),
        cmocka_unit_test(test_templates_are_registered_with_the_metrics),
        cmocka_unit_test(test_queries),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
