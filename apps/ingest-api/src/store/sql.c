/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    size_t length;
    enum db_schema schema;
} schemas[] = {
    {"iam", 3, DB_SCHEMA_IAM},
    {"crm", 3, DB_SCHEMA_CRM},
    {"outreach", 8, DB_SCHEMA_OUTREACH},
    {"tracking", 8, DB_SCHEMA_TRACKING},
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Length of the token at p: a literal, a quoted name, a comment, a word, `$n`, or one character. An unterminated
 * literal reaches to the end; the database will complain about it. */
static size_t token_length(const char *p)
{
    const char *end = p + 1;
    if (*p == '\'' || *p == '"') {
        /* A doubled quote begins another token of the same kind, which is as good. */
        end = strchr(p + 1, *p);
        return end ? (size_t)(end + 1 - p) : strlen(p);
    }
    if (p[0] == '-' && p[1] == '-')
        return strcspn(p, "\n");
    if (p[0] == '/' && p[1] == '*') {
        end = strstr(p + 2, "*/");
        return end ? (size_t)(end + 2 - p) : strlen(p);
    }
    if (is_word(*p) || *p == '$')
        while (is_word(*end))
            end++;
    return (size_t)(end - p);
}

/* The schema that the word at p names, if a dot follows it and none precedes it. */
static int schema_at(const char *start, const char *p, size_t length)
{
    if (p[length] != '.' || (p > start && p[-1] == '.'))
        return -1;
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++)
        if (schemas[i].length == length && memcmp(schemas[i].name, p, length) == 0)
            return (int)i;
    return -1;
}

static enum db_operation verb_at(const char *p, size_t length)
{
    static const struct {
        const char *word;
        enum db_operation operation;
    } verbs[] = {
        {"SELECT", DB_SELECT}, {"INSERT", DB_INSERT}, {"UPDATE", DB_UPDATE},     {"DELETE", DB_DELETE},
        {"BEGIN", DB_BEGIN},   {"COMMIT", DB_COMMIT}, {"ROLLBACK", DB_ROLLBACK},
    };
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strlen(verbs[i].word) == length && strncasecmp(verbs[i].word, p, length) == 0)
            return verbs[i].operation;
    return DB_OTHER_OP;
}

void sql_classify(const char *sql, enum db_operation *operation, enum db_schema *schema)
{
    int depth = 0;
    bool first = true, decided = false;
    *operation = DB_OTHER_OP;
    *schema = DB_SCHEMA_OTHER;
    for (const char *p = sql; *p;) {
        size_t length = token_length(p);
        depth += (*p == '(') - (*p == ')');
        if (isalpha((unsigned char)*p)) {
            /* The first word decides, unless it is WITH: then the first verb outside of its parentheses. */
            if (!decided && depth == 0) {
                *operation = verb_at(p, length);
                bool with = first && length == 4 && strncasecmp(p, "WITH", 4) == 0;
                decided = first ? !with : *operation != DB_OTHER_OP;
                first = false;
            }
            int i = schema_at(sql, p, length);
            if (i >= 0 && *schema == DB_SCHEMA_OTHER)
                *schema = schemas[i].schema;
        }
        p += length;
    }
}

char *sql_to_sqlite(const char *sql)
{
    char *out = malloc(strlen(sql) + 1), *q = out; /* no replacement is longer */
    if (!out)
        return NULL;
    for (const char *p = sql; *p;) {
        size_t length = token_length(p);
        memcpy(q, p, length);
        if (*p == '$' && length > 1)
            *q = '?';
        q += length;
        if (isalpha((unsigned char)*p) && schema_at(sql, p, length) >= 0) {
            *q++ = '_';
            length++;
        }
        p += length;
    }
    *q = 0;
    return out;
}
