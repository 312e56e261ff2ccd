/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the tokens. Parentheses open levels. A level that begins with a query's word is a query, and a table follows FROM
 * only in a query (not in EXTRACT(DAY FROM x)). The result is the first table of the statement's own level, else the first of any level
 * inside. From the body of a common table expression its first table is taken, which later replaces the expression's name.
 */
#include <promc-sql/statement.h>
#include <promc-sql/token.h>

#include <stdint.h>
#include <string.h>

#define LEVELS_MAX 64    /* deeper ones are skipped */
#define BRACKETS_MAX 256 /* bytes from [ to ]: bounds the search, which many [ would make quadratic */
#define CTES_MAX 16      /* further ones count as tables */

static const char *const operation_names[PROMC_SQL_OPERATIONS] = {
    "other", "select", "insert", "update", "delete", "merge", "copy", "ddl", "begin", "commit", "rollback", "connect"};

const char *promc_sql_operation_name(enum promc_sql_operation operation)
{
    return (unsigned)operation < PROMC_SQL_OPERATIONS ? operation_names[operation] : operation_names[PROMC_SQL_OTHER];
}

struct table {
    char schema[PROMC_SQL_NAME_MAX + 1], name[PROMC_SQL_NAME_MAX + 1];
    bool known;
};

struct cte {
    char name[PROMC_SQL_NAME_MAX + 1];
    struct table table;
};

struct reader {
    const char *at, *end;
    promc_sql_token before; /**< the last two tokens that were consumed */
    promc_sql_token before_that;
    size_t depth, base; /**< of the main verb */
    uint64_t query;     /**< a bit for each level that is a query */
    uint64_t expects;   /**< a bit for each level whose next token may be a table: after FROM and its commas */
    bool decided;       /**< the main verb is known */
    enum promc_sql_operation operation;
    struct table main, inner;
    struct cte ctes[CTES_MAX];
    size_t cte_count, cte_open; /**< cte_open: 1 + the index of the one whose body is being read; 0: none */
    size_t cte_depth;
    bool with;
};

static promc_sql_token peek(const struct reader *reader)
{
    return promc_sql_next(reader->at, reader->end);
}

static promc_sql_token take(struct reader *reader)
{
    promc_sql_token token = peek(reader);
    reader->at = token.text + token.length;
    return token;
}

static bool is_char(const promc_sql_token *token, char c)
{
    return token->kind == PROMC_SQL_TOKEN_OTHER && *token->text == c;
}

/* ---- names ---- */

/* Truncate a name before `next`, but not in the middle of a character. */
static void cut(char *out, size_t n, char next)
{
    if (((unsigned char)next & 0xc0) == 0x80) {
        while (n > 0 && ((unsigned char)out[n - 1] & 0xc0) == 0x80)
            n--;
        if (n > 0)
            n--;
    }
    out[n] = '\0';
}

static void copy_word(char *out, const char *text, size_t length)
{
    size_t n = 0;
    for (; n < length && n < PROMC_SQL_NAME_MAX; n++)
        out[n] = text[n] >= 'A' && text[n] <= 'Z' ? (char)(text[n] - 'A' + 'a') : text[n];
    cut(out, n, n < length ? text[n] : '\0');
}

static void copy_quoted(char *out, const char *text, size_t length, char quote)
{
    size_t n = 0, i = 0;
    for (; i < length && n < PROMC_SQL_NAME_MAX; i++) {
        out[n++] = text[i];
        if (text[i] == quote && i + 1 < length && text[i + 1] == quote)
            i++;
    }
    cut(out, n, i < length ? text[i] : '\0');
}

