/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FIELD_MAX 2048 /* bytes of one string value */
#define MSG_MAX 4096
/* room reserved for `,"truncated":true,"msg":…}` and the newline */
#define LINE_TAIL (32 + 6 * 256)

static _Atomic int threshold = LOG_INFO;
static _Atomic int log_fd = STDOUT_FILENO;
typedef void sink_fn(const char *line, size_t length);
static _Atomic(sink_fn *) sink;
/* Held for a whole line, so that lines never mix, for any kind of file and however write(2) splits them. */
static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;

static pthread_once_t identity_once = PTHREAD_ONCE_INIT;
static char identity[512]; /* ,"pid":1,"hostname":"h" */
static size_t identity_length;

static void make_identity(void)
{
    char host[256] = "";
    struct text text;
    if (gethostname(host, sizeof(host) - 1) != 0)
        host[0] = '\0';
    text_init(&text, identity, sizeof(identity));
    text_add(&text, ",\"pid\":");
    text_add_i64(&text, getpid());
    text_add(&text, ",\"hostname\":");
    text_add_json(&text, host, strlen(host), 64);
    identity_length = text.length;
}

void log_set_level(int level)
{
    atomic_store_explicit(&threshold, level, memory_order_relaxed);
}

bool log_enabled(int level)
{
    return level >= atomic_load_explicit(&threshold, memory_order_relaxed);
}

void log_set_sink(void (*new_sink)(const char *line, size_t length))
{
    atomic_store_explicit(&sink, new_sink, memory_order_release);
}

bool log_has_sink(void)
{
    return atomic_load_explicit(&sink, memory_order_relaxed) != NULL;
}

void log_to_sink(const char *line, size_t length)
{
    sink_fn *to = atomic_load_explicit(&sink, memory_order_acquire);
    if (to)
        to(line, length);
}

void log_set_fd(int fd)
{
    atomic_store_explicit(&log_fd, fd, memory_order_relaxed);
}

int log_level_from_name(const char *name)
{
    static const char *const names[] = {"trace", "debug", "info", "warn", "error", "fatal", "silent"};
    for (int i = 0; i < 7; i++)
        if (strcmp(name, names[i]) == 0)
            return (i + 1) * 10;
    return -1;
}

/* After an error the rest is dropped: a log that cannot be written must not stop the service. */
static void write_all(const char *data, size_t length)
{
    int fd = atomic_load_explicit(&log_fd, memory_order_relaxed);
    pthread_mutex_lock(&write_lock);
    while (length > 0) {
        ssize_t n = write(fd, data, length);
        if (n > 0) {
            data += n;
            length -= (size_t)n;
        } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            (void)poll(&wait, 1, 1000);
        } else if (n < 0 && errno != EINTR) {
            break;
        }
    }
    pthread_mutex_unlock(&write_lock);
}

static void begin(struct text *line, int level)
{
    struct timespec now;
    pthread_once(&identity_once, make_identity);
    clock_gettime(CLOCK_REALTIME, &now);
    text_add_n(line, "{\"level\":", 9);
    text_add_i64(line, level);
    text_add_n(line, ",\"time\":", 8);
    text_add_i64(line, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    text_add_n(line, identity, identity_length);
}

/* End a line. LINE_TAIL bytes are reserved for this, so there is always room. */
static void end(struct text *line, const char *msg, size_t full_capacity)
{
    bool truncated = line->overflow;
    line->overflow = false;
    line->capacity = full_capacity;
    if (truncated)
        text_add(line, ",\"truncated\":true");
    text_add(line, ",\"msg\":");
    struct text before = *line;
    before.capacity -= 2;
    *line = before;
    text_add_json(line, msg, strlen(msg), MSG_MAX);
    if (line->overflow) {
        *line = before;
        text_add_json(line, msg, strlen(msg), 200);
    }
    line->capacity = full_capacity;
    text_add_n(line, "}\n", 2);
}

static void add_key(struct text *line, const char *key)
{
    text_add_n(line, ",\"", 2);
    text_add(line, key);
    text_add_n(line, "\":", 2);
}

/* @return false for an unknown type: the argument after it cannot be skipped. */
static bool add_field(struct text *line, const char *typed_key, va_list *arguments)
{
    if (typed_key[0] == '\0' || typed_key[1] != ':')
        return false;
    struct text before = *line;
    add_key(line, typed_key + 2);
    switch (typed_key[0]) {
    case 's': {
        const char *value = va_arg(*arguments, const char *);
        text_add_json(line, value, value ? strlen(value) : 0, FIELD_MAX);
        break;
    }
    case 'i':
        text_add_i64(line, va_arg(*arguments, int64_t));
        break;
    case 'u':
        text_add_u64(line, va_arg(*arguments, uint64_t));
        break;
    case 'f':
        text_add_double(line, va_arg(*arguments, double));
        break;
    case 'b':
        text_add(line, va_arg(*arguments, int) ? "true" : "false");
        break;
    default:
        *line = before;
        return false;
    }
    if (line->overflow)
        line->length = before.length;
    return true;
}

void log_write(int level, const char *msg, ...)
{
    bool failure = level >= LOG_ERROR, sunk = level >= LOG_WARN && log_has_sink();
    if (!log_enabled(level) && !sunk)
        return;
    char storage[LOG_LINE_MAX];
    struct text line;
    text_init(&line, storage, sizeof(storage) - LINE_TAIL);
    begin(&line, level);

    va_list arguments;
    va_start(arguments, msg);
    for (const char *key = va_arg(arguments, const char *); key; key = va_arg(arguments, const char *)) {
        if (!add_field(&line, key, &arguments))
            break;
        failure |= strcmp(key, "s:error") == 0;
    }
    va_end(arguments);
    end(&line, msg, sizeof(storage));
    if (log_enabled(level))
        write_all(line.data, line.length);
    if (sunk && failure)
        log_to_sink(line.data, line.length);
}

void log_line_begin(struct log_buffer *buffer, struct text *line, int level)
{
    if (sizeof(buffer->data) - buffer->length < LOG_LINE_MAX)
        log_buffer_flush(buffer);
    text_init(line, buffer->data + buffer->length, LOG_LINE_MAX - LINE_TAIL);
    begin(line, level);
}

void log_line_end(struct log_buffer *buffer, struct text *line, const char *msg)
{
    end(line, msg, LOG_LINE_MAX);
    buffer->length += line->length;
}

void log_buffer_flush(struct log_buffer *buffer)
{
    if (buffer->length == 0)
        return;
    write_all(buffer->data, buffer->length);
    buffer->length = 0;
}
