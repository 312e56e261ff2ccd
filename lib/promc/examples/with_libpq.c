/* SPDX-License-Identifier: Apache-2.0 */
/*
 * promc around a program's own libpq calls: a pool of two connections that three threads share, then the metrics on
 * standard output. The argument is the server; without it libpq's environment (PGHOST and so on) names it.
 */
#include <promc-pq/pq.h>
#include <promc-sql/pool.h>
#include <promc/promc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECTIONS 2
#define THREADS 3

static struct pool {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    PGconn *free[CONNECTIONS];
    int free_count;
    promc_sql *sql;
    promc_sql_pool *metrics;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .freed = PTHREAD_COND_INITIALIZER};

static PGconn *acquire(void)
{
    promc_sql_wait wait;
    promc_sql_pool_wait(pool.metrics, &wait);
    pthread_mutex_lock(&pool.lock);
    while (pool.free_count == 0)
        pthread_cond_wait(&pool.freed, &pool.lock);
    PGconn *conn = pool.free[--pool.free_count];
    pthread_mutex_unlock(&pool.lock);
    promc_sql_pool_acquired(&wait);
    return conn;
}

static void release(PGconn *conn)
{
    promc_sql_pool_released(pool.metrics);
    pthread_mutex_lock(&pool.lock);
    pool.free[pool.free_count++] = conn;
    pthread_cond_signal(&pool.freed);
    pthread_mutex_unlock(&pool.lock);
}

static void *work(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        PGconn *conn = acquire();
        PQclear(promc_pq_exec(pool.sql, conn, "SELECT relname FROM pg_catalog.pg_class LIMIT 10"));
        if (i == 0) /* a query that fails: error class 42 */
            PQclear(promc_pq_exec(pool.sql, conn, "SELECT * FROM pg_catalog.there_is_no_such_table"));
        release(conn);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    promc_registry *registry;
    pthread_t threads[THREADS];
    char *text;
    const char *const keywords[] = {"dbname", NULL}, *const values[] = {argc > 1 ? argv[1] : "", NULL};
    if (promc_registry_create(&registry, NULL) != 0 || promc_sql_create(&pool.sql, registry, NULL) != 0 ||
        promc_sql_pool_create(&pool.metrics, registry, NULL, CONNECTIONS) != 0) {
        fprintf(stderr, "%s\n", promc_error_detail());
        return 1;
    }
    for (; pool.free_count < CONNECTIONS; pool.free_count++) {
        PGconn *conn = promc_pq_connect(pool.sql, keywords, values, 1);
        if (PQstatus(conn) != CONNECTION_OK) {
            fprintf(stderr, "%s", PQerrorMessage(conn));
            return 1;
        }
        pool.free[pool.free_count] = conn;
        promc_sql_pool_opened(pool.metrics);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    if (promc_scrape_string(registry, &(promc_scrape_settings){0}, &text, NULL) == 0) {
        fputs(text, stdout);
        free(text);
    }
    while (pool.free_count > 0) {
        PQfinish(pool.free[--pool.free_count]);
        promc_sql_pool_closed(pool.metrics);
    }
    promc_sql_pool_destroy(pool.metrics);
    promc_sql_destroy(pool.sql);
    promc_registry_destroy(registry);
    return 0;
}
