/* SPDX-License-Identifier: Apache-2.0 */
/* promc/exposition.h: from the request's head to the answer. */
#include "expose/request.h"
#include "util.h"

#include <promc/exposition.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    promc_registry *registry;
    promc_exposition *exposition;
};

static void set_up(struct fixture *f, const promc_exposition_settings *settings)
{
    f->registry = new_registry(NULL);
    promc_counter_inc(promc_counter_with(new_counter(f->registry, "jobs_total", "queue"), "mail"));
    promc_counter_inc(promc_counter_with(new_counter(f->registry, "rows_total", "queue"), "mail"));
    assert_ok(promc_exposition_create(&f->exposition, f->registry, settings));
}

static void tear_down(struct fixture *f)
{
    promc_exposition_destroy(f->exposition);
    promc_registry_destroy(f->registry);
}

static const char *header(const promc_exposition_scrape *scrape, const char *name)
{
    const promc_exposition_head *head = promc_exposition_get_head(scrape);
    for (size_t i = 0; i < head->header_count; i++)
        if (strcmp(head->headers[i].name, name) == 0)
            return head->headers[i].value;
    return "";
}

static promc_exposition_scrape *ask(struct fixture *f, promc_exposition_request request)
{
    promc_exposition_scrape *scrape;
    assert_ok(promc_exposition_open(f->exposition, &request, &scrape));
    promc_exposition_begin(scrape);
    return scrape;
}

/* The whole body, `step` bytes at a time. */
static const char *body(promc_exposition_scrape *scrape, size_t step)
{
    static char text[65536];
    size_t used = 0;
    long n;
    while ((n = promc_exposition_read(scrape, text + used, step)) > 0)
        used += (size_t)n;
    assert_int_equal(n, 0);
    text[used] = '\0';
    return text;
}

#define LINES(...)                                                                                      \
    (promc_exposition_field)                                                                            \
    {                                                                                                   \
        (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *) \
    }

static void text_by_default(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f, NULL);
    promc_exposition_scrape *scrape = ask(&f, (promc_exposition_request){0});
    assert_int_equal(promc_exposition_get_head(scrape)->status, 200);
    assert_string_equal(header(scrape, "Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_string_equal(header(scrape, "Vary"), "Accept, Accept-Encoding");
    assert_non_null(strstr(body(scrape, 7), "jobs_total{queue=\"mail\"} 1\n"));
    promc_exposition_close(scrape);
    tear_down(&f);
}

/* A field in two lines is the same as one with a comma (RFC 9110, 5.3). */
static void all_accept_lines_count(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f, NULL);
    promc_exposition_scrape *scrape =
        ask(&f, (promc_exposition_request){
                    .accept = LINES("text/plain;q=0.5", NULL, "application/openmetrics-text;version=1.0.0")});
    assert_non_null(strstr(header(scrape, "Content-Type"), "application/openmetrics-text"));
    assert_non_null(strstr(body(scrape, 4096), "# EOF\n"));
    promc_exposition_close(scrape);
    tear_down(&f);
}

static void names_are_decoded(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f, NULL);
    static const char *const queries[] = {"name[]=jobs_total", "name%5B%5D=jobs%5Ftotal", "a=b&name[]=jobs_total&&x",
                                          "name=rows_total&name[]=jobs_total&name[]x=rows_total&xame[]=rows_total"};
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        promc_exposition_scrape *scrape = ask(&f, (promc_exposition_request){.query = queries[i]});
        const char *text = body(scrape, 4096);
        assert_non_null(strstr(text, "jobs_total{"));
        assert_null(strstr(text, "rows_total{"));
        assert_null(strstr(text, "promc_"));
        promc_exposition_close(scrape);
    }
    promc_exposition_scrape *scrape =
        ask(&f, (promc_exposition_request){.names = LINES("jobs_total", NULL), .query = "name[]=rows_total"});
    const char *text = body(scrape, 4096);
    assert_non_null(strstr(text, "jobs_total{"));
    assert_non_null(strstr(text, "rows_total{"));
    assert_null(strstr(text, "promc_"));
    promc_exposition_close(scrape);
    tear_down(&f);
}

/* Each name selects a family, up to the limit. More names are refused and not silently dropped. */
static void many_names(void **state)
{
    struct fixture f;
    static char query[PROMC_EXPOSITION_MAX_NAMES * 10 + 64];
    (void)state;
    set_up(&f, NULL);
    size_t used = 0;
    for (int i = 0; i < 300; i++)
        used += (size_t)sprintf(query + used, "name[]=n&");
    strcpy(query + used, "name[]=rows_total");
    promc_exposition_scrape *scrape = ask(&f, (promc_exposition_request){.query = query});
    assert_non_null(strstr(body(scrape, 4096), "rows_total{"));
    promc_exposition_close(scrape);
    used = 0;
    for (int i = 0; i <= PROMC_EXPOSITION_MAX_NAMES; i++)
        used += (size_t)sprintf(query + used, "name[]=n&");
    scrape = ask(&f, (promc_exposition_request){.query = query});
    assert_int_equal(promc_exposition_get_head(scrape)->status, 400);
    assert_string_equal(body(scrape, 3), "the query: more than 4096 name[] parameters\n");
    promc_exposition_close(scrape);
    tear_down(&f);
}

