/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file campaigns.h
 * The campaigns of the demo, each through its whole life: create, start, generate drafts, send, pause for a moment, complete.
 * Each makes a draft and an e-mail for every prospect. The first few start quickly, later ones every ten minutes.
 */
#ifndef DEMO_CAMPAIGNS_H
#define DEMO_CAMPAIGNS_H

#include <stdbool.h>

struct campaigns;
struct traffic;

struct campaigns *campaigns_new(void); /**< NULL: out of memory */
void campaigns_free(struct campaigns *campaigns);
/** Take the next step of a campaign if one is due. @return whether a request was sent. */
bool campaigns_step(struct traffic *traffic);
/** The id of a campaign, or NULL while there is none. */
const char *campaigns_any(struct traffic *traffic);

#endif
