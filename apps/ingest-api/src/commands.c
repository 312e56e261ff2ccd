/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include "middlewares/auth.h"
#include "store/organisations.h"
#include "store/store.h"
#include "utils/log.h"

#include <openssl/crypto.h>
#include <stdio.h>

struct creation {
    const char *name;
    unsigned char key_hash[AUTH_HASH];
    char id[37];
};

static int create(void *arg, struct db *db)
{
    struct creation *creation = arg;
    return organisations_create(db, creation->name, creation->key_hash, creation->id);
}

static int print(const struct creation *creation, const char *key)
{
    char line[4096];
    struct text text;
    text_init(&text, line, sizeof(line));
    text_add(&text, "{\"organisation_id\":\"");
    text_add(&text, creation->id);
    text_add(&text, "\",\"name\":");
    text_add_json(&text, creation->name, strlen(creation->name), ORGANISATION_NAME_MAX);
    text_add(&text, ",\"api_key\":\"");
    text_add(&text, key);
    text_add(&text, "\"}\n");
    int rc = fwrite(line, 1, text.length, stdout) == text.length && fflush(stdout) == 0 ? 0 : 1;
    OPENSSL_cleanse(line, sizeof(line));
    if (rc)
        fprintf(stderr, "ingest-api: the key cannot be written to standard output: %m\n");
    return rc;
}

int command_org_create(const struct settings *settings, const char *name)
{
    struct creation creation = {.name = name};
    struct store *store;
    char key[AUTH_KEY_SIZE];
    if (!auth_key_new(key) || !auth_hash(key, AUTH_KEY_SIZE - 1, creation.key_hash)) {
        fprintf(stderr, "ingest-api: the system gives no random bytes for a key\n");
        return 1;
    }
    if (store_open(&store, settings) < 0)
        return 1;
    int rc = store_run(store, STORE_MODE_WRITE, create, &creation);
    store_close(store);
    if (rc == DB_E_INVALID)
        fprintf(stderr, "ingest-api: an organisation's name has 1 to %d bytes of UTF-8\n", ORGANISATION_NAME_MAX);
    else if (rc < 0)
        fprintf(stderr, "ingest-api: the organisation was not created: %s\n", db_error_name(rc));
    else
        rc = print(&creation, key);
    OPENSSL_cleanse(key, sizeof(key));
    return rc == 0 ? 0 : 1;
}
