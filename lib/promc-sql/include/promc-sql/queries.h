/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc-sql/queries.h
 * Metrics of database queries, for any database. promc-pq and promc-sqlite wrap the calls of libpq and sqlite3;
 * wrap the calls of another client yourself:
 *
 *     promc_sql_query query;
 *     promc_sql_begin(sql, &query, "SELECT name FROM crm.people");
 *     int error = my_client_query(…);
 *     promc_sql_end(&query, error ? my_sqlstate_class(…) : NULL);
 *
 * Families, with the default prefix:
 *     db_query_duration_seconds {operation, schema}                  histogram; failed queries too
 *     db_query_errors_total     {operation, schema, sqlstate_class}  counter
 * and with settings.tables a label `table` after `schema`.
 *
 * The number of series is limited for any SQL: `operation` has a dozen values, each family at most max_series series,
 * and beyond that queries are counted in the family's overflow series, all of whose values are "other".
 */
#ifndef PROMC_SQL_QUERIES_H
#define PROMC_SQL_QUERIES_H

#include <promc-sql/statement.h>
#include <promc/histogram.h>
#include <promc/registry.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct promc_sql promc_sql;

/** A field that is 0 takes its default. */
typedef struct promc_sql_settings {
    /** Beginning of the metrics' names. Default "db". Two databases in one registry need two prefixes. */
    const char *prefix;
    /** Name of the label with the class of the error. Default "sqlstate_class". */
    const char *error_label;
    /**
     * The allowed values of `schema`; any other schema is "other". Set this if users can influence the SQL. None
     * (default): the schema in the SQL.
     */
    const char *const *schemas;
    size_t schema_count;
    /** The value of `schema` if the SQL names no schema. Default "other". */
    const char *default_schema;
    /** Also label by table. Default false, because many tables give many series. */
    bool tables;
    /** Bounds in seconds. NULL: .001 .0025 .005 .01 .025 .05 .1 .25 .5 1 2.5 5 10. */
    const double *buckets;
    size_t bucket_count;
    /** Maximum series of each of the two families. Default 500. */
    uint32_t max_series;
    /**
     * Families that the program has registered itself, e.g. rows of its table (promc/table.h): a histogram with the labels operation,
     * schema and, with `tables`, table; a counter with the same labels and a last one for the error. Prefix, buckets and max_series are ignored
     * for such a family. NULL (default): they are registered here.
     */
    promc_family *duration, *errors;
    /** Must be zero: see promc/version.h. */
    uint64_t reserved[4];
} promc_sql_settings;

/**
 * Register the families. Everything is copied.
 * @param settings NULL for the defaults.
 * @return 0; PROMC_E_INVALID (a NULL in `schemas`, a prefix of 40 bytes or more); PROMC_E_VERSION (a reserved word is set); PROMC_E_NOMEM; or as promc_counter_register().
 *         *out is NULL then; a family that was registered stays.
 */
PROMC_API int promc_sql_create(promc_sql **out, promc_registry *registry, const promc_sql_settings *settings);
/** Free it, before its registry is destroyed. NULL is allowed. */
PROMC_API void promc_sql_destroy(promc_sql *sql);
/** The error label in use. "" for NULL. */
PROMC_API const char *promc_sql_error_label(const promc_sql *sql);

/*
 * All functions below are thread safe, and do nothing if the promc_sql is NULL (metrics are off).
 */

/** A query in progress, on the caller's stack. */
typedef struct promc_sql_query {
    promc_sql *sql; /**< NULL: not begun, or finished */
    uint64_t start_ns;
    promc_sql_statement statement;
    uint64_t own[2]; /**< room for the library: see promc/version.h */
} promc_sql_query;

/** Read the SQL and start the clock. Reading takes about a nanosecond per byte: read a prepared statement only once. */
PROMC_API void promc_sql_begin(promc_sql *sql, promc_sql_query *query, const char *text);
/** The same for a statement that was read before, or filled by hand. @param statement copied; NULL: other. */
PROMC_API void promc_sql_begin_as(promc_sql *sql, promc_sql_query *query, const promc_sql_statement *statement);
/**
 * Stop the clock. Only the first call on a query counts.
 * @param error_class NULL: success.  @return true if this call finished it.
 */
PROMC_API bool promc_sql_end(promc_sql_query *query, const char *error_class);

/** A text that is run often, e.g. a prepared statement: it is read once, and its series is looked up once. */
typedef struct promc_sql_prepared {
    promc_sql_statement statement;
    promc_histogram duration; /**< zero: metrics are off */
    uint64_t own[2];          /**< room for the library: see promc/version.h */
} promc_sql_prepared;

/** @param text, length as promc_sql_read(). O(length). Its series exists from now on. */
PROMC_API void promc_sql_prepare(promc_sql *sql, const char *text, size_t length, promc_sql_prepared *out);
/** promc_sql_observe() without a lookup: as fast as promc_histogram_observe(). */
static inline void promc_sql_observe_prepared(const promc_sql_prepared *prepared, double seconds)
{
    promc_histogram_observe(prepared->duration, seconds);
}

/** Count a query whose duration you have measured. */
PROMC_API void promc_sql_observe(promc_sql *sql, const promc_sql_statement *statement, double seconds);
/** Count only a failure. @param error_class NULL or "" is "other". */
PROMC_API void promc_sql_error(promc_sql *sql, const promc_sql_statement *statement, const char *error_class);

#ifdef __cplusplus
}
#endif
#endif
