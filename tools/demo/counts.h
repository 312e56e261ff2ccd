/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file counts.h
 * What the clients count: requests and how they ended. The service's own counters must agree.
 */
#ifndef DEMO_COUNTS_H
#define DEMO_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#define COUNTS_LATENCIES 128

struct counts {
    uint64_t answered;   /**< requests with a complete answer */
    uint64_t aborted;    /**< we hung up after the server knew of them */
    uint64_t uncertain;  /**< the server may or may not have counted them */
    uint64_t unexpected; /**< answers with the wrong status or content */
    uint64_t by_status[600];
    uint64_t rows;                        /**< prospects in the files of answered imports */
    uint64_t imported, updated, rejected; /**< according to the answers */
    /* since the last status line: latencies in buckets of a quarter of an octave from 1 us */
    uint64_t answered_before;
    uint32_t latencies[COUNTS_LATENCIES];
};

void counts_answer(struct counts *counts, long status, double seconds);
/** Print a status line over the previous one and start the next interval. @param last the line stays */
void counts_print(struct counts *counts, double elapsed, double interval, bool last);
/** Write the counts to `path` as one JSON object. @return 0 or -1 with errno. */
int counts_save(const struct counts *counts, const char *path);

#endif