/* Consume one part of a name. @return false: the next token is not a name, and is not consumed. */
static bool take_name(struct reader *reader, char out[PROMC_SQL_NAME_MAX + 1])
{
    promc_sql_token token = peek(reader);
    if (token.kind == PROMC_SQL_TOKEN_WORD) {
        copy_word(out, token.text, token.length);
    } else if (token.kind == PROMC_SQL_TOKEN_QUOTED) {
        size_t closed = token.length >= 2 && token.text[token.length - 1] == *token.text ? 2 : 1;
        copy_quoted(out, token.text + 1, token.length - closed, *token.text);
    } else if (is_char(&token, '[')) {
        size_t left = (size_t)(reader->end - token.text);
        const char *close = memchr(token.text, ']', left < BRACKETS_MAX ? left : BRACKETS_MAX);
        if (!close)
            return false;
        copy_quoted(out, token.text + 1, (size_t)(close - token.text - 1), ']');
        reader->at = close + 1;
        return true;
    } else {
        return false;
    }
    (void)take(reader);
    return true;
}

/* Read a, a.b or a.b.c, and keep the last two parts. A name with an argument list is a function, unless the list is an INSERT's columns. */
static bool take_table(struct reader *reader, struct table *table, bool columns_may_follow)
{
    struct reader start = *reader;
    promc_sql_token token;
    table->schema[0] = '\0';
    if (!take_name(reader, table->name))
        return false;
    while ((token = peek(reader)), is_char(&token, '.')) {
        memcpy(table->schema, table->name, sizeof(table->schema));
        (void)take(reader);
        if (!take_name(reader, table->name)) {
            table->name[0] = '\0';
            break;
        }
    }
    if (!columns_may_follow && is_char(&token, '(')) {
        *reader = start;
        return false;
    }
    table->known = true;
    return true;
}

/* Replace the name of a common table expression by its table. */
static void resolve(const struct reader *reader, struct table *table)
{
    for (size_t i = 0; i < reader->cte_count && !table->schema[0]; i++) {
        if (strcmp(reader->ctes[i].name, table->name) == 0 && reader->ctes[i].table.known) {
            *table = reader->ctes[i].table;
            return;
        }
    }
}

static void found(struct reader *reader, struct table table)
{
    if (reader->cte_open) {
        struct table *body = &reader->ctes[reader->cte_open - 1].table;
        if (!body->known && strcmp(reader->ctes[reader->cte_open - 1].name, table.name) != 0) {
            resolve(reader, &table);
            *body = table;
        }
        return;
    }
    struct table *place = reader->depth == reader->base ? &reader->main : &reader->inner;
    if (place->known)
        return;
    resolve(reader, &table);
    *place = table;
}

/* ---- levels ---- */

static uint64_t level(const struct reader *reader)
{
    return reader->depth < LEVELS_MAX ? UINT64_C(1) << reader->depth : 0;
}

static bool begins_query(const promc_sql_token *token)
{
    return promc_sql_is(token, "SELECT") || promc_sql_is(token, "WITH") || promc_sql_is(token, "INSERT") ||
           promc_sql_is(token, "UPDATE") || promc_sql_is(token, "DELETE") || promc_sql_is(token, "VALUES");
}

static void open_level(struct reader *reader)
{
    bool expected = (reader->expects & level(reader)) != 0;
    bool query = (reader->query & level(reader)) != 0;
    reader->depth++;
    promc_sql_token first = peek(reader);
    if (begins_query(&first) || (expected && query)) /* FROM (a JOIN b) */
        reader->query |= level(reader);
    else
        reader->query &= ~level(reader);
    reader->expects &= ~level(reader);
    if (expected && query && !begins_query(&first))
        reader->expects |= level(reader);
}

static void close_level(struct reader *reader)
{
    if (reader->depth > 0)
        reader->depth--;
    if (reader->cte_open && reader->depth == reader->cte_depth)
        reader->cte_open = 0;
}

/* ---- the statement ---- */

