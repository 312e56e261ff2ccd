/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/causes.h
 * What the service waits for, and since when, for /health and `ingest-api why`. Each room adds what it knows at the
 * time of the request.
 *
 * Names of processes, hosts and files are for operators; clients that may not see them get the text without names.
 */
#ifndef INGEST_BASE_CAUSES_H
#define INGEST_BASE_CAUSES_H

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define CAUSES_MAX 16
/** Shorter waits are not reported. */
#define CAUSE_WAIT_MS 1000

/** `part`, `kind` and `what` are string literals. */
struct cause {
    const char *part;        /**< store, queue, mail, broker, disk, drafts, monitoring or service */
    const char *kind;        /**< locked, busy, away, blocked, refused, failing, full, damaged, behind or unattended */
    const char *what;        /**< what waits, with a verb: "writes have waited" */
    int64_t since_ms;        /**< Unix time; 0: unknown */
    int64_t count;           /**< number of things that wait or failed; -1: unknown */
    int pid;                 /**< pid of the process that is waited for; 0: none, or unknown */
    char process[32];        /**< name of that process; "": none, or unknown */
    char host[160];          /**< HOST:PORT that is waited for; "": none */
    char path[256];          /**< file or folder; "": none */
    char because[384];       /**< what is waited for, with names; never a secret, never an e-mail address */
    char because_plain[160]; /**< the same without names of processes, hosts and files */
};

struct causes {
    unsigned n;
    struct cause cause[CAUSES_MAX];
};

/** Add a cause; the caller fills in the texts. If there are too many, returns the last one again. Never NULL. */
struct cause *causes_add(struct causes *causes, const char *part, const char *kind, const char *what, int64_t since_ms);
/** Set both texts; only the first has names. */
void cause_because(struct cause *cause, const char *plain, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** A time span for a sentence: "5.0 s", "2 min 8 s", "1 h 5 min". */
void cause_duration(char *out, size_t size, int64_t ms);
/** One sentence without its full stop: "writes have waited 5.0 s: SQLite is locked by process 4711 (sqlite3)". */
void cause_text(const struct cause *cause, bool names, int64_t now_ms, char *out, size_t size);
/** A JSON array of objects, as described in docs/openapi.yaml. */
void causes_write(struct text *text, const struct causes *causes, bool names, int64_t now_ms);

#endif
