/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file db/many.h
 * An INSERT of DB_MANY_ROWS rows. The fixed cost of a statement (setting up triggers and conflict handling, a journal,
 * a round trip) is most of the cost of a row; twenty rows are the knee of the curve.
 */
#ifndef INGEST_DB_MANY_H
#define INGEST_DB_MANY_H

#include <stdatomic.h>

#define DB_MANY_ROWS 20

/**
 * One such statement; static, so that db_prepare() can cache its text.
 * In `row` each '@' is a separate parameter in every row; the others are $1 … $fixed, the same for all rows.
 */
struct db_many {
    const char *head, *row, *tail;
    int fixed, each; /**< parameters: of all, and of each row */
    atomic_bool made;
    char sql[2560];
};

/** The statement's text. */
const char *db_many_sql(struct db_many *many);
/** The number of a row's parameter. @param i from 0, in the order of the '@'s in `row` */
static inline int db_many_parameter(const struct db_many *many, int row, int i)
{
    return many->fixed + row * many->each + i + 1;
}

#endif
