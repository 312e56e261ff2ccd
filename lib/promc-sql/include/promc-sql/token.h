/* SPDX-License-Identifier: Apache-2.0 */
/** @file promc-sql/token.h The tokens of SQL text, for programs that need more than promc-sql/statement.h. Thread safe. */
#ifndef PROMC_SQL_TOKEN_H
#define PROMC_SQL_TOKEN_H

#include <promc/export.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum promc_sql_token_kind {
    PROMC_SQL_TOKEN_END,
    PROMC_SQL_TOKEN_WORD,      /**< a keyword or an unquoted name */
    PROMC_SQL_TOKEN_QUOTED,    /**< a name in double quotes or back-quotes, with them */
    PROMC_SQL_TOKEN_LITERAL,   /**< a string or a number; an unclosed string extends to the end */
    PROMC_SQL_TOKEN_PARAMETER, /**< $1 ?1 :name @name */
    PROMC_SQL_TOKEN_OTHER      /**< any other character */
};

typedef struct promc_sql_token {
    enum promc_sql_token_kind kind;
    const char *text; /**< points into the given text */
    size_t length;
} promc_sql_token;

/** The next token of [at, end), after white space and comments; at END, text is `end` and length is 0. O(bytes read). */
PROMC_API promc_sql_token promc_sql_next(const char *at, const char *end);
/** Whether it is this word, case-insensitively. @param word in capitals. */
PROMC_API bool promc_sql_is(const promc_sql_token *token, const char *word);

#ifdef __cplusplus
}
#endif
#endif
