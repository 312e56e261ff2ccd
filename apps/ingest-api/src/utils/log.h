/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file utils/log.h
 * Structured log: one JSON object a line on standard output, pino's fields: level (number), time (ms), pid, hostname,
 * then name/reqId/… and msg. A line is one write(2). Thread safe. No secret and no e-mail address goes in here.
 */
#ifndef INGEST_UTILS_LOG_H
#define INGEST_UTILS_LOG_H

enum log_level { LOG_TRACE = 10, LOG_DEBUG = 20, LOG_INFO = 30, LOG_WARN = 40, LOG_ERROR = 50, LOG_FATAL = 60 };

/** Also from LOG_LEVEL: trace, debug, info, warn, error, fatal, silent. */
void log_set_level(int level);
int log_level_from_name(const char *name); /**< -1 if unknown */

/**
 * log_write(LOG_WARN, "slow query", "s:component", "store", "s:operation", op, "f:duration", seconds, NULL)
 * Pairs of (type:key, value): s const char* (NULL: null), i int64_t, u uint64_t, f double, b int. Ended by NULL.
 * `msg` is last in the argument's place but written last in the line, as pino does.
 */
void log_write(int level, const char *msg, ...) __attribute__((sentinel));

#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__, (const char *)0)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__, (const char *)0)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__, (const char *)0)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__, (const char *)0)

#endif