static void a_malformed_query_is_400(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f, NULL);
    static const char *const queries[] = {"name[]=%", "name[]=%4", "name[]=%zz", "name[]=a%00b", "a&name[]=x%G0"};
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        promc_exposition_scrape *scrape = ask(&f, (promc_exposition_request){.query = queries[i]});
        assert_int_equal(promc_exposition_get_head(scrape)->status, 400);
        assert_non_null(strstr(body(scrape, 4096), "invalid percent-escape"));
        promc_exposition_close(scrape);
    }
    tear_down(&f);
}

/* A compressor with readable output: each byte twice, and a mark at the end. */
struct doubler {
    bool ended;
    char left;
    bool has_left;
};

static unsigned open_streams;

static void *doubler_open(void *user)
{
    (void)user;
    open_streams++;
    return calloc(1, sizeof(struct doubler));
}

static long doubler_write(void *stream, const char **input, size_t *length, bool last, char *output, size_t capacity)
{
    struct doubler *doubler = stream;
    size_t n = 0;
    while (n < capacity && (doubler->has_left || *length > 0)) {
        output[n++] = doubler->has_left ? doubler->left : **input;
        if (!doubler->has_left) {
            doubler->left = *(*input)++;
            --*length;
        }
        doubler->has_left = !doubler->has_left;
    }
    if (last && n < capacity && !doubler->ended) {
        doubler->ended = true;
        output[n++] = '$';
    }
    return (long)n;
}

static void doubler_close(void *stream)
{
    open_streams--;
    free(stream);
}

static const promc_compressor doubler = {
    .coding = "twice", .open = doubler_open, .write = doubler_write, .close = doubler_close};

static void the_compressor_is_used_when_asked_for(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f, &(promc_exposition_settings){.compressor = &doubler});
    const struct {
        promc_exposition_field field;
        bool used;
    } cases[] = {{LINES("twice"), true},
                 {LINES("identity", "TWICE"), true},
                 {LINES("x-twice"), true},
                 {LINES("*"), true},
                 {LINES("br;q=1.0, twice;q=0.5"), true},
                 {LINES("twice;q=0, *"), false},
                 {LINES("twice;q=0.000"), false},
                 {LINES("twices"), false},
                 {LINES("gzip"), false},
                 {{0}, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        promc_exposition_scrape *scrape = ask(&f, (promc_exposition_request){.accept_encoding = cases[i].field});
        assert_string_equal(header(scrape, "Content-Encoding"), cases[i].used ? "twice" : "");
        const char *text = body(scrape, 5);
        assert_true((strstr(text, "jjoobbss__ttoottaall") != NULL) == cases[i].used);
        assert_true((text[strlen(text) - 1] == '$') == cases[i].used);
        promc_exposition_close(scrape);
    }
    assert_int_equal(open_streams, 0);
    tear_down(&f);
}

static void scrapes_in_flight_are_limited(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f, &(promc_exposition_settings){.max_scrapes = 1});
    promc_exposition_scrape *first = ask(&f, (promc_exposition_request){0});
    promc_exposition_scrape *second = ask(&f, (promc_exposition_request){0});
    assert_int_equal(promc_exposition_get_head(second)->status, 503);
    assert_string_equal(header(second, "Retry-After"), "1");
    assert_string_equal(header(second, "Content-Type"), "text/plain; charset=utf-8");
    assert_string_equal(body(second, 4096), "too many scrapes in flight\n");
    promc_exposition_close(second);
    promc_exposition_close(first);
    first = ask(&f, (promc_exposition_request){0});
    assert_int_equal(promc_exposition_get_head(first)->status, 200);
    promc_exposition_close(first);
    tear_down(&f);
}

static unsigned runs;

static int slow_collector(void *user, uint64_t deadline_ns)
{
    (void)user;
    runs++;
    while (deadline_ns != 0 && promc_now_ns() <= deadline_ns)
        usleep(1000);
    return 0;
}

