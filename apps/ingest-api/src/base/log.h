/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/log.h
 * Structured log: one JSON object per line on standard output, with pino's fields: level (number), time (ms),
 * pid, hostname, then name/reqId/… and msg. Thread safe: lines of several threads never mix. Never log a
 * secret or an e-mail address.
 *
 * log_write() writes its line at once, with one write(2). A busy thread may collect complete lines in its own struct
 * log_buffer and write many at a time (the access log does).
 */
#ifndef INGEST_BASE_LOG_H
#define INGEST_BASE_LOG_H

#include "base/text.h"

enum log_level { LOG_TRACE = 10, LOG_DEBUG = 20, LOG_INFO = 30, LOG_WARN = 40, LOG_ERROR = 50, LOG_FATAL = 60 };

/** Lines below this level are not written. Names in LOG_LEVEL: trace, debug, info, warn, error, fatal, silent. */
void log_set_level(int level);
int log_level_from_name(const char *name); /**< -1 if unknown */
bool log_enabled(int level);
/**
 * Set a second receiver of lines, for error reports. Whatever LOG_LEVEL is, it gets lines of level error, lines of
 * level warn with a field "error" (something failed), and lines that are passed to log_to_sink(). Any thread that logs
 * calls it; it must not wait and must not log. NULL: none. Set it while no other thread logs.
 */
void log_set_sink(void (*sink)(const char *line, size_t length));
void log_to_sink(const char *line, size_t length);
bool log_has_sink(void);
/** Where lines go: 1 (standard output, the default) for the service, 2 for commands whose output is their result. */
void log_set_fd(int fd);

/**
 * log_write(LOG_WARN, "slow query", "s:component", "store", "s:operation", op, "f:duration", seconds, NULL)
 * Pairs of (type:key, value): s const char* (NULL: null), i int64_t, u uint64_t, f double, b int. Ended by NULL.
 * `msg` is an early argument but is written last in the line, as pino does.
 * An integer argument must have exactly the named type (cast it); an unknown type ends the line's fields.
 */
void log_write(int level, const char *msg, ...) __attribute__((sentinel));

#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__, (const char *)0)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__, (const char *)0)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__, (const char *)0)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__, (const char *)0)

/** Lines collected by one thread, which must flush the buffer before it ends. */
struct log_buffer {
    char data[32768];
    size_t length;
};

/** Longest line in bytes, newline included; fields that do not fit are left out and `"truncated":true` says so. */
#define LOG_LINE_MAX 8192

/**
 * Begin a line in the buffer, which is flushed first if the line might not fit. Writes level, time, pid and hostname;
 * append further `,"key":value` text, and end the line with log_line_end().
 */
void log_line_begin(struct log_buffer *buffer, struct text *line, int level);
void log_line_end(struct log_buffer *buffer, struct text *line, const char *msg);
void log_buffer_flush(struct log_buffer *buffer);

#endif
