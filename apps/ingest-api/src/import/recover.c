/* SPDX-License-Identifier: Apache-2.0 */
#include "import/recover.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/owner.h"
#include "data/imports.h"
#include "import/running.h"
#include "store/store.h"

#include <string.h>

#define AT_ONCE 16
/*
 * Whether a process on another machine lives is unknown. A live one touches its import with each slice;
 * after this silence it is dead.
 */
#define SILENT_MS (10 * 60 * 1000)

struct open_imports {
    struct import_open at[AT_ONCE];
    int n;
};

static int run_open(void *arg, struct db *db)
{
    struct open_imports *open = arg;
    open->n = imports_open(db, open->at, AT_ONCE);
    return open->n < 0 ? open->n : DB_OK;
}

static bool abandoned(const struct import_open *import)
{
    char self[OWNER_SIZE];
    owner_self(self);
    if (strcmp(import->owner, self) == 0)
        return !running_has(import->id);
    return owner_is_here(import->owner) ? owner_is_dead(import->owner)
                                        : clock_wall_ms() - import->touched_ms > SILENT_MS;
}

struct take_back {
    const struct import_open *import;
    bool more;
};

static int run_take_back(void *arg, struct db *db)
{
    struct take_back *call = arg;
    return imports_take_back(db, call->import->organisation_id, call->import->id, &call->more);
}

static void take_back(struct store *store, const struct import_open *import, const struct stop *stop)
{
    struct take_back call = {.import = import, .more = true};
    int64_t slices = 0;
    int rc = DB_OK;
    for (; rc == DB_OK && call.more && !stop_wanted(stop); slices += call.more)
        rc = store_run(store, STORE_MODE_WRITE, run_take_back, &call);
    log_warn(rc == DB_OK && !call.more ? "an unfinished import was rolled back"
                                       : "an unfinished import is not rolled back yet",
             "s:component", "import", "s:organisation", import->organisation_id, "s:import", import->id, "i:slices",
             slices);
}

void import_recover(struct store *store, const struct stop *stop)
{
    struct open_imports open = {.n = 0};
    if (store_run(store, STORE_MODE_READ, run_open, &open) != DB_OK)
        return;
    for (int i = 0; i < open.n && !stop_wanted(stop); i++)
        if (abandoned(&open.at[i]))
            take_back(store, &open.at[i], stop);
}
