/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/backends.h
 * Parsing of STORE, QUEUE and MAIL. Only this file knows their schemes. "" is the default. Pure functions.
 */
#ifndef INGEST_BASE_BACKENDS_H
#define INGEST_BASE_BACKENDS_H

#include <stdbool.h>

enum store_backend { STORE_IS_INVALID, STORE_IS_SQLITE, STORE_IS_POSTGRES };
/** @param path of SQLite's file, "" for the one in DATA_DIR; points into `url`. NULL is allowed. */
enum store_backend backend_of_store(const char *url, const char **path);

enum queue_backend { QUEUE_IS_INVALID, QUEUE_IS_EMBEDDED, QUEUE_IS_AMQP, QUEUE_IS_AMQPS };
enum queue_backend backend_of_queue(const char *url);
/** Are the jobs at a broker, which may be down while the store is up? */
bool backend_is_broker(const char *queue_url);

enum mail_backend { MAIL_IS_INVALID, MAIL_IS_FILE, MAIL_IS_SMTP, MAIL_IS_SMTPS };
/** @param directory of the files, "" for the one in DATA_DIR; points into `url`. NULL is allowed. */
enum mail_backend backend_of_mail(const char *url, const char **directory);

#endif
