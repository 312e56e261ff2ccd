/* SPDX-License-Identifier: Apache-2.0 */
#include "traffic.h"
#include "campaigns.h"
#include "prospects.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPORTS_MAX 200 /* a service that is down all night must not fill the disk */

/* ------------------------------------------------------------------------------------------ sending and judging */

struct pending {
    struct traffic *traffic;
    struct expectation expectation; /* its pointers into the request are not used after sending */
    char what[96];                  /* method and path, for a report */
};

/* Count an unexpected answer and report it on standard error. */
static __attribute__((format(printf, 2, 3))) void unexpected(struct traffic *traffic, const char *format, ...)
{
    va_list args;
    if (traffic->counts.unexpected++ >= REPORTS_MAX)
        return;
    (void)fprintf(stderr, "demo-traffic: at %.1f s: ", traffic->now);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputs(traffic->counts.unexpected == REPORTS_MAX ? " (further ones are only counted)\n" : "\n", stderr);
}

static void judge(struct pending *pending, long status, const char *body, size_t length)
{
    struct traffic *traffic = pending->traffic;
    const struct expectation *e = &pending->expectation;
    if (status != e->expected[0] && status != e->expected[1]) {
        unexpected(traffic, "%s: expected %d, got %ld: %.300s", pending->what, e->expected[0], status, body);
        return;
    }
    json_t *answer = json_loadb(body, length, JSON_ALLOW_NUL, NULL);
    if (status >= 400 && !json_is_object(json_object_get(answer, "error")))
        unexpected(traffic, "%s: %ld without an error object: %.300s", pending->what, status, body);
    else if (e->check && !e->check(traffic, e->arg, (int)status, answer))
        unexpected(traffic, "%s: %ld with an unexpected body: %.300s", pending->what, status, body);
    json_decref(answer);
}

static void answered(void *arg, long status, const char *body, size_t length, double seconds)
{
    struct pending *pending = arg;
    struct counts *counts = &pending->traffic->counts;
    if (status == 0) {
        counts->uncertain++;
        unexpected(pending->traffic, "%s: no answer: %s", pending->what, body);
    } else {
        counts_answer(counts, status, seconds);
        if (status == 200)
            counts->rows += pending->expectation.rows;
        judge(pending, status, body, length);
    }
    free(pending);
}

void traffic_send(struct traffic *traffic, const struct expectation *expectation)
{
    struct pending *pending = calloc(1, sizeof(*pending));
    if (!pending) {
        unexpected(traffic, "out of memory");
        return;
    }
    pending->traffic = traffic;
    pending->expectation = *expectation;
    (void)snprintf(pending->what, sizeof(pending->what), "%s %.80s", expectation->request.method,
                   expectation->request.path);
    if (client_send(traffic->client, &expectation->request, answered, pending) < 0) {
        unexpected(traffic, "%s: could not be sent: out of memory", pending->what);
        free(pending);
    }
}

/* ------------------------------------------------------------------------------------------------- imports */

static bool import_answer(struct traffic *traffic, json_t *answer, unsigned rows)
{
    json_int_t imported = json_integer_value(json_object_get(answer, "imported"));
    json_int_t updated = json_integer_value(json_object_get(answer, "updated"));
    json_int_t rejected = json_integer_value(json_object_get(answer, "rejected"));
    if (imported < 0 || updated < 0 || rejected < 0 || imported + updated + rejected != (json_int_t)rows)
        return false;
    traffic->counts.imported += (uint64_t)imported;
    traffic->counts.updated += (uint64_t)updated;
    traffic->counts.rejected += (uint64_t)rejected;
    return true;
}

static bool file_imported(struct traffic *traffic, void *arg, int status, json_t *answer)
{
    (void)status;
    traffic->imported = true;
    return import_answer(traffic, answer, *(unsigned *)arg);
}

static bool rows_imported(struct traffic *traffic, void *arg, int status, json_t *answer)
{
    (void)status;
    return import_answer(traffic, answer, (unsigned)(size_t)arg);
}

