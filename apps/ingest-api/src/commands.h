/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file commands.h
 * The administration commands. Results go to standard output, one JSON object per line; logs and errors go to standard
 * error. Each may run beside running servers, or before the first one. Each returns the exit status.
 */
#ifndef INGEST_COMMANDS_H
#define INGEST_COMMANDS_H

struct settings;

/** `org create NAME`: prints organisation_id, name, key_id and api_key. The key is never shown again. */
int command_org_create(const struct settings *settings, const char *name);

/**
 * `migrate [--serve=ROLE] [--all=ROLE]`: updates the store's schema, as its owner, and grants PostgreSQL's roles what
 * they need (db/roles.h; NULL: no such role). Prints schema_version.
 */
int command_migrate(const struct settings *settings, const char *serve, const char *all);
/** `org sender ORGANISATION [SENDER]`: sets the sender of its e-mails ("": MAIL_FROM). Prints mail_from (or null). */
int command_org_sender(const struct settings *settings, const char *organisation_id, const char *sender);

/** `org delete ORGANISATION`: erases it with all its data, in slices. When it returns 0, nothing is left. */
int command_org_delete(const struct settings *settings, const char *organisation_id);

/** `key create ORGANISATION`: adds a key. Prints organisation_id, key_id and api_key. */
int command_key_create(const struct settings *settings, const char *organisation_id);
/** `key list ORGANISATION`: prints key_id, created_at and revoked_at (null: live) of each key, oldest first. */
int command_key_list(const struct settings *settings, const char *organisation_id);
/** `key revoke ORGANISATION KEY_ID`: when it returns 0, no server of this store accepts the key any more. */
int command_key_revoke(const struct settings *settings, const char *organisation_id, const char *key_id);

#endif
