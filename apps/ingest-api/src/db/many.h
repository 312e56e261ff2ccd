/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file db/many.h
 * An INSERT of DB_MANY_ROWS rows. What a statement costs once (a trigger's and a conflict's set-up, a journal, a round trip) is
 * most of what one row costs; twenty rows are the knee of the curve.
 */
#ifndef INGEST_DB_MANY_H
#define INGEST_DB_MANY_H

#include <stdatomic.h>

#define DB_MANY_ROWS 20

/**
 * One such statement; static, so that its text can be kept by db_prepare().
 * In `row` each '@' is a parameter of its own in every row; the others are $1 … $fixed, the same for all rows.
 */
struct db_many {
    const char *head, *row, *tail;
    int fixed, each; /**< parameters: of all, and of each row */
    atomic_bool made;
    char sql[2560];
};

/** The statement's text. */
const char *db_many_sql(struct db_many *many);
/** The number of a row's parameter. @param i from 0, as the '@'s stand in `row` */
static inline int db_many_parameter(const struct db_many *many, int row, int i)
{
    return many->fixed + row * many->each + i + 1;
}

#endif
