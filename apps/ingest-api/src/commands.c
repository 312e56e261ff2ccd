/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include "api/answer.h"
#include "base/backends.h"
#include "base/clock.h"
#include "base/directory.h"
#include "base/settings.h"
#include "data/erase.h"
#include "data/keys.h"
#include "data/organisations.h"
#include "db/roles.h"
#include "http/auth.h"
#include "mail/file.h"
#include "mail/message.h"
#include "store/store.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- shared by the commands ---- */

struct call {
    const char *organisation_id, *argument; /* the name, or the key's id */
    unsigned char key_hash[AUTH_HASH];
    char made_id[37];
    json_t *rows;
    const char *serve, *all; /* roles */
    int64_t version;
    bool erased;
    char sender[ORGANISATION_SENDER_SIZE];
};

static int complain(const char *what)
{
    fprintf(stderr, "ingest-api: %s\n", what);
    return 1;
}

static bool is_in_data_dir(const struct settings *settings)
{
    const char *file;
    return backend_of_store(settings->store_url, &file) == STORE_IS_SQLITE && !*file;
}

/* Run a work on the store, which may not exist yet. */
static int run(const struct settings *settings, enum store_mode mode, int (*work)(void *arg, struct db *db),
               struct call *call)
{
    struct store *store;
    if (is_in_data_dir(settings) && directory_make(settings->data_dir, 0750) < 0) {
        fprintf(stderr, "ingest-api: DATA_DIR %s cannot be created or written: %m\n", settings->data_dir);
        return DB_E_OTHER;
    }
    if (store_open(&store, settings) < 0)
        return DB_E_CONNECTION; /* the log says why */
    int rc = store_run(store, mode, work, call);
    store_close(store);
    if (rc == DB_E_NOT_FOUND)
        (void)complain(mode == STORE_MODE_WRITE && call->argument ? "no such organisation or key"
                                                                  : "no such organisation");
    else if (rc < 0 && rc != DB_E_INVALID)
        fprintf(stderr, "ingest-api: the store refused it: %s\n", db_error_name(rc));
    return rc;
}

/* Print a line; takes over the reference. @return the exit status. */
static int print(json_t *line)
{
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    json_decref(line);
    if (!text)
        return complain("out of memory");
    int rc = puts(text) >= 0 && fflush(stdout) == 0 ? 0 : 1;
    explicit_bzero(text, strlen(text)); /* it may contain a key */
    free(text);
    if (rc)
        fprintf(stderr, "ingest-api: the result cannot be written to standard output: %m\n");
    return rc;
}

static bool new_key(char key[AUTH_KEY_SIZE], struct call *call)
{
    if (auth_key_new(key) && auth_hash(key, AUTH_KEY_SIZE - 1, call->key_hash))
        return true;
    (void)complain("the system provides no random bytes for a key");
    return false;
}

/* ---- org create ---- */

static int create_organisation(void *arg, struct db *db)
{
    struct call *call = arg;
    return organisations_create(db, call->argument, call->key_hash, call->made_id);
}

int command_org_create(const struct settings *settings, const char *name)
{
    struct call call = {.argument = name};
    char key[AUTH_KEY_SIZE], key_id[KEY_ID + 1];
    if (!new_key(key, &call))
        return 1;
    int rc = run(settings, STORE_MODE_WRITE, create_organisation, &call);
    if (rc == DB_E_INVALID)
        fprintf(stderr, "ingest-api: an organisation's name has 1 to %d bytes of UTF-8\n", ORGANISATION_NAME_MAX);
    keys_id(call.key_hash, key_id);
    if (rc == DB_OK)
        rc = print(json_pack("{s:s, s:s, s:s, s:s}", "organisation_id", call.made_id, "name", name, "key_id", key_id,
                             "api_key", key));
    explicit_bzero(key, sizeof(key));
    return rc == 0 ? 0 : 1;
}

/* ---- migrate ---- */

static int read_version(struct db *db, int64_t *version)
{
    struct db_stmt *stmt = db_prepare(db, "SELECT max(version) FROM tracking.schema_migrations");
    int rc = db_step(stmt);
    if (rc == DB_ROW)
        *version = db_column_int(stmt, 0);
    db_done(stmt);
    return rc < 0 ? rc : DB_OK;
}

/* The schema is up to date: opening the store has migrated it. */
static int grant(void *arg, struct db *db)
{
    struct call *call = arg;
    int rc = call->serve ? db_role_grant(db, call->serve, false) : DB_OK;
    if (rc == DB_OK && call->all)
        rc = db_role_grant(db, call->all, true);
    if (rc != DB_OK)
        fprintf(stderr, "ingest-api: the rights cannot be granted to the roles: %s\n", db_error_text(db));
    return rc == DB_OK ? read_version(db, &call->version) : rc;
}

int command_migrate(const struct settings *settings, const char *serve, const char *all)
{
    struct call call = {.serve = serve, .all = all};
    if ((serve && !db_role_is_name(serve)) || (all && !db_role_is_name(all)))
        return complain("a role's name has 1 to 63 characters of a-z, 0-9 and _, and does not begin with a digit");
    int rc = run(settings, STORE_MODE_WRITE, grant, &call);
    return rc == DB_OK ? print(json_pack("{s:I}", "schema_version", (json_int_t)call.version)) : 1;
}

static int say_no_uuid(int rc)
{
    if (rc == DB_E_INVALID)
        (void)complain("the organisation's id is not a UUID");
    return rc;
}

