/* SPDX-License-Identifier: Apache-2.0 */
#include "data/secrets.h"

#include "base/hex.h"

#include <string.h>
#include <sys/random.h>

int secrets_get(struct db *db, const char *name, unsigned char secret[SECRET_BYTES])
{
    unsigned char made[SECRET_BYTES];
    char text[2 * SECRET_BYTES + 1];
    if (getentropy(made, sizeof(made)) != 0)
        return DB_E_OTHER;
    hex_format(made, sizeof(made), text);
    int rc = db_exec(db, "INSERT INTO iam.secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", "ss",
                     name, text);
    explicit_bzero(text, sizeof(text));
    explicit_bzero(made, sizeof(made));
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT value FROM iam.secrets WHERE name = $1");
    db_bind_str(stmt, 1, name);
    rc = db_step(stmt);
    bool good = rc == DB_ROW && hex_parse(db_column_text(stmt, 0), secret, SECRET_BYTES);
    db_done(stmt);
    return good ? DB_OK : rc < 0 ? rc : DB_E_OTHER;
}
