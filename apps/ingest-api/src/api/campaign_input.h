/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/campaign_input.h What a campaign must look like before it is stored. Pure functions, thread safe. */
#ifndef INGEST_API_CAMPAIGN_INPUT_H
#define INGEST_API_CAMPAIGN_INPUT_H

#include <jansson.h>

#define CAMPAIGN_NAME_MAX 200     /* bytes */
#define CAMPAIGN_SUBJECT_MAX 1000 /* bytes, of the template */
#define CAMPAIGN_BODY_MAX 65536   /* bytes, of the template */

/** Texts that belong to the JSON they were read from. */
struct campaign_input {
    const char *name, *subject_template, *body_template;
};

/**
 * Read and check a request's body.
 * @param faults receives every fault, "field: what is wrong" separated by "; ", cut if too long.
 * @return how many faults.
 */
int campaign_read(struct campaign_input *campaign, json_t *body, char *faults, size_t faults_size);

#endif