static void import(struct traffic *traffic, const char *type, const char *body, size_t length, unsigned rows)
{
    traffic_send(traffic, &(struct expectation){
                              .request = {"POST", "/api/v1/prospects/import", traffic->key, type, body, length},
                              .expected = {200},
                              .check = rows_imported,
                              .arg = (void *)(size_t)rows,
                              .rows = rows,
                          });
}

void traffic_import_file(struct traffic *traffic, const char *content, size_t length, unsigned rows)
{
    static unsigned expected; /* static: a program imports one file */
    expected = rows;
    traffic_send(traffic,
                 &(struct expectation){
                     .request = {"POST", "/api/v1/prospects/import", traffic->key, "text/csv", content, length},
                     .expected = {200},
                     .check = file_imported,
                     .arg = &expected,
                     .rows = rows,
                 });
}

static void import_one(struct traffic *traffic)
{
    char one[600], body[640];
    (void)prospects_write_json(one, sizeof(one), &traffic->random);
    bool lines = random_chance(&traffic->random, 50);
    int n = snprintf(body, sizeof(body), lines ? "%s\n" : "[%s]", one);
    import(traffic, lines ? "application/x-ndjson" : "application/json", body, (size_t)n, 1);
}

static void import_few(struct traffic *traffic)
{
    char *text = NULL;
    size_t length = 0;
    unsigned rows = 1 + random_below(&traffic->random, 40),
             first = random_below(&traffic->random, PROSPECTS_IN_FILE - rows);
    FILE *file = open_memstream(&text, &length);
    if (!file)
        return;
    int failed = prospects_write_csv(file, first, rows, random_next(&traffic->random));
    if (fclose(file) == 0 && !failed)
        import(traffic, "text/csv", text, length, rows);
    free(text);
}

/* ------------------------------------------------------------------------------------------------- reading */

static void percent_encode(char *out, size_t size, const char *text)
{
    size_t n = 0;
    for (; *text && n + 4 < size; text++)
        if (isascii((unsigned char)*text) && (isalnum((unsigned char)*text) || strchr("-._~", *text)))
            out[n++] = *text;
        else
            n += (size_t)snprintf(out + n, size - n, "%%%02X", (unsigned char)*text);
    out[n] = '\0';
}

static bool listed(struct traffic *traffic, void *arg, int status, json_t *answer)
{
    const json_t *data = json_object_get(answer, "data");
    const char *next = json_string_value(json_object_get(answer, "next_cursor"));
    const char *id = json_string_value(json_object_get(json_array_get(data, 0), "id"));
    (void)arg;
    (void)status;
    (void)snprintf(traffic->cursor, sizeof(traffic->cursor), "%s", next ? next : "");
    if (id)
        (void)snprintf(traffic->prospect_id, sizeof(traffic->prospect_id), "%s", id);
    return json_is_array(data);
}

static void get(struct traffic *traffic, const char *path, bool (*check)(struct traffic *, void *, int, json_t *))
{
    traffic_send(traffic, &(struct expectation){
                              .request = {.method = "GET", .path = path, .key = traffic->key},
                              .expected = {200},
                              .check = check,
                          });
}

static void list_prospects(struct traffic *traffic)
{
    char path[1000], cursor[800];
    percent_encode(cursor, sizeof(cursor), traffic->cursor);
    (void)snprintf(path, sizeof(path), "/api/v1/prospects?limit=%u%s%s", 10 + random_below(&traffic->random, 90),
                   *cursor ? "&cursor=" : "", cursor);
    get(traffic, path, listed);
}

static void read_something(struct traffic *traffic)
{
    char path[200];
    const char *campaign = campaigns_any(traffic);
    switch (random_below(&traffic->random, 4)) {
    case 0:
        if (*traffic->prospect_id) {
            (void)snprintf(path, sizeof(path), "/api/v1/prospects/%s", traffic->prospect_id);
            get(traffic, path, NULL);
            return;
        }
        break;
    case 1:
        if (campaign) {
            (void)snprintf(path, sizeof(path), "/api/v1/campaigns/%s", campaign);
            get(traffic, path, NULL);
            return;
        }
        break;
    case 2:
        if (campaign) {
            (void)snprintf(path, sizeof(path), "/api/v1/campaigns/%s/stats", campaign);
            get(traffic, path, NULL);
            return;
        }
        break;
    default:
        break;
    }
    get(traffic, "/api/v1/campaigns?limit=20", NULL);
}

