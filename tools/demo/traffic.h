/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file traffic.h
 * What the demo's users do. Single-threaded: everything happens inside traffic_step() and client_turn().
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
    bool imported;        /**< the big file is in: campaigns may begin */
    char cursor[256];     /**< of the list of prospects; "": from the start */
    char prospect_id[64]; /**< of some prospect; "" as long as none is known */
    struct campaigns *campaigns;
};

/**
 * A request together with what its answer must be. An answer with another status is reported on standard error and
 * counted as unexpected.
 * @param expected up to two statuses, the second 0 for none
 */
struct expectation {
    struct client_request request;
    int expected[2];
    /** Called with an answer of an expected status; `answer` is NULL where the body is no JSON. Returns false when it is
     *  not what it should be. NULL: any body will do. */
    bool (*check)(struct traffic *traffic, void *arg, int status, json_t *answer);
    void *arg;
    unsigned rows; /**< prospects in the body, for an import */
};

/** Send; out of memory is reported and the request not counted. */
void traffic_send(struct traffic *traffic, const struct expectation *expectation);

/** Import the file of `rows` prospects; campaigns begin when it is in. */
void traffic_import_file(struct traffic *traffic, const char *content, size_t length, unsigned rows);
/** Do the next thing: one request. */
void traffic_step(struct traffic *traffic);

#endif
