/* SPDX-License-Identifier: Apache-2.0 */
/** @file table.h The rows and columns of the benchmark's table, and what they must reach. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdbool.h>
#include <stddef.h>

/** The columns. PROGRAM_PEERS and those behind it are peers. */
enum program { PROGRAM_PROMC, PROGRAM_LIMIT, PROGRAM_PEERS, PROGRAMS = PROGRAM_PEERS + 7 };
extern const char *const program_names[PROGRAMS];

typedef struct row {
    const char *key; /**< what the programs print it as, and its key in bench.json */
    const char *label;
    const char *unit;
    bool more_is_better; /**< a speed; otherwise a cost */
    bool extra;          /**< shown in the table, not part of bench.json */
    /* The targets of issue 17, of issue 3 where that has none; 0: none. */
    double max_limit_ratio; /**< promc / limit, costs */
    double min_limit_share; /**< promc / limit, speeds; reaching it or `absolute` is enough */
    double min_peer_ratio;  /**< best peer / promc for costs, the inverse for speeds */
    double absolute;        /**< promc at most (costs) or at least (speeds) */
    const char *same_as;    /**< key of a row that this one may be at most 10 % worse than, or than `same_apart` */
    double same_most;       /**< another factor than 1.1; 0: that */
    const char *same_apart; /**< key of the row of two threads that share nothing: what the machine itself costs */
    double value[PROGRAMS]; /**< NAN: no such thing there */
} row;

extern row rows[];
extern const size_t row_count;

/** Set every value to NAN. */
void table_clear(void);
/** Keep the better of the value that is there and this one. Unknown keys are ignored: notes of one program. */
void table_put(enum program program, const char *key, double value);
row *table_find(const char *key);
/** @return the column of the best peer that has a value, or -1. */
int table_best_peer(const row *r);

#endif
