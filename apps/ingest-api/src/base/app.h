/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/app.h What all parts of the service share. Set at the start, read-only afterwards. */
#ifndef INGEST_BASE_APP_H
#define INGEST_BASE_APP_H

struct settings;
struct store;
struct queue;
struct mailer;
struct health;
struct rate_limit;
struct http_server;

struct app {
    unsigned char unsubscribe_key[32]; /**< signs the links of mail/unsubscribe.h */
    const struct settings *settings;
    struct store *store;
    struct queue *queue;
    struct mailer *mailer;
    struct health *health;
    struct rate_limit *rate_limit; /**< of requests; NULL: no limit */
    struct http_server *server;    /**< set before the first request */
};

#endif
