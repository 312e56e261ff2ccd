/* SPDX-License-Identifier: Apache-2.0 */
/* SQL tokens that PostgreSQL and SQLite have in common. Bytes above 127 are letters, as in both. */
#include <promc-sql/statement.h>
#include <promc-sql/token.h>

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word(char c)
{
    return is_letter(c) || is_digit(c);
}

/* The position after the comment at `at`, which may be nested; `end` if it is not closed. */
static const char *skip_block_comment(const char *at, const char *end)
{
    size_t depth = 0;
    while (end - at >= 2) {
        if (at[0] == '/' && at[1] == '*') {
            depth++;
            at += 2;
        } else if (at[0] == '*' && at[1] == '/') {
            at += 2;
            if (--depth == 0)
                return at;
        } else {
            at++;
        }
    }
    return end;
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end) {
        if (is_blank(*at)) {
            at++;
        } else if (end - at >= 2 && at[0] == '-' && at[1] == '-') {
            const char *line = memchr(at, '\n', (size_t)(end - at));
            at = line ? line + 1 : end;
        } else if (end - at >= 2 && at[0] == '/' && at[1] == '*') {
            at = skip_block_comment(at, end);
        } else {
            break;
        }
    }
    return at;
}

/* The position after the quote that closes the one at `at`. A doubled quote does not close it, and in E'…' neither does one after a backslash. */
static const char *skip_quoted(const char *at, const char *end, bool backslashes)
{
    char quote = *at++;
    while (at < end) {
        bool pair = end - at >= 2;
        if (pair && ((*at == '\\' && backslashes) || (*at == quote && at[1] == quote)))
            at += 2;
        else if (*at++ == quote)
            return at;
    }
    return end;
}

/* $tag$…$tag$; NULL: none at `at`. */
static const char *skip_dollar_quoted(const char *at, const char *end)
{
    const char *tag = at + 1;
    if (tag < end && is_digit(*tag))
        return NULL;
    while (tag < end && is_word(*tag))
        tag++;
    if (tag == end || *tag != '$')
        return NULL;
    size_t length = (size_t)(tag + 1 - at);
    const char *close = memmem(tag + 1, (size_t)(end - tag - 1), at, length);
    return close ? close + length : end;
}

static const char *skip_words(const char *at, const char *end)
{
    while (at < end && is_word(*at))
        at++;
    return at;
}

/* A number is any token that begins with a digit: 1, 0x1f, 1e5, even if malformed. The rest of 1.5e-3 is another token. */
static promc_sql_token token_at(const char *at, const char *end)
{
    promc_sql_token token = {PROMC_SQL_TOKEN_OTHER, at, 1};
    const char *behind = NULL;
    bool more = end - at >= 2;
    if (*at == '\'') {
        token.kind = PROMC_SQL_TOKEN_LITERAL;
        behind = skip_quoted(at, end, false);
    } else if ((*at == 'E' || *at == 'e' || *at == 'B' || *at == 'b' || *at == 'X' || *at == 'x' || *at == 'N' ||
                *at == 'n') &&
               more && at[1] == '\'') {
        token.kind = PROMC_SQL_TOKEN_LITERAL;
        behind = skip_quoted(at + 1, end, *at == 'E' || *at == 'e');
    } else if (*at == '"' || *at == '`') {
        token.kind = PROMC_SQL_TOKEN_QUOTED;
        behind = skip_quoted(at, end, false);
    } else if (*at == '$' && (behind = skip_dollar_quoted(at, end))) {
        token.kind = PROMC_SQL_TOKEN_LITERAL;
    } else if (*at == '?' || ((*at == '$' || *at == ':' || *at == '@') && more && is_word(at[1]))) {
        token.kind = PROMC_SQL_TOKEN_PARAMETER;
        behind = skip_words(at + 1, end);
    } else if (is_digit(*at)) {
        token.kind = PROMC_SQL_TOKEN_LITERAL;
        behind = skip_words(at, end);
    } else if (is_letter(*at)) {
        token.kind = PROMC_SQL_TOKEN_WORD;
        behind = skip_words(at, end);
        while (behind < end && *behind == '$') /* within a name, but not at its beginning */
            behind = skip_words(behind + 1, end);
    }
    if (behind)
        token.length = (size_t)(behind - at);
    return token;
}

promc_sql_token promc_sql_next(const char *at, const char *end)
{
    at = skip_blanks(at, end);
    if (at == end)
        return (promc_sql_token){PROMC_SQL_TOKEN_END, end, 0};
    return token_at(at, end);
}

bool promc_sql_is(const promc_sql_token *token, const char *word)
{
    size_t n = strlen(word);
    if (token->kind != PROMC_SQL_TOKEN_WORD || token->length != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = token->text[i];
        if ((c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c) != word[i])
            return false;
    }
    return true;
}
