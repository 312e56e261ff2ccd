/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/trouble.h
 * The current troubles of this process, recorded where they happen, for base/causes.h. There are two kinds: something
 * that does not answer, until it does (trouble_*), and things of which a share fails (tally_*). Thread safe. A success
 * costs one relaxed load or add; only failures take a lock.
 */
#ifndef INGEST_BASE_TROUBLE_H
#define INGEST_BASE_TROUBLE_H

#include <stdbool.h>
#include <stdint.h>

enum trouble { TROUBLE_MAIL_AWAY, TROUBLE_MAIL_REFUSED, TROUBLE_BROKER_AWAY, TROUBLE_BROKER_BLOCKED, TROUBLES };

#define TROUBLE_PLACE 160
#define TROUBLE_DETAIL 256

struct trouble_state {
    int64_t since_ms;  /**< Unix ms of the first failure */
    uint64_t count;    /**< calls of trouble_met() since then; for a tally: recent failures */
    uint64_t of;       /**< for a tally: recent total */
    int64_t latest_ms; /**< for a tally: Unix ms of the latest failure */
    char place[TROUBLE_PLACE];
    char detail[TROUBLE_DETAIL];
};

/**
 * It has failed, possibly again.
 * @param place what is away: HOST:PORT or a folder
 * @param detail the reason; the latest one is kept. No secret, no e-mail address
 */
void trouble_met(enum trouble trouble, const char *place, const char *detail);
/** It works again. */
void trouble_over(enum trouble trouble);
/** @return whether there is trouble; then *state describes it. */
bool trouble_get(enum trouble trouble, struct trouble_state *state);

enum tally { TALLY_DRAFTS, TALLY_EMAILS, TALLIES };

void tally_good(enum tally tally);
/** @param place, detail as above; place may be "" */
void tally_bad(enum tally tally, const char *place, const char *detail);
/**
 * @return whether at least this many per cent, and at least five, of the last one to two minutes failed. `since_ms` is
 * when a failure last raised the share to a high level.
 */
bool tally_get(enum tally tally, unsigned percent, struct trouble_state *state);

#endif
