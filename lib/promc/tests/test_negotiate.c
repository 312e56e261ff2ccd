/* SPDX-License-Identifier: Apache-2.0 */
/* The formats chosen for Accept headers: those of Prometheus, curl and browsers, RFC 9110's cases, and malformed ones. */
#include <promc/scrape.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT "text/plain; version=0.0.4; charset=utf-8"
#define OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define PROTOBUF "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"

#define PROMETHEUS_3_TEXTS                                                                                  \
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"                                \
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4," \
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"

static const struct {
    const char *accept, *content_type;
} cases[] = {
    /* no preference */
    {NULL, TEXT},
    {"", TEXT},
    {"*/*", TEXT},
    {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT},
    {"image/png", TEXT},
    /* a subtype of any type is not a valid range */
    {"*/openmetrics-text,text/plain;version=0.0.4;q=0.5", TEXT},
    /* Prometheus 3, also with native histograms: it names the escaping only with the text formats */
    {PROMETHEUS_3_TEXTS, OPENMETRICS "; escaping=allow-utf-8"},
    {"application/"
     "vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6," PROMETHEUS_3_TEXTS,
     PROTOBUF "; escaping=allow-utf-8"},
    {"application/"
     "vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8;q=0."
     "7," PROMETHEUS_3_TEXTS,
     PROTOBUF "; escaping=allow-utf-8"},
    /* Prometheus 2 */
    {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
     "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
     OPENMETRICS},
    {"application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", TEXT},
    {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,"
     "text/plain;version=0.0.4;q=0.3",
     PROTOBUF},
    {"text/plain;version=0.0.4;q=1,*/*;q=0.1", TEXT},
    /* versions and encodings that we do not have */
    {"application/openmetrics-text;version=2.0.0", TEXT},
    {"application/openmetrics-text", OPENMETRICS},
    {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", TEXT},
    {"application/vnd.google.protobuf;proto=something.Else;encoding=delimited", TEXT},
    /* protobuf uses the escaping of the text formats, unless it names its own */
    {"application/vnd.google.protobuf;q=0.7,text/plain;version=1.0.0;escaping=dots;q=0.6", PROTOBUF "; escaping=dots"},
    {"application/vnd.google.protobuf;escaping=values;q=0.7,text/plain;version=1.0.0;escaping=dots;q=0.6",
     PROTOBUF "; escaping=values"},
    {"application/vnd.google.protobuf;q=0.7,application/openmetrics-text;version=1.0.0;q=0.6", PROTOBUF},
    /* escaping */
    {"text/plain;version=0.0.4;escaping=underscores", TEXT "; escaping=underscores"},
    {"text/plain;escaping=dots", TEXT "; escaping=dots"},
    /* the Content-Type of text 1.0.0 always names the version and the escaping */
    {"text/plain;version=1.0.0;escaping=allow-utf-8", "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"},
    {"text/plain;version=1.0.0", "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"},
    {"text/plain;version=1.0.0;q=0.2,text/plain;version=0.0.4", TEXT},
    {"application/openmetrics-text;version=1.0.0;escaping=values", OPENMETRICS "; escaping=values"},
    {"application/openmetrics-text;version=1.0.0;escaping=rot13", OPENMETRICS},
    {"application/openmetrics-text;version=1.0.0;escaping=\"dots\"", OPENMETRICS "; escaping=dots"},
    {"text/plain;escaping=dots;q=0.2,application/openmetrics-text;q=0.3", OPENMETRICS},
    /* quality, specificity, ties */
    {"text/plain;q=0.5,application/openmetrics-text;q=0.4", TEXT},
    {"text/plain;q=0.4,application/openmetrics-text;q=.5", OPENMETRICS},
    {"text/plain;q=0.49,application/openmetrics-text;q=0.491", OPENMETRICS},
    {"application/openmetrics-text,text/plain", OPENMETRICS},
    {"text/plain,application/openmetrics-text", TEXT},
    {"*/*,application/openmetrics-text", OPENMETRICS},
    {"text/*;q=0.9,application/openmetrics-text;q=0.8", TEXT},
    {"application/*", OPENMETRICS},
    {"application/openmetrics-text;q=0,*/*", TEXT},
    {"text/plain;q=0,*/*", OPENMETRICS},
    {"text/plain;q=0,application/openmetrics-text;q=0,*/*", PROTOBUF},
    {"text/plain;q=0", TEXT},
    {"*/*;q=0", TEXT},
    {"text/plain;q=1.0,application/openmetrics-text;q=7", TEXT},
    {"text/plain;q=0.5,text/*;q=0.1,application/openmetrics-text;q=0.3", TEXT},
    /* spelling */
    {" \tApplication/OpenMetrics-Text ; VERSION=1.0.0 ;\tQ=0.9 , text/plain;q=0.1", OPENMETRICS},
    {"application/openmetrics-text;version=\"1.0.0\";q=0.9,text/plain;q=0.1", OPENMETRICS},
    {"application/openmetrics-text;x=\"a,b;q=0\";q=0.9,text/plain;q=0.1", OPENMETRICS},
    {"text/plain;q=0.1;,application/openmetrics-text;;q=0.2", OPENMETRICS},
    /* malformed: the malformed range is skipped, the others count */
    {",,,", TEXT},
    {"/", TEXT},
    {"text", TEXT},
    {"text/plain;q=0.1,application/openmetrics-text;q=abc", TEXT},
    {"text/plain;q=0.1,application/openmetrics-text;q=-1", TEXT},
    {"text/plain;q=0.1,application/openmetrics-text garbage", TEXT},
    {"???, application/openmetrics-text", OPENMETRICS},
    {"\"unclosed, application/openmetrics-text", TEXT},
    {"\"\\", TEXT},
    {"application/openmetrics-text;x=\"\\", OPENMETRICS},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        promc_scrape_settings settings;
        memset(&settings, 0, sizeof(settings));
        promc_negotiate(cases[i].accept, &settings);
        if (strcmp(promc_content_type(&settings), cases[i].content_type) != 0) {
            fail_msg("Accept: %s\n  gave %s\n  want %s", cases[i].accept, promc_content_type(&settings),
                     cases[i].content_type);
        }
    }
}