/* A scrape that runs in another thread of the parent never ends in the child. */
static void a_forked_child_has_all_places(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, &(promc_exposition_settings){.max_scrapes = 1});
    promc_exposition_scrape *parents = ask(&f, (promc_exposition_request){0});
    pid_t child = fork();
    if (child == 0) {
        promc_exposition_scrape *first = ask(&f, (promc_exposition_request){0});
        promc_exposition_scrape *second = ask(&f, (promc_exposition_request){0});
        _exit(promc_exposition_get_head(first)->status != 200    ? 1
              : promc_exposition_get_head(second)->status != 503 ? 2
                                                                 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
    promc_exposition_scrape *busy = ask(&f, (promc_exposition_request){0});
    assert_int_equal(promc_exposition_get_head(busy)->status, 503);
    promc_exposition_close(busy);
    promc_exposition_close(parents);
    parents = ask(&f, (promc_exposition_request){0});
    assert_int_equal(promc_exposition_get_head(parents)->status, 200);
    promc_exposition_close(parents);
    tear_down(&f);
}

static void the_scraper_s_time_out(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f, NULL);
    assert_ok(promc_collector_register(f.registry, "slow", slow_collector, NULL));
    promc_exposition_scrape *scrape = ask(&f, (promc_exposition_request){.scrape_timeout = "0.05"});
    assert_int_equal(promc_exposition_get_head(scrape)->status, 503);
    assert_string_equal(body(scrape, 4096), "the collectors took longer than the scrape timeout\n");
    promc_exposition_close(scrape);
    /* A text that is not a number of seconds sets no deadline. */
    static const char *const odd[] = {"", "x", "1x", "1.2.3", "-1", "3601", "99999999999999999999", "."};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        scrape = ask(&f, (promc_exposition_request){.scrape_timeout = odd[i]});
        assert_int_equal(promc_exposition_get_head(scrape)->status, 200);
        promc_exposition_close(scrape);
    }
    tear_down(&f);
}

static void a_time_out_is_a_number_of_seconds(void **state)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } times[] = {{"10", 10000000000u}, {"0.25", 250000000},      {"9.009", 9009000000u},
                 {".000000001", 1},    {"3600", 3600000000000u}, {"3601", 0},
                 {"1.2.3", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
        assert_int_equal(promc_scrape_timeout_ns(times[i].text), times[i].ns);
    assert_int_equal(promc_scrape_timeout_ns(NULL), 0);
}

static void a_slow_reader_is_cut_off(void **state)
{
    struct fixture f;
    char buffer[8];
    long n;
    (void)state;
    set_up(&f, NULL);
    promc_exposition_scrape *scrape = ask(&f, (promc_exposition_request){.scrape_timeout = "0.2"});
    while (promc_exposition_get_head(scrape)->status != 200) { /* a busy machine began it too late */
        promc_exposition_close(scrape);
        scrape = ask(&f, (promc_exposition_request){.scrape_timeout = "0.2"});
    }
    while ((n = promc_exposition_read(scrape, buffer, 1)) > 0)
        usleep(5000);
    assert_int_equal(n, PROMC_E_TIMEOUT);
    promc_exposition_close(scrape);
    tear_down(&f);
}

static void head_runs_no_collector(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f, &(promc_exposition_settings){.compressor = &doubler});
    assert_ok(promc_collector_register(f.registry, "slow", slow_collector, NULL));
    runs = 0;
    promc_exposition_scrape *scrape =
        ask(&f, (promc_exposition_request){.head = true, .accept_encoding = LINES("twice")});
    assert_int_equal(promc_exposition_get_head(scrape)->status, 200);
    assert_string_equal(header(scrape, "Content-Encoding"), "twice");
    assert_string_equal(body(scrape, 4096), "");
    assert_int_equal(runs, 0);
    promc_exposition_close(scrape);
    tear_down(&f);
}

