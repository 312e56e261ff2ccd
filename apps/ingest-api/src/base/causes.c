/* SPDX-License-Identifier: Apache-2.0 */
#include "base/causes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct cause *causes_add(struct causes *causes, const char *part, const char *kind, const char *what, int64_t since_ms)
{
    struct cause *cause = &causes->cause[causes->n < CAUSES_MAX ? causes->n++ : CAUSES_MAX - 1];
    *cause = (struct cause){.part = part, .kind = kind, .what = what, .since_ms = since_ms, .count = -1};
    return cause;
}

void cause_because(struct cause *cause, const char *plain, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(cause->because, sizeof(cause->because), format, args);
    va_end(args);
    (void)snprintf(cause->because_plain, sizeof(cause->because_plain), "%s", plain);
    for (char *p = cause->because; *p; p++) /* a server's reply may have several lines */
        if ((unsigned char)*p < ' ')
            *p = ' ';
}

void cause_duration(char *out, size_t size, int64_t ms)
{
    int64_t s = ms / 1000;
    if (s < 60)
        (void)snprintf(out, size, "%.1f s", (double)ms / 1000);
    else if (s < 3600)
        (void)snprintf(out, size, "%lld min %lld s", (long long)s / 60, (long long)s % 60);
    else
        (void)snprintf(out, size, "%lld h %lld min", (long long)s / 3600, (long long)s / 60 % 60);
}

static int64_t waited_ms(const struct cause *cause, int64_t now_ms)
{
    return now_ms > cause->since_ms ? now_ms - cause->since_ms : 0;
}

void cause_text(const struct cause *cause, bool names, int64_t now_ms, char *out, size_t size)
{
    const char *because = names ? cause->because : cause->because_plain;
    char duration[48];
    if (cause->since_ms == 0) {
        (void)snprintf(out, size, "%s", because);
        return;
    }
    cause_duration(duration, sizeof(duration), waited_ms(cause, now_ms));
    (void)snprintf(out, size, "%s %s: %s", cause->what, duration, because);
}

static void add_member(struct text *text, const char *name, const char *value, size_t length)
{
    text_add(text, ",\"");
    text_add(text, name);
    text_add(text, "\":");
    text_add_json(text, value, length, SIZE_MAX);
}

static void add_names(struct text *text, const struct cause *cause)
{
    if (cause->pid > 0) {
        text_add(text, ",\"process\":{\"pid\":");
        text_add_i64(text, cause->pid);
        if (*cause->process)
            add_member(text, "name", cause->process, strlen(cause->process));
        text_add(text, "}");
    }
    if (*cause->host)
        add_member(text, "host", cause->host, strlen(cause->host));
    if (*cause->path)
        add_member(text, "path", cause->path, strlen(cause->path));
}

static void write_one(struct text *text, const struct cause *cause, bool names, int64_t now_ms)
{
    char sentence[512];
    cause_text(cause, names, now_ms, sentence, sizeof(sentence));
    text_add(text, "{\"part\":\"");
    text_add(text, cause->part);
    text_add(text, "\",\"kind\":\"");
    text_add(text, cause->kind);
    text_add(text, "\"");
    add_member(text, "text", sentence, strlen(sentence));
    if (cause->since_ms) {
        text_add(text, ",\"since\":\"");
        text_add_iso_time(text, cause->since_ms);
        text_add(text, "\",\"seconds\":");
        text_add_decimal(text, (double)waited_ms(cause, now_ms) / 1000);
    }
    if (cause->count >= 0) {
        text_add(text, ",\"count\":");
        text_add_i64(text, cause->count);
    }
    if (names)
        add_names(text, cause);
    text_add(text, "}");
}

void causes_write(struct text *text, const struct causes *causes, bool names, int64_t now_ms)
{
    text_add(text, "[");
    for (unsigned i = 0; i < causes->n; i++) {
        if (i > 0)
            text_add(text, ",");
        write_one(text, &causes->cause[i], names, now_ms);
    }
    text_add(text, "]");
}
