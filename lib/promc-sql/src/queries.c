/* SPDX-License-Identifier: Apache-2.0 */
#include "families.h"

#include <promc-sql/queries.h>
#include <promc/promc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SERIES 500

struct promc_sql {
    promc_family *duration, *errors;
    bool tables;
    char *error_label, *default_schema;
    char **schemas; /* NULL: any */
    size_t schema_count;
};

/* The labels of both families. @return their number. */
static size_t name_labels(const promc_sql *sql, promc_family_settings *family)
{
    family->labels[0] = "operation";
    family->labels[1] = "schema";
    if (!sql->tables)
        return 2;
    family->labels[2] = "table";
    return 3;
}

static int register_duration(promc_sql *sql, promc_registry *registry, const promc_sql_settings *settings,
                             promc_family_settings family)
{
    family.help = "Duration of database queries.";
    family.unit = "seconds";
    promc_histogram_settings duration = {.family = family,
                                         .buckets = settings->buckets ? settings->buckets : duration_buckets,
                                         .bucket_count = settings->buckets ? settings->bucket_count : DURATION_BUCKETS};
    return promc_histogram_register(registry, &duration, &sql->duration);
}

/* Register the families that the program has not registered itself. */
static int register_families(promc_sql *sql, promc_registry *registry, const promc_sql_settings *settings)
{
    char name[PREFIX_MAX + 32];
    const char *prefix = settings->prefix ? settings->prefix : "db";
    if (strlen(prefix) >= PREFIX_MAX)
        return PROMC_E_INVALID;
    promc_family_settings family = {.name = name,
                                    .max_series = settings->max_series ? settings->max_series : MAX_SERIES};
    size_t labels = name_labels(sql, &family);
    int rc = 0;
    sql->duration = settings->duration;
    sql->errors = settings->errors;
    snprintf(name, sizeof(name), "%s_query_duration_seconds", prefix);
    if (!sql->duration && promc_family_find(registry, name))
        return promc_error_set(PROMC_E_DUPLICATE, "metric \"%s\" is already registered", name);
    if (!sql->duration)
        rc = register_duration(sql, registry, settings, family);
    snprintf(name, sizeof(name), "%s_query_errors_total", prefix);
    family.help = "Database queries that failed.";
    family.labels[labels] = sql->error_label;
    if (rc == 0 && !sql->errors)
        rc = promc_counter_register(registry, &family, &sql->errors);
    return rc;
}

static int copy_settings(promc_sql *sql, const promc_sql_settings *settings)
{
    sql->tables = settings->tables;
    sql->error_label = strdup(settings->error_label ? settings->error_label : "sqlstate_class");
    sql->default_schema = strdup(settings->default_schema ? settings->default_schema : "other");
    if (!sql->error_label || !sql->default_schema)
        return PROMC_E_NOMEM;
    if (settings->schema_count == 0)
        return 0;
    sql->schemas = calloc(settings->schema_count, sizeof(*sql->schemas));
    if (!sql->schemas)
        return PROMC_E_NOMEM;
    for (; sql->schema_count < settings->schema_count; sql->schema_count++) {
        const char *schema = settings->schemas ? settings->schemas[sql->schema_count] : NULL;
        if (!schema)
            return PROMC_E_INVALID;
        if (!(sql->schemas[sql->schema_count] = strdup(schema)))
            return PROMC_E_NOMEM;
    }
    return 0;
}

int promc_sql_create(promc_sql **out, promc_registry *registry, const promc_sql_settings *settings)
{
    static const promc_sql_settings defaults;
    *out = NULL;
    settings = settings ? settings : &defaults;
    int rc = PROMC_RESERVED_CHECK(promc_sql_settings, settings);
    if (rc < 0)
        return rc;
    promc_sql *sql = calloc(1, sizeof(*sql));
    if (!sql)
        return PROMC_E_NOMEM;
    rc = copy_settings(sql, settings);
    if (rc == 0)
        rc = register_families(sql, registry, settings);
    if (rc < 0) {
        promc_sql_destroy(sql);
        return rc;
    }
    *out = sql;
    return 0;
}

void promc_sql_destroy(promc_sql *sql)
{
    if (!sql)
        return;
    for (size_t i = 0; i < sql->schema_count; i++)
        free(sql->schemas[i]);
    free(sql->schemas);
    free(sql->error_label);
    free(sql->default_schema);
    free(sql);
}

const char *promc_sql_error_label(const promc_sql *sql)
{
    return sql ? sql->error_label : "";
}

static const char *schema_of(const promc_sql *sql, const promc_sql_statement *statement)
{
    if (!statement->schema[0])
        return sql->default_schema;
    for (size_t i = 0; i < sql->schema_count; i++)
        if (strcmp(sql->schemas[i], statement->schema) == 0)
            return sql->schemas[i];
    return sql->schemas ? "other" : statement->schema;
}

/* The label values of both families. @return their number. */
static size_t label_values(const promc_sql *sql, const promc_sql_statement *statement, const char *values[4])
{
    values[0] = promc_sql_operation_name(statement->operation);
    values[1] = schema_of(sql, statement);
    if (!sql->tables)
        return 2;
    values[2] = statement->table[0] ? statement->table : "other";
    return 3;
}

/* NULL, or an operation that only a newer header knows, counts as an unreadable statement. */
static const promc_sql_statement *known(const promc_sql_statement *statement)
{
    static const promc_sql_statement nothing;
    return statement && (statement->reserved[0] | statement->reserved[1] | statement->reserved[2]) == 0 ? statement
                                                                                                        : &nothing;
}

void promc_sql_observe(promc_sql *sql, const promc_sql_statement *statement, double seconds)
{
    const char *values[4];
    if (!sql)
        return;
    size_t n = label_values(sql, known(statement), values);
    promc_histogram_observe(promc_histogram_with_values(sql->duration, values, n), seconds);
}

void promc_sql_prepare(promc_sql *sql, const char *text, size_t length, promc_sql_prepared *out)
{
    const char *values[4];
    promc_sql_read(text, length, &out->statement);
    out->duration = (promc_histogram){0};
    if (!sql)
        return;
    size_t n = label_values(sql, &out->statement, values);
    out->duration = promc_histogram_with_values(sql->duration, values, n);
}

void promc_sql_error(promc_sql *sql, const promc_sql_statement *statement, const char *error_class)
{
    const char *values[4];
    if (!sql)
        return;
    size_t n = label_values(sql, known(statement), values);
    values[n++] = error_class && *error_class ? error_class : "other";
    promc_counter_inc(promc_counter_with_values(sql->errors, values, n));
}

void promc_sql_begin_as(promc_sql *sql, promc_sql_query *query, const promc_sql_statement *statement)
{
    query->sql = sql;
    query->statement = *known(statement);
    query->start_ns = sql ? promc_now_ns() : 0;
}

void promc_sql_begin(promc_sql *sql, promc_sql_query *query, const char *text)
{
    query->sql = sql;
    if (!sql)
        return;
    promc_sql_read(text, PROMC_SQL_NUL_TERMINATED, &query->statement);
    query->start_ns = promc_now_ns();
}

bool promc_sql_end(promc_sql_query *query, const char *error_class)
{
    promc_sql *sql = query->sql;
    if (!sql)
        return false;
    uint64_t now = promc_now_ns();
    query->sql = NULL;
    promc_sql_observe(sql, &query->statement, now > query->start_ns ? (double)(now - query->start_ns) * 1e-9 : 0);
    if (error_class)
        promc_sql_error(sql, &query->statement, error_class);
    return true;
}