/* One exposition for all registries: each family once, one end, promc's own metrics of one registry. */
static void several_registries(void **state)
{
    struct fixture f;
    promc_registry *second = new_registry(NULL),
                   *third = new_registry(&(promc_registry_settings){.no_self_metrics = true});
    promc_counter_inc(promc_counter_with(new_counter(second, "second_total", "x"), "a"));
    promc_counter_inc(promc_counter_with(new_counter(third, "third_total", "x"), "a"));
    f.registry = new_registry(NULL);
    promc_counter_inc(promc_counter_with(new_counter(f.registry, "jobs_total", "queue"), "mail"));
    promc_registry *more[] = {second, third};
    assert_ok(promc_exposition_create(&f.exposition, f.registry,
                                      &(promc_exposition_settings){.more = more, .more_count = 2}));
    more[0] = NULL; /* copied */
    (void)state;
    static const char openmetrics[] = "application/openmetrics-text; version=1.0.0";
    for (size_t step = 1; step <= 60000; step = step == 1 ? 7 : step * 1000) {
        for (int kind = 0; kind < 2; kind++) {
            const char *accept[] = {kind ? openmetrics : "text/plain"};
            promc_exposition_scrape *scrape = ask(&f, (promc_exposition_request){.accept = {accept, 1}});
            const char *text = body(scrape, step);
            const char *jobs = strstr(text, "jobs_total{"), *seconds = strstr(text, "second_total{");
            assert_non_null(strstr(text, "third_total{x=\"a\"} 1"));
            assert_true(jobs && seconds && jobs < seconds);
            const char *self = strstr(text, "\npromc_series ");
            assert_non_null(self);
            assert_null(strstr(self + 1, "\npromc_series "));
            const char *end = strstr(text, "# EOF\n");
            assert_true(kind ? end && end[6] == '\0' : !end);
            promc_exposition_close(scrape);
        }
    }
    const char *name[] = {"third_total"};
    promc_exposition_scrape *scrape = ask(&f, (promc_exposition_request){.names = {name, 1}});
    assert_string_equal(body(scrape, 1000), "# TYPE third_total counter\nthird_total{x=\"a\"} 1\n");
    promc_exposition_close(scrape);
    /* A name that a second registry registers later is shown once. */
    promc_counter_inc(promc_counter_with(new_counter(third, "jobs_total", "queue"), "post"));
    scrape = ask(&f, (promc_exposition_request){.accept = {NULL, 0}});
    const char *text = body(scrape, 1000);
    assert_non_null(strstr(text, "jobs_total{queue=\"mail\"} 1"));
    assert_null(strstr(text, "jobs_total{queue=\"post\"} 1"));
    promc_exposition_close(scrape);
    promc_exposition *refused;
    more[0] = third;
    assert_fails(
        promc_exposition_create(&refused, f.registry, &(promc_exposition_settings){.more = more, .more_count = 1}),
        PROMC_E_DUPLICATE, "jobs_total");
    more[0] = f.registry;
    assert_fails(
        promc_exposition_create(&refused, f.registry, &(promc_exposition_settings){.more = more, .more_count = 1}),
        PROMC_E_INVALID, "already in the list");
    assert_fails(
        promc_exposition_create(&refused, f.registry, &(promc_exposition_settings){.more = more, .more_count = 65}),
        PROMC_E_INVALID, "at most 64");
    tear_down(&f);
    promc_registry_destroy(second);
    promc_registry_destroy(third);
}

static void misuse_is_refused(void **state)
{
    struct fixture f;
    promc_exposition *exposition;
    promc_exposition_scrape *scrape;
    char byte;
    (void)state;
    set_up(&f, NULL);
    assert_fails(promc_exposition_create(&exposition, NULL, NULL), PROMC_E_INVALID, "NULL");
    assert_fails(promc_exposition_create(&exposition, f.registry, &(promc_exposition_settings){.max_scrapes = 33}),
                 PROMC_E_INVALID, "33");
    assert_fails(promc_exposition_create(&exposition, f.registry, &(promc_exposition_settings){.reserved = {0, 1}}),
                 PROMC_E_VERSION, "promc_exposition_settings: reserved word 1");
    const promc_compressor newer = {.coding = "br", .reserved = {0, 0, 1}};
    assert_fails(promc_exposition_create(&exposition, f.registry, &(promc_exposition_settings){.compressor = &newer}),
                 PROMC_E_VERSION, "promc_compressor: reserved word 2");
    assert_fails(promc_exposition_open(f.exposition, &(promc_exposition_request){.reserved = {1}}, &scrape),
                 PROMC_E_VERSION, "promc_exposition_request: reserved word 0");
    assert_fails(promc_exposition_open(f.exposition, NULL, &scrape), PROMC_E_INVALID, "NULL");
    assert_ok(promc_exposition_open(f.exposition, &(promc_exposition_request){0}, &scrape));
    assert_fails((int)promc_exposition_read(scrape, &byte, 1), PROMC_E_INVALID, "begin");
    promc_exposition_close(scrape);
    promc_exposition_close(NULL);
    promc_exposition_destroy(NULL);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_by_default),
        cmocka_unit_test(all_accept_lines_count),
        cmocka_unit_test(names_are_decoded),
        cmocka_unit_test(many_names),
        cmocka_unit_test(a_malformed_query_is_400),
        cmocka_unit_test(the_compressor_is_used_when_asked_for),
        cmocka_unit_test(scrapes_in_flight_are_limited),
        cmocka_unit_test(a_forked_child_has_all_places),
        cmocka_unit_test(the_scraper_s_time_out),
        cmocka_unit_test(a_time_out_is_a_number_of_seconds),
        cmocka_unit_test(a_slow_reader_is_cut_off),
        cmocka_unit_test(head_runs_no_collector),
        cmocka_unit_test(several_registries),
        cmocka_unit_test(misuse_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
