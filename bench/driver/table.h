/* SPDX-License-Identifier: Apache-2.0 */
/** @file table.h The rows and columns of the benchmark's table, and their targets. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdbool.h>
#include <stddef.h>

/** The columns. PROGRAM_PEERS and those after it are peers. */
enum program { PROGRAM_PROMC, PROGRAM_LIMIT, PROGRAM_PEERS, PROGRAMS = PROGRAM_PEERS + 7 };
extern const char *const program_names[PROGRAMS];

typedef struct row {
    const char *key; /**< its name in the programs' output and in bench.json */
    const char *label;
    const char *unit;
    bool more_is_better; /**< a speed; otherwise a cost */
    bool extra;          /**< shown in the table, not part of bench.json */
    /* The targets of issue 17, or of issue 3 if issue 17 has none; 0: no target. */
    double max_limit_ratio; /**< promc / limit, costs */
    double min_limit_share; /**< promc / limit, speeds; reaching it or `absolute` is enough */
    double min_peer_ratio;  /**< best peer / promc for costs, the inverse for speeds */
    double absolute;        /**< promc at most (costs) or at least (speeds) */
    const char *same_as;    /**< key of a row: this one may be at most 10 % worse than that row, or than `same_apart` */
    double same_most;       /**< another factor than 1.1; 0: 1.1 */
    const char *same_apart; /**< key of the row of two threads that share nothing: the machine's own cost */
    double value[PROGRAMS]; /**< NAN: the program does not have it */
} row;

extern row rows[];
extern const size_t row_count;

/** Set every value to NAN. */
void table_clear(void);
/** Keep the better one of the stored value and this one. Unknown keys (notes of one program) are ignored. */
void table_put(enum program program, const char *key, double value);
row *table_find(const char *key);
/** @return the column of the best peer that has a value, or -1. */
int table_best_peer(const row *r);

#endif
