/* SPDX-License-Identifier: Apache-2.0 */
#include "copies.h"

#include "base/clock.h"
#include "base/directory.h"
#include "base/settings.h"
#include "db/db.h"
#include "db/sqlite_copy.h"
#include "store/store.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Block the signals: sqlite_backup() looks for them between two slices, so that no half-written copy is left behind. */
static void hold_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

static bool store_path(const struct settings *settings, char path[SQLITE_FILE_PATH])
{
    if (store_file(settings, path, SQLITE_FILE_PATH))
        return true;
    fprintf(stderr, "ingest-api: STORE is PostgreSQL, use pg_dump and pg_restore:"
                    " docs/service/reliability.md, Backups\n");
    return false;
}

/* Print a line; takes over the reference. @return the exit status. */
static int print(json_t *line)
{
    int rc = line && json_dumpf(line, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF && fflush(stdout) == 0 ? 0 : 1;
    json_decref(line);
    if (rc)
        fprintf(stderr, "ingest-api: the result cannot be written to standard output: %m\n");
    return rc;
}

int command_backup(const struct settings *settings, const char *file)
{
    char path[SQLITE_FILE_PATH], error[1024];
    struct sqlite_copy made;
    if (!store_path(settings, path))
        return 1;
    hold_signals();
    uint64_t start = clock_monotonic_ns();
    if (sqlite_backup(path, file, &made, error, sizeof(error)) != DB_OK) {
        fprintf(stderr, "ingest-api: no backup was made: %s\n", error);
        return 1;
    }
    return print(json_pack("{s:s, s:I, s:i, s:I, s:f}", "file", file, "bytes", (json_int_t)made.bytes, "schema_version",
                           made.schema_version, "organisations", (json_int_t)made.organisations, "seconds",
                           (double)(clock_monotonic_ns() - start) / 1e9));
}

int command_restore(const struct settings *settings, const char *file, bool replace)
{
    char path[SQLITE_FILE_PATH], error[1024];
    struct sqlite_copy made;
    if (!store_path(settings, path))
        return 1;
    if (strncmp(settings->store_url, "sqlite:", 7) != 0 && directory_make(settings->data_dir, 0750) < 0) {
        fprintf(stderr, "ingest-api: DATA_DIR %s cannot be created or written: %m\n", settings->data_dir);
        return 1;
    }
    hold_signals();
    if (sqlite_restore(file, path, replace, &made, error, sizeof(error)) != DB_OK) {
        fprintf(stderr, "ingest-api: nothing was restored: %s\n", error);
        return 1;
    }
    return print(json_pack("{s:s, s:I, s:i, s:I, s:s?}", "store", path, "bytes", (json_int_t)made.bytes,
                           "schema_version", made.schema_version, "organisations", (json_int_t)made.organisations,
                           "replaced", made.replaced[0] ? made.replaced : NULL));
}
