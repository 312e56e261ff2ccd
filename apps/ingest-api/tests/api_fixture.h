/* SPDX-License-Identifier: Apache-2.0 */
/** @file api_fixture.h The API with its own store: sends requests with a key and returns answers as JSON. */
#ifndef API_FIXTURE_H
#define API_FIXTURE_H

#include "api/campaigns.h"
#include "api/drafts.h"
#include "api/erase.h"
#include "api/preview.h"
#include "api/prospect_edit.h"
#include "api/prospects.h"
#include "api/recipients.h"
#include "api/suppressions.h"
#include "front_fixture.h"
#include "http/auth.h"
#include "mail/mailer.h"
#include "store_fixture.h"
#include "workers/workers.h"

#define API_KEY "a-key-of-this-test"

static struct fixture *api_f;
static struct front *api_front;
static char api_organisation[37];
static char api_location[128];  /* Location of the last answer; "": none */
static bool api_replayed;       /* the last answer had Idempotent-Replayed */
static const char *api_headers; /* more headers for each request; NULL: none */

static inline int api_run_key(void *arg, struct db *db)
{
    unsigned char hash[AUTH_HASH];
    must(auth_hash(API_KEY, strlen(API_KEY), hash));
    return organisations_create(db, "who asks", hash, arg);
}

static inline int api_open(void **state)
{
    if (fixture_setup(state) != 0)
        return -1;
    struct route *const tables[] = {routes_campaigns(),     routes_drafts(),      routes_erase(),
                                    routes_preview(),       routes_prospects(),   routes_recipients(),
                                    routes_prospect_edit(), routes_suppressions()};
    api_f = *state;
    api_headers = NULL;
    (void)strcpy(api_f->settings.mail_from, "A <a@b.co>");
    (void)strcpy(api_f->settings.mail_url, "file");
    api_f->settings.worker_threads = 1;
    api_front = front_open_with(tables, sizeof(tables) / sizeof(*tables));
    const struct settings http = api_front->settings;
    api_front->settings = api_f->settings;
    api_front->settings.role = ROLE_API | ROLE_WORKER;
    api_front->settings.max_json_bytes = 65536;
    api_front->settings.max_header_bytes = http.max_header_bytes;
    api_front->settings.max_import_bytes = http.max_import_bytes;
    api_front->settings.idle_timeout_s = http.idle_timeout_s;
    api_front->settings.request_timeout_s = http.request_timeout_s;
    api_front->app.store = api_f->store;
    api_front->app.queue = api_f->queue;
    if (mailer_open(&api_front->app.mailer, &api_f->settings) < 0)
        return -1;
    return store_run(api_f->store, STORE_MODE_WRITE, api_run_key, api_organisation);
}

static inline int api_close(void **state)
{
    mailer_close(api_front->app.mailer);
    front_close(api_front);
    return fixture_teardown(state);
}

/** Do all due jobs, with a temporary worker. */
static inline void api_work(void)
{
    struct workers *workers;
    assert_int_equal(workers_start(&workers, &api_front->app), 0);
    wait_until(fixture_count(api_f, "SELECT count(*) FROM tracking.jobs WHERE ended_at IS NULL") == 0);
    workers_stop(workers);
}

/** @return the answer's body, or NULL if it has none. With `type` NULL the request has no body. */
static inline json_t *api_send(const char *method, const char *path, const char *type, const char *body, int status)
{
    struct front_client client;
    size_t size = 1000 + (type ? strlen(body) : 0);
    char *text = malloc(size);
    int n = snprintf(text, size, "%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n", method, path, API_KEY);
    if (type)
        n += snprintf(text + n, size - (size_t)n, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, strlen(body));
    n += snprintf(text + n, size - (size_t)n, "%s\r\n%s", api_headers ? api_headers : "", type ? body : "");
    front_connect(api_front, &client);
    front_send(api_front, &client, text, (size_t)n, (size_t)n);
    front_finish(api_front, &client, FRONT_HALF_CLOSE);
    free(text);
    char *answer = strndup(client.received, client.length), *end = strstr(answer, "\r\n\r\n");
    front_check(&client, FRONT_HALF_CLOSE);
    if (client.last != status)
        fail_msg("%s %s was answered %d, not %d: %s", method, path, client.last, status, end);
    api_replayed = strstr(answer, "\r\nIdempotent-Replayed: true\r\n") != NULL;
    const char *location = strstr(answer, "\r\nLocation: ");
    (void)snprintf(api_location, sizeof(api_location), "%.*s", location ? (int)strcspn(location + 12, "\r") : 0,
                   location ? location + 12 : "");
    json_t *json = json_loads(end + 4, 0, NULL);
    assert_true(json || end[4] == '\0');
    free(answer);
    return json;
}

static inline json_t *api(const char *method, const char *path, int status)
{
    return api_send(method, path, NULL, NULL, status);
}

/* Whether every member of `expected` is in `given` with this value. Lists must have the same length; "*" matches any text. */
static inline bool api_fits(const json_t *given, const json_t *expected)
{
    const char *key;
    json_t *value;
    size_t i;
    if (json_is_string(expected) && strcmp(json_string_value(expected), "*") == 0)
        return json_is_string(given) && json_string_length(given) > 0;
    if (!json_is_object(expected) && !json_is_array(expected))
        return json_equal(given, expected);
    if (json_typeof(given) != json_typeof(expected) || json_array_size(given) != json_array_size(expected))
        return false;
    json_object_foreach((json_t *)(uintptr_t)expected, key, value)
    {
        if (!api_fits(json_object_get(given, key), value))
            return false;
    }
    json_array_foreach(expected, i, value)
    {
        if (!api_fits(json_array_get(given, i), value))
            return false;
    }
    return true;
}

/** Parse JSON in which ' stands for ". */
static inline json_t *api_json(const char *text)
{
    char *copy = strdup(text);
    json_error_t error;
    for (char *at = copy; (at = strchr(at, '\'')); at++)
        *at = '"';
    json_t *json = json_loads(copy, JSON_DECODE_ANY, &error);
    free(copy);
    if (!json)
        fail_msg("%s: %s", text, error.text);
    return json;
}

/** Check `given` against `text`, JSON with ' for ", and release it. */
static inline void api_expect(json_t *given, const char *text)
{
    json_t *expected = api_json(text);
    char *said = json_dumps(given, JSON_ENCODE_ANY);
    if (!api_fits(given, expected))
        fail_msg("%s does not have %s", said, text);
    free(said);
    json_decref(expected);
    json_decref(given);
}

/** Send a JSON body in which ' stands for ". */
static inline json_t *api_with(const char *method, const char *path, const char *text, int status)
{
    json_t *body = api_json(text);
    char *bytes = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    json_t *answer = api_send(method, path, "application/json", bytes, status);
    free(bytes);
    json_decref(body);
    return answer;
}

/** Expect a refusal with this status and code. */
static inline void api_refused(const char *method, const char *path, const char *text, int status, const char *code)
{
    json_t *answer = text ? api_with(method, path, text, status) : api(method, path, status);
    assert_string_equal(json_string_value(json_object_get(json_object_get(answer, "error"), "code")), code);
    json_decref(answer);
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, api_open, api_close)

#endif
