/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file traffic.h
 * The requests of the demo's users. Single-threaded: everything happens inside traffic_step() and client_turn().
 */
#ifndef DEMO_TRAFFIC_H
#define DEMO_TRAFFIC_H

#include "client.h"
#include "counts.h"
#include "random.h"

#include <jansson.h>
#include <stdbool.h>

struct traffic {
    struct client *client;
    const char *url;
    const char *key;
    struct random random;
    struct counts counts;
    double now;           /**< seconds since the start; set before each step */
    bool imported;        /**< the large file is imported: campaigns may start */
    char cursor[256];     /**< of the list of prospects; "": from the start */
    char prospect_id[64]; /**< of a prospect; "": none is known yet */
    struct campaigns *campaigns;
};

/**
 * A request and its expected answer. An answer with another status is reported on standard error and counted as unexpected.
 * @param expected up to two statuses, the second 0 for none
 */
struct expectation {
    struct client_request request;
    int expected[2];
    /** Called for an expected status; `answer` is NULL if the body is not JSON. Returns false if the body is wrong.
     *  NULL: any body is right. */
    bool (*check)(struct traffic *traffic, void *arg, int status, json_t *answer);
    void *arg;
    unsigned rows; /**< prospects in the body, for an import */
};

/** Send; if out of memory, report it and do not count the request. */
void traffic_send(struct traffic *traffic, const struct expectation *expectation);

/** Import the file of `rows` prospects; campaigns start after it. */
void traffic_import_file(struct traffic *traffic, const char *content, size_t length, unsigned rows);
/** Send the next request. */
void traffic_step(struct traffic *traffic);

#endif
