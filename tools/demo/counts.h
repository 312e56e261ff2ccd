/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file counts.h
 * What the clients know: how many requests were made and how each ended. The service's own counters must say the same.
 */
#ifndef DEMO_COUNTS_H
#define DEMO_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#define COUNTS_LATENCIES 128

struct counts {
    uint64_t answered;   /**< requests with a whole answer */
    uint64_t aborted;    /**< hung up by us after the server knew of them */
    uint64_t uncertain;  /**< ended so that the server may or may not have counted them */
    uint64_t unexpected; /**< answers with another status or content than this request must get */
    uint64_t by_status[600];
    uint64_t rows;                        /**< prospects in the files of answered imports */
    uint64_t imported, updated, rejected; /**< as the answers said */
    /* since the last status line: latencies in buckets of a quarter of an octave from 1 us */
    uint64_t answered_before;
    uint32_t latencies[COUNTS_LATENCIES];
};

void counts_answer(struct counts *counts, long status, double seconds);
/** One line for the person at the terminal, over the one before it; starts the next interval. @param last it stays */
void counts_print(struct counts *counts, double elapsed, double interval, bool last);
/** Replace `path` by these counts as one JSON object. @return 0 or -1 with errno. */
int counts_save(const struct counts *counts, const char *path);

#endif