/* ---- org sender ---- */

static int set_sender(void *arg, struct db *db)
{
    const struct call *call = arg;
    return organisations_set_sender(db, call->organisation_id, *call->argument ? call->argument : NULL);
}

static int read_sender(void *arg, struct db *db)
{
    struct call *call = arg;
    return organisations_sender(db, call->organisation_id, call->sender);
}

int command_org_sender(const struct settings *settings, const char *organisation_id, const char *sender)
{
    struct call call = {.organisation_id = organisation_id};
    struct mail_sender parsed;
    if (sender && *sender && (strlen(sender) >= sizeof(call.sender) || mail_sender_parse(&parsed, sender) < 0))
        return complain("the sender must be \"Name <local@domain>\" or \"local@domain\"");
    int rc = DB_OK;
    if (sender) {
        call.argument = sender;
        rc = say_no_uuid(run(settings, STORE_MODE_WRITE, set_sender, &call));
        call.argument = NULL;
    }
    if (rc == DB_OK)
        rc = say_no_uuid(run(settings, STORE_MODE_READ, read_sender, &call));
    if (rc != DB_OK)
        return 1;
    return print(
        json_pack("{s:s, s:s?}", "organisation_id", organisation_id, "mail_from", *call.sender ? call.sender : NULL));
}

/* ---- org delete ---- */

static void keep_email(void *arg, const char *email_id)
{
    (void)json_array_append_new(((struct call *)arg)->rows, json_string(email_id));
}

static int erase_slice(void *arg, struct db *db)
{
    struct call *call = arg;
    (void)json_array_clear(call->rows);
    int rc = erase_organisation(db, call->organisation_id, keep_email, call);
    call->erased = rc == ERASED;
    return rc == ERASED ? DB_OK : rc;
}

int command_org_delete(const struct settings *settings, const char *organisation_id)
{
    struct call call = {.organisation_id = organisation_id, .rows = json_array()};
    int rc = call.rows ? DB_OK : DB_E_OTHER;
    while (rc == DB_OK && !call.erased) {
        rc = say_no_uuid(run(settings, STORE_MODE_WRITE, erase_slice, &call));
        for (size_t i = 0; rc == DB_OK && i < json_array_size(call.rows); i++)
            mail_file_forget(settings, json_string_value(json_array_get(call.rows, i)));
    }
    json_decref(call.rows);
    return rc == DB_OK ? print(json_pack("{s:s, s:b}", "organisation_id", organisation_id, "deleted", 1)) : 1;
}

/* ---- key create | list | revoke ---- */

static int add_key(void *arg, struct db *db)
{
    struct call *call = arg;
    return keys_add(db, call->organisation_id, call->key_hash, clock_wall_ms());
}

int command_key_create(const struct settings *settings, const char *organisation_id)
{
    struct call call = {.organisation_id = organisation_id};
    char key[AUTH_KEY_SIZE], key_id[KEY_ID + 1];
    if (!new_key(key, &call))
        return 1;
    int rc = say_no_uuid(run(settings, STORE_MODE_WRITE, add_key, &call));
    keys_id(call.key_hash, key_id);
    if (rc == DB_OK)
        rc = print(json_pack("{s:s, s:s, s:s}", "organisation_id", organisation_id, "key_id", key_id, "api_key", key));
    explicit_bzero(key, sizeof(key));
    return rc == 0 ? 0 : 1;
}

static void add_row(void *arg, const char *id, int64_t created_ms, int64_t revoked_ms)
{
    (void)json_array_append_new(arg, json_pack("{s:s, s:o, s:o}", "key_id", id, "created_at", answer_time(created_ms),
                                               "revoked_at", answer_time(revoked_ms)));
}

static int list_keys(void *arg, struct db *db)
{
    struct call *call = arg;
    return keys_list(db, call->organisation_id, add_row, call->rows);
}

int command_key_list(const struct settings *settings, const char *organisation_id)
{
    struct call call = {.organisation_id = organisation_id, .rows = json_array()};
    int rc = say_no_uuid(run(settings, STORE_MODE_READ, list_keys, &call));
    for (size_t i = 0; rc == DB_OK && i < json_array_size(call.rows); i++)
        rc = print(json_incref(json_array_get(call.rows, i)));
    json_decref(call.rows);
    return rc == 0 ? 0 : 1;
}

static int revoke_key(void *arg, struct db *db)
{
    struct call *call = arg;
    return keys_revoke(db, call->organisation_id, call->argument, clock_wall_ms());
}

int command_key_revoke(const struct settings *settings, const char *organisation_id, const char *key_id)
{
    const struct timespec cached = {.tv_sec = AUTH_KNOWN_NS / 1000000000, .tv_nsec = 50000000};
    struct call call = {.organisation_id = organisation_id, .argument = key_id};
    int rc = run(settings, STORE_MODE_WRITE, revoke_key, &call);
    if (rc == DB_E_INVALID)
        fprintf(stderr,
                "ingest-api: the organisation's id is not a UUID, or the key's id is not %d hexadecimal digits\n",
                KEY_ID);
    if (rc != DB_OK)
        return 1;
    /* wait until the servers' cached answers have expired: after this no server accepts the key */
    while (nanosleep(&cached, NULL) < 0 && errno == EINTR)
        continue;
    return print(json_pack("{s:s, s:s, s:b}", "organisation_id", organisation_id, "key_id", key_id, "revoked", 1));
}
