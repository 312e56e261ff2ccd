/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/campaign_input.h Checks a campaign before it is stored. Pure functions, thread safe. */
#ifndef INGEST_API_CAMPAIGN_INPUT_H
#define INGEST_API_CAMPAIGN_INPUT_H

#include <jansson.h>

#define CAMPAIGN_NAME_MAX 200     /* characters */
#define CAMPAIGN_SUBJECT_MAX 1000 /* characters, of the template */
#define CAMPAIGN_BODY_MAX 65536   /* characters, of the template */

/** The texts belong to the JSON from which they were read. */
struct campaign_input {
    const char *name, *subject_template, *body_template;
};

/** As campaign_read(), for a change: absent members stay NULL, and at least one must be present. */
int campaign_read_change(struct campaign_input *campaign, json_t *body, char *faults, size_t faults_size);

/**
 * Read and check a request's body.
 * @param faults receives every error, "field: what is wrong" separated by "; ", cut if too long.
 * @return the number of errors.
 */
int campaign_read(struct campaign_input *campaign, json_t *body, char *faults, size_t faults_size);

#endif
