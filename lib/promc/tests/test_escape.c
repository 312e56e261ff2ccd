/* SPDX-License-Identifier: Apache-2.0 */
/* Escaping of label values, help texts and names, byte by byte. */
#include "base/escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char text[4096];

static const char *label(const char *value)
{
    *promc_escape_label_value(text, value, strlen(value)) = '\0';
    return text;
}

static const char *help(const char *value, bool openmetrics)
{
    *promc_escape_help(text, value, strlen(value), openmetrics) = '\0';
    return text;
}

static const char *name(const char *value, enum promc_escaping scheme)
{
    *promc_escape_name(text, value, strlen(value), scheme) = '\0';
    return text;
}

static void test_label_values(void **state)
{
    (void)state;
    assert_string_equal(label(""), "");
    assert_string_equal(label("plain"), "plain");
    assert_string_equal(label("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    assert_string_equal(label("\\n"), "\\\\n");
    assert_string_equal(label("tab\tcr\r{},=#"), "tab\tcr\r{},=#");
    assert_string_equal(label("żółw"), "żółw");
}

static void test_help(void **state)
{
    (void)state;
    assert_string_equal(help("say \"hi\"\\\n", false), "say \"hi\"\\\\\\n");
    assert_string_equal(help("say \"hi\"\\\n", true), "say \\\"hi\\\"\\\\\\n");
}

static void test_classic_names(void **state)
{
    (void)state;
    assert_true(promc_name_is_classic("http_requests:rate5m", 20));
    assert_true(promc_name_is_classic("_", 1));
    assert_false(promc_name_is_classic("", 0));
    assert_false(promc_name_is_classic("5xx", 3));
    assert_false(promc_name_is_classic("a.b", 3));
    assert_false(promc_name_is_classic("a b", 3));
    assert_false(promc_name_is_classic("é", 2));
}

static void test_schemes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *underscores, *dots, *values;
    } cases[] = {
        {"http_requests", "http_requests", "http__requests", "http_requests"},
        {"http.requests_total", "http_requests_total", "http_dot_requests__total", "U__http_2e_requests__total"},
        {"mysystem.prod.west.cpu.load", "mysystem_prod_west_cpu_load", "mysystem_dot_prod_dot_west_dot_cpu_dot_load",
         "U__mysystem_2e_prod_2e_west_2e_cpu_2e_load"},
        {"http.status:sum", "http_status:sum", "http_dot_status:sum", "U__http_2e_status:sum"},
        {"label with 😱", "label_with__", "label__with____", "U__label_20_with_20__1f631_"},
        {"花火", "__", "____", "U___82b1__706b_"},
        {"5xx", "_xx", "__xx", "U___35_xx"},
        {"bad\xff", "bad_", "bad__", "U__bad_fffd_"},
        {"overlong\xc0\xaf", "overlong__", "overlong____", "U__overlong_fffd__fffd_"},
        {"cut\xe2\x82", "cut__", "cut____", "U__cut_fffd__fffd_"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(name(cases[i].name, PROMC_ESCAPING_UNDERSCORES), cases[i].underscores);
        assert_string_equal(name(cases[i].name, PROMC_ESCAPING_DOTS), cases[i].dots);
        assert_string_equal(name(cases[i].name, PROMC_ESCAPING_VALUES), cases[i].values);
        assert_string_equal(name(cases[i].name, PROMC_ESCAPING_ALLOW_UTF8), cases[i].name);
        for (int scheme = 0; scheme <= PROMC_ESCAPING_VALUES; scheme++) {
            bool same = strcmp(name(cases[i].name, (enum promc_escaping)scheme), cases[i].name) == 0 &&
                        promc_name_is_classic(cases[i].name, strlen(cases[i].name));
            assert_int_equal(promc_name_is_plain(cases[i].name, strlen(cases[i].name), (enum promc_escaping)scheme),
                             same);
        }
    }
}

/* The stated room is enough for any bytes, and the result is a classic name. The buffers are exact, so that ASan detects one byte more. */
static void test_bounds(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (int round = 0; round < 20000; round++) {
        char in[24];
        size_t length = 1 + seed % sizeof(in);
        for (size_t i = 0; i < length; i++) {
            seed = seed * 1664525 + 1013904223;
            in[i] = (char)(seed >> 24);
        }
        for (int scheme = 0; scheme <= PROMC_ESCAPING_VALUES; scheme++) {
            char *out = malloc(PROMC_ESCAPED_NAME_MAX(length));
            size_t n = (size_t)(promc_escape_name(out, in, length, (enum promc_escaping)scheme) - out);
            assert_true(n <= PROMC_ESCAPED_NAME_MAX(length));
            assert_true(scheme == PROMC_ESCAPING_ALLOW_UTF8 || promc_name_is_classic(out, n));
            free(out);
        }
        char *out = malloc(PROMC_ESCAPED_TEXT_MAX(length));
        assert_true((size_t)(promc_escape_label_value(out, in, length) - out) <= PROMC_ESCAPED_TEXT_MAX(length));
        free(out);
        seed = seed * 1664525 + 1013904223;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_label_values), cmocka_unit_test(test_help),   cmocka_unit_test(test_classic_names),
        cmocka_unit_test(test_schemes),      cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
