/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the events for Sentry and parses a DSN. No input or output here. */
#include "report/report.h"

#include "base/log.h"
#include "metrics/metrics.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The fields of a log line that are sent, with their names as tags. */
static const struct {
    const char *field, *tag;
} tags[] = {
    {"component", "component"}, {"reqId", "request_id"},    {"route", "route"},     {"statusCode", "status_code"},
    {"queue", "queue"},         {"operation", "operation"}, {"schema", "schema"},   {"connection", "connection"},
    {"jobId", "job_id"},        {"loop", "loop"},           {"attempt", "attempt"},
};

int report_target_parse(struct report_target *target, const char *dsn)
{
    const char *rest = strstr(dsn, "://"), *at = rest ? strchr(rest, '@') : NULL,
               *project = at ? strrchr(at, '/') : NULL;
    if (!project || !project[1] || at == rest + 3 || project == at + 1)
        return -1;
    const char *key = rest + 3, *secret = memchr(key, ':', (size_t)(at - key));
    int key_length = (int)((secret ? secret : at) - key);
    int n = snprintf(target->url, sizeof(target->url), "%.*s://%.*s/api/%s/envelope/", (int)(rest - dsn), dsn,
                     (int)(project - at - 1), at + 1, project + 1);
    int m = snprintf(target->auth, sizeof(target->auth),
                     "X-Sentry-Auth: Sentry sentry_version=7, sentry_client=ingest-api/%s, sentry_key=%.*s%s%.*s",
                     build_version(), key_length, key, secret ? ", sentry_secret=" : "",
                     secret ? (int)(at - secret - 1) : 0, secret ? secret + 1 : "");
    return n < (int)sizeof(target->url) && m < (int)sizeof(target->auth) ? 0 : -1;
}

/* Copy a text and replace each word with an @, so that no e-mail address leaves the service. */
static json_t *scrubbed(const char *text)
{
    static const char blanks[] = " \t\r\n<>\"'(),;";
    char out[1024];
    size_t used = 0;
    while (*text && used < sizeof(out) - 16) {
        size_t n = strcspn(text, blanks);
        if (n == 0) {
            out[used++] = *text++;
        } else if (memchr(text, '@', n)) {
            used += (size_t)snprintf(out + used, sizeof(out) - used, "[address]");
            text += n;
        } else {
            size_t kept = n < sizeof(out) - 16 - used ? n : sizeof(out) - 16 - used;
            memcpy(out + used, text, kept);
            used += kept;
            text += n;
        }
    }
    json_t *value = json_stringn(out, used);
    return value ? value : json_string("[not text]"); /* the text was cut inside a character */
}

static json_t *tag_value(const json_t *field)
{
    char number[32];
    if (json_is_string(field))
        return scrubbed(json_string_value(field));
    if (!json_is_integer(field))
        return NULL;
    (void)snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(field));
    return json_string(number);
}

static json_t *tags_of(const json_t *line)
{
    json_t *found = json_object();
    for (size_t i = 0; found && i < sizeof(tags) / sizeof(tags[0]); i++) {
        json_t *value = tag_value(json_object_get(line, tags[i].field));
        if (value)
            (void)json_object_set_new(found, tags[i].tag, value);
    }
    return found;
}

/* Group errors into issues by message and place, whatever the text of the database or the broker is. */
static json_t *fingerprint(const json_t *line, const char *message)
{
    const char *component = json_string_value(json_object_get(line, "component"));
    const char *place = json_string_value(json_object_get(line, "route"));
    if (!place)
        place = json_string_value(json_object_get(line, "queue"));
    json_t *status = json_object_get(line, "statusCode");
    return json_pack("[s, s, s, I]", message, component ? component : "", place ? place : "",
                     status ? json_integer_value(status) : (json_int_t)0);
}

static const char *level_name(json_int_t level, bool request)
{
    if (level >= LOG_FATAL)
        return "fatal";
    return level >= LOG_ERROR || request ? "error" : "warning";
}

json_t *report_event(const char *line_text, size_t length, const char *event_id, const char *environment)
{
    char release[96];
    json_t *line = json_loadb(line_text, length, 0, NULL);
    const char *message = json_string_value(json_object_get(line, "msg"));
    if (!message) {
        json_decref(line);
        return NULL;
    }
    bool request = json_object_get(line, "statusCode") != NULL;
    (void)snprintf(release, sizeof(release), "ingest-api@%s+%s", build_version(), build_revision());
    json_t *error = json_object_get(line, "error"), *host = json_object_get(line, "hostname");
    json_t *event =
        json_pack("{s:s, s:f, s:s, s:s, s:s, s:s, s:s, s:{s:o}, s:o, s:o}", "event_id", event_id, "timestamp",
                  (double)json_integer_value(json_object_get(line, "time")) / 1000.0, "platform", "c", "logger",
                  "ingest-api", "level", level_name(json_integer_value(json_object_get(line, "level")), request),
                  "release", release, "environment", environment, "message", "formatted",
                  scrubbed(request ? "request answered with a server error" : message), "tags", tags_of(line),
                  "fingerprint", fingerprint(line, request ? "5xx" : message));
    if (event && host)
        (void)json_object_set(event, "server_name", host);
    if (event && json_is_string(error))
        (void)json_object_set_new(event, "extra", json_pack("{s:o}", "error", scrubbed(json_string_value(error))));
    json_decref(line);
    return event;
}
