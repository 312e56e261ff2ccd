/* SPDX-License-Identifier: Apache-2.0 */
#include "db/many.h"

#include "base/text.h"

#include <pthread.h>

/* If the text did not fit, the first use would fail. */
static void make(struct db_many *many)
{
    struct text sql;
    text_init(&sql, many->sql, sizeof(many->sql) - 1);
    text_add(&sql, many->head);
    for (int row = 0; row < DB_MANY_ROWS; row++) {
        int i = 0;
        text_add(&sql, row ? ", " : " ");
        for (const char *p = many->row; *p; p++) {
            text_add_n(&sql, *p == '@' ? "$" : p, 1);
            if (*p == '@')
                text_add_i64(&sql, db_many_parameter(many, row, i++));
        }
    }
    text_add(&sql, many->tail);
    many->sql[sql.length] = '\0';
}

const char *db_many_sql(struct db_many *many)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    if (!atomic_load_explicit(&many->made, memory_order_acquire)) {
        pthread_mutex_lock(&lock);
        if (!atomic_load_explicit(&many->made, memory_order_relaxed))
            make(many);
        atomic_store_explicit(&many->made, true, memory_order_release);
        pthread_mutex_unlock(&lock);
    }
    return many->sql;
}