static void test_leaves_the_other_fields(void **state)
{
    (void)state;
    static const char *const names[] = {"a"};
    promc_scrape_settings settings = {.names = names, .name_count = 1, .deadline_ns = 5};
    promc_negotiate("*/*", &settings);
    assert_ptr_equal(settings.names, names);
    assert_int_equal(settings.name_count, 1);
    assert_int_equal(settings.deadline_ns, 5);
}

static void test_content_type_of_hand_made_settings(void **state)
{
    (void)state;
    promc_scrape_settings settings = {.format = PROMC_FORMAT_OPENMETRICS, .escaping = PROMC_ESCAPING_ALLOW_UTF8};
    assert_string_equal(promc_content_type(&settings), OPENMETRICS "; escaping=allow-utf-8");
    settings.escaping = (enum promc_escaping)17;
    assert_string_equal(promc_content_type(&settings), TEXT);
}

/* Random combinations of pieces of real headers, in exact buffers: no read past the end, and always one of our formats. */
static void test_nonsense(void **state)
{
    (void)state;
    static const char *const pieces[] = {"text/plain",
                                         "application/openmetrics-text",
                                         ";",
                                         ",",
                                         "q=",
                                         "0.5",
                                         "\"",
                                         "\\",
                                         "*/*",
                                         "version=1.0.0",
                                         "=",
                                         " ",
                                         "escaping=dots",
                                         "\x80",
                                         "/",
                                         "*"};
    unsigned seed = 3;
    for (int round = 0; round < 100000; round++) {
        char buffer[256] = "";
        for (int i = 0; i < 8; i++) {
            seed = seed * 1664525 + 1013904223;
            strcat(buffer, pieces[seed >> 28]);
        }
        char *exact = strdup(buffer);
        promc_scrape_settings settings;
        memset(&settings, 0, sizeof(settings));
        promc_negotiate(exact, &settings);
        assert_true(settings.format <= PROMC_FORMAT_PROTOBUF && settings.escaping <= PROMC_ESCAPING_VALUES);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_leaves_the_other_fields),
        cmocka_unit_test(test_content_type_of_hand_made_settings),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