static const struct verb {
    const char *word;
    enum promc_sql_operation operation;
} verbs[] = {
    {"SELECT", PROMC_SQL_SELECT},  {"VALUES", PROMC_SQL_SELECT},  {"TABLE", PROMC_SQL_SELECT},
    {"INSERT", PROMC_SQL_INSERT},  {"REPLACE", PROMC_SQL_INSERT}, {"UPDATE", PROMC_SQL_UPDATE},
    {"DELETE", PROMC_SQL_DELETE},  {"MERGE", PROMC_SQL_MERGE},    {"COPY", PROMC_SQL_COPY},
    {"CREATE", PROMC_SQL_DDL},     {"ALTER", PROMC_SQL_DDL},      {"DROP", PROMC_SQL_DDL},
    {"TRUNCATE", PROMC_SQL_DDL},   {"BEGIN", PROMC_SQL_BEGIN},    {"START", PROMC_SQL_BEGIN},
    {"COMMIT", PROMC_SQL_COMMIT},  {"END", PROMC_SQL_COMMIT},     {"ROLLBACK", PROMC_SQL_ROLLBACK},
    {"ABORT", PROMC_SQL_ROLLBACK},
};

static const struct verb *verb_of(const promc_sql_token *token)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
        if (promc_sql_is(token, verbs[i].word))
            return &verbs[i];
    return NULL;
}

/* WITH [RECURSIVE] name [(columns)] AS [[NOT] MATERIALIZED] ( body ), …: a name is followed by AS or by columns. */
static void take_cte_name(struct reader *reader)
{
    promc_sql_token next = peek(reader);
    if (promc_sql_is(&next, "RECURSIVE"))
        (void)take(reader);
    if (reader->cte_count < CTES_MAX && take_name(reader, reader->ctes[reader->cte_count].name))
        reader->cte_count++;
}

static bool cte_body_follows(const struct reader *reader)
{
    return promc_sql_is(&reader->before, "AS") || promc_sql_is(&reader->before, "MATERIALIZED");
}

static void take_target(struct reader *reader, bool columns_may_follow)
{
    static const char *const noise[] = {"ONLY", "LATERAL", "IF", "NOT", "EXISTS", "CONCURRENTLY", NULL};
    struct table table = {0};
    for (promc_sql_token next = peek(reader);; next = peek(reader)) {
        size_t i = 0;
        while (noise[i] && !promc_sql_is(&next, noise[i]))
            i++;
        if (!noise[i])
            break;
        (void)take(reader);
    }
    if (take_table(reader, &table, columns_may_follow))
        found(reader, table);
}

static void decide(struct reader *reader, const promc_sql_token *token)
{
    const struct verb *verb = verb_of(token);
    if (!verb && reader->with)
        return; /* between the common table expressions and the verb */
    reader->decided = true;
    reader->base = reader->depth;
    reader->operation = verb ? verb->operation : PROMC_SQL_OTHER;
    reader->query |= level(reader);
    if (promc_sql_is(token, "TABLE") || promc_sql_is(token, "COPY"))
        take_target(reader, true);
    else if (promc_sql_is(token, "TRUNCATE")) {
        promc_sql_token next = peek(reader);
        if (!promc_sql_is(&next, "TABLE"))
            take_target(reader, false);
    }
}

/* UPDATE [OR REPLACE] [ONLY] t; but neither ON CONFLICT … DO UPDATE nor FOR UPDATE. */
static void take_updated(struct reader *reader)
{
    promc_sql_token next = peek(reader);
    if (promc_sql_is(&reader->before, "DO") || promc_sql_is(&reader->before, "FOR") ||
        promc_sql_is(&reader->before, "KEY") || promc_sql_is(&reader->before, "ON"))
        return;
    if (promc_sql_is(&next, "OR")) {
        (void)take(reader);
        (void)take(reader);
    }
    take_target(reader, false);
}

static bool distinct_from(const struct reader *reader)
{
    return promc_sql_is(&reader->before, "DISTINCT") &&
           (promc_sql_is(&reader->before_that, "IS") || promc_sql_is(&reader->before_that, "NOT"));
}

