/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc-sql/statement.h
 * The operation and the table of an SQL text: enough to label a metric, without asking a database.
 *
 * Reading never fails and never takes long: for any text, hostile or truncated, the result is defined, every
 * value is from a fixed set or has at most PROMC_SQL_NAME_MAX bytes, nothing is allocated, and at most
 * PROMC_SQL_READ_MAX bytes are read. It is for labels, not for security: it does not check whether the SQL is valid.
 */
#ifndef PROMC_SQL_STATEMENT_H
#define PROMC_SQL_STATEMENT_H

#include <promc/export.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Longest schema or table name kept, in bytes: PostgreSQL's own limit. A longer one is cut between characters. */
#define PROMC_SQL_NAME_MAX 63
/** Bytes of a text that are read; the rest (the rows of a large INSERT) does not affect the result. */
#define PROMC_SQL_READ_MAX 65536
/** As a length: the text ends in NUL. */
#define PROMC_SQL_NUL_TERMINATED ((size_t)-1)

/** The values of the label `operation`, in the order of their names. */
enum promc_sql_operation {
    PROMC_SQL_OTHER,  /**< also unreadable text */
    PROMC_SQL_SELECT, /**< SELECT, VALUES, TABLE */
    PROMC_SQL_INSERT, /**< also REPLACE */
    PROMC_SQL_UPDATE,
    PROMC_SQL_DELETE,
    PROMC_SQL_MERGE,
    PROMC_SQL_COPY,
    PROMC_SQL_DDL,      /**< CREATE, ALTER, DROP, TRUNCATE */
    PROMC_SQL_BEGIN,    /**< BEGIN, START TRANSACTION */
    PROMC_SQL_COMMIT,   /**< COMMIT, END */
    PROMC_SQL_ROLLBACK, /**< ROLLBACK, ABORT, and ROLLBACK TO a savepoint */
    PROMC_SQL_CONNECT,  /**< not SQL: a connection is opened */
    PROMC_SQL_OPERATIONS
};

/** The label's value, e.g. "select". Never NULL; "other" for an invalid value. */
PROMC_API const char *promc_sql_operation_name(enum promc_sql_operation operation);

/** What a statement does. Fill it with promc_sql_read(), or by hand if you know better. */
typedef struct promc_sql_statement {
    enum promc_sql_operation operation;
    char schema[PROMC_SQL_NAME_MAX + 1]; /**< "": the text names none */
    char table[PROMC_SQL_NAME_MAX + 1];  /**< "": the text names none */
    uint32_t reserved[3];                /**< must be zero; otherwise the statement counts as unreadable */
} promc_sql_statement;

/**
 * Read the first statement of a text.
 *  - The operation is that of the main verb: WITH … INSERT is an insert.
 *  - The table is the one written to, else the first that the statement itself reads, else the first that a sub-query
 *    reads. A common table expression stands for its first table: in
 *    `WITH x AS (SELECT … FROM crm.people) SELECT … FROM x` it is crm.people.
 *  - Names are written as in the databases: lower case unless quoted ("…", `…`, […]); of a.b.c the last two parts count.
 *  - Comments (nested ones too), literals ('…', E'…', $tag$…$tag$) and parameters ($1, ?, :name, @name) are skipped.
 * @param text NULL reads as "".  @param length bytes, or PROMC_SQL_NUL_TERMINATED.
 * O(length), at most PROMC_SQL_READ_MAX. Thread safe.
 */
PROMC_API void promc_sql_read(const char *text, size_t length, promc_sql_statement *out);

#ifdef __cplusplus
}
#endif
#endif