/* --------------------------------------------------------------------------------------- wrong requests */

/* Typical wrong requests. Their routes get far more good ones: mostly refused requests would be an incident. "{n}" becomes a random number. */
static const struct wrong {
    const char *method, *path, *type, *body;
    enum { GOOD_KEY, NO_KEY, WRONG_KEY } key;
    int expected;
} wrongs[] = {
    {"GET", "/api/v1/prospects", NULL, NULL, NO_KEY, 401},
    {"GET", "/api/v1/prospects?limit=5", NULL, NULL, WRONG_KEY, 401},
    {"GET", "/api/v1/campaigns/018f0000-0000-7000-8000-000000000000", NULL, NULL, GOOD_KEY, 404},
    {"GET", "/wp-login-{n}.php", NULL, NULL, NO_KEY, 404},
    {"GET", "/api/v1/leads/{n}", NULL, NULL, GOOD_KEY, 404},
    {"DELETE", "/api/v1/prospects", NULL, NULL, GOOD_KEY, 405},
    {"PUT", "/api/v1/prospects/import", "application/json", "{}", GOOD_KEY, 405},
    {"POST", "/api/v1/campaigns", "application/json", "{\"name\": \"half\", \"subject_template\"", GOOD_KEY, 400},
    {"POST", "/api/v1/campaigns", "application/json",
     "{\"name\": \"\", \"subject_template\": \"{{\", \"body_template\": 7}", GOOD_KEY, 422},
    {"POST", "/api/v1/prospects/import", "text/plain", "email\r\na@b.example\r\n", GOOD_KEY, 415},
    {"POST", "/api/v1/prospects/import", "text/csv", "name,phone\r\nAda,1\r\n", GOOD_KEY, 400},
    {"POST", "/api/v1/prospects/import", "application/json", "[{\"email\": \"a@b.example\"}", GOOD_KEY, 400},
};

static void do_wrong(struct traffic *traffic)
{
    const struct wrong *w = &wrongs[random_below(&traffic->random, (unsigned)(sizeof(wrongs) / sizeof(*wrongs)))];
    char path[200];
    const char *number = strstr(w->path, "{n}");
    if (number)
        (void)snprintf(path, sizeof(path), "%.*s%u%s", (int)(number - w->path), w->path,
                       random_below(&traffic->random, 1000000), number + 3);
    else
        (void)snprintf(path, sizeof(path), "%s", w->path);
    traffic_send(traffic, &(struct expectation){
                              .request = {w->method, path,
                                          w->key == GOOD_KEY ? traffic->key
                                          : w->key == NO_KEY ? NULL
                                                             : "pf_wrong",
                                          w->type, w->body, w->body ? strlen(w->body) : 0},
                              .expected = {w->expected},
                          });
}

static void hang_up(struct traffic *traffic)
{
    int known = client_hang_up(traffic->url, "/api/v1/prospects/import", traffic->key);
    if (known > 0) {
        traffic->counts.aborted++;
    } else {
        traffic->counts.uncertain++;
        unexpected(traffic, "hanging up: %s", known < 0 ? strerror(errno) : "no 100 Continue within 10 s");
    }
}

void traffic_step(struct traffic *traffic)
{
    if (campaigns_step(traffic))
        return;
    unsigned what = random_below(&traffic->random, 100);
    if (what < 45)
        list_prospects(traffic);
    else if (what < 65)
        read_something(traffic);
    else if (what < 80)
        import_one(traffic);
    else if (what < 85)
        import_few(traffic);
    else if (what < 99)
        do_wrong(traffic);
    else
        hang_up(traffic);
}
