/* SPDX-License-Identifier: Apache-2.0 */
#include "db/sql.h"

#include "model/labels.h"

#include <promc-sql/statement.h>
#include <promc-sql/token.h>
#include <stdlib.h>
#include <string.h>

/* A word that names one of our schemas, followed by a dot and not preceded by one. */
static bool is_schema(const char *start, const promc_sql_token *token)
{
    if (token->kind != PROMC_SQL_TOKEN_WORD || token->text[token->length] != '.' ||
        (token->text > start && token->text[-1] == '.'))
        return false;
    for (int i = 0; i < DB_SCHEMA_OTHER; i++)
        if (strlen(db_schema_values[i]) == token->length &&
            memcmp(db_schema_values[i], token->text, token->length) == 0)
            return true;
    return false;
}

char *sql_to_sqlite(const char *sql)
{
    const char *end = sql + strlen(sql);
    char *out = malloc((size_t)(end - sql) + 1); /* the translation has the same length */
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
