/* SPDX-License-Identifier: Apache-2.0 */
#include "db/sql.h"

#include <promc-sql/statement.h>
#include <stdlib.h>
#include <string.h>

/* The schemas that SQLite's tables carry in their names. */
#define SCHEMAS DB_SCHEMA_OTHER

static enum db_schema schema_of(const char *name)
{
    int i = 0;
    while (i < SCHEMAS && strcmp(db_schema_values[i], name) != 0)
        i++;
    return (enum db_schema)i;
}

static enum db_operation operation_of(const char *name)
{
    int i = 0;
    while (i < DB_OTHER_OP && strcmp(db_operation_values[i], name) != 0)
        i++;
    return (enum db_operation)i;
}

void sql_classify(const char *sql, enum db_operation *operation, enum db_schema *schema)
{
    promc_sql_statement statement;
    promc_sql_read(sql, PROMC_SQL_NUL_TERMINATED, &statement);
    *operation = operation_of(promc_sql_operation_name(statement.operation));
    *schema = schema_of(statement.schema);
}

/* A word that names one of our schemas, with a dot behind it and none before it. */
static bool is_schema(const char *start, const promc_sql_token *token)
{
    char name[16];
    if (token->kind != PROMC_SQL_TOKEN_WORD || token->length >= sizeof name || token->text[token->length] != '.' ||
        (token->text > start && token->text[-1] == '.'))
        return false;
    memcpy(name, token->text, token->length);
    name[token->length] = 0;
    return schema_of(name) != DB_SCHEMA_OTHER;
}

char *sql_to_sqlite(const char *sql)
{
    const char *end = sql + strlen(sql);
    char *out = malloc((size_t)(end - sql) + 1); /* no byte more or less than in */
    if (!out)
        return NULL;
    memcpy(out, sql, (size_t)(end - sql) + 1);
    for (const char *at = sql; at < end;) {
        promc_sql_token token = promc_sql_next(at, end);
        if (token.kind == PROMC_SQL_TOKEN_PARAMETER && *token.text == '$')
            out[token.text - sql] = '?';
        else if (is_schema(sql, &token))
            out[token.text + token.length - sql] = '_';
        at = token.text + token.length;
    }
    return out;
}