/* Handle a word after which a table name may follow. */
static void read_word(struct reader *reader, const promc_sql_token *token)
{
    if (reader->operation == PROMC_SQL_DDL && reader->depth == reader->base) {
        if (promc_sql_is(token, "TABLE") || promc_sql_is(token, "VIEW") || promc_sql_is(token, "ON"))
            take_target(reader, true);
        return;
    }
    if (!(reader->query & level(reader)))
        return;
    if ((promc_sql_is(token, "FROM") && !distinct_from(reader)) || promc_sql_is(token, "JOIN"))
        reader->expects |= level(reader);
    else if (promc_sql_is(token, "INTO"))
        take_target(reader, true);
    else if (promc_sql_is(token, "UPDATE"))
        take_updated(reader);
    else if (promc_sql_is(token, "WHERE") || promc_sql_is(token, "GROUP") || promc_sql_is(token, "ORDER") ||
             promc_sql_is(token, "HAVING") || promc_sql_is(token, "LIMIT") || promc_sql_is(token, "SET"))
        reader->expects &= ~level(reader);
}

static bool is_name_start(const promc_sql_token *token)
{
    return token->kind == PROMC_SQL_TOKEN_WORD || token->kind == PROMC_SQL_TOKEN_QUOTED || is_char(token, '[');
}

/* Is a table expected next, after FROM, JOIN or one of their commas? */
static bool table_is_due(const struct reader *reader)
{
    return (reader->expects & level(reader)) &&
           (promc_sql_is(&reader->before, "FROM") || promc_sql_is(&reader->before, "JOIN") ||
            is_char(&reader->before, ',') || is_char(&reader->before, '('));
}

static void read_token(struct reader *reader, promc_sql_token token)
{
    if (is_char(&token, '(')) {
        if (!reader->decided && reader->with && !reader->cte_open && cte_body_follows(reader) && reader->cte_count) {
            reader->cte_open = reader->cte_count;
            reader->cte_depth = reader->depth;
        }
        open_level(reader);
    } else if (is_char(&token, ')')) {
        close_level(reader);
    } else if (token.kind == PROMC_SQL_TOKEN_WORD && !reader->decided && !reader->cte_open) {
        if (!reader->with && promc_sql_is(&token, "WITH")) {
            reader->with = true;
            reader->base = reader->depth;
            take_cte_name(reader);
        } else if (!reader->with || reader->depth == reader->base) {
            decide(reader, &token);
            if (reader->decided)
                read_word(reader, &token);
        }
    } else if (!reader->decided && reader->with && !reader->cte_open && is_char(&token, ',') &&
               reader->depth == reader->base) {
        take_cte_name(reader);
    } else if (token.kind == PROMC_SQL_TOKEN_WORD) {
        read_word(reader, &token);
    }
}

void promc_sql_read(const char *text, size_t length, promc_sql_statement *out)
{
    struct reader reader;
    memset(out, 0, sizeof(*out));
    if (!text)
        return;
    length = length == PROMC_SQL_NUL_TERMINATED ? strnlen(text, PROMC_SQL_READ_MAX) : length;
    memset(&reader, 0, sizeof(reader));
    reader.at = text;
    reader.end = text + (length < PROMC_SQL_READ_MAX ? length : PROMC_SQL_READ_MAX);
    while (!reader.main.known) {
        promc_sql_token token = peek(&reader);
        if (token.kind == PROMC_SQL_TOKEN_END || (is_char(&token, ';') && reader.decided))
            break;
        if (table_is_due(&reader) && is_name_start(&token) && !begins_query(&token)) {
            const char *at = reader.at;
            take_target(&reader, false);
            if (reader.at == at)
                (void)take(&reader); /* a function */
        } else {
            (void)take(&reader);
            read_token(&reader, token);
        }
        reader.before_that = reader.before;
        reader.before = token;
    }
    out->operation = reader.operation;
    const struct table *table = reader.main.known ? &reader.main : &reader.inner;
    memcpy(out->schema, table->schema, sizeof(out->schema));
    memcpy(out->table, table->name, sizeof(out->table));
}
