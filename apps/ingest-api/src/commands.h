/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file commands.h
 * The commands besides serving. Results go to standard output, one JSON object per line; logs and errors to
 * standard error. Each may run beside running servers, or before the first; each returns the exit status.
 */
#ifndef INGEST_COMMANDS_H
#define INGEST_COMMANDS_H

struct settings;

/** `org create NAME`: prints organisation_id, name, key_id and api_key. The key is shown here and nowhere else. */
int command_org_create(const struct settings *settings, const char *name);

/**
 * `migrate [--serve=ROLE] [--all=ROLE]`: update the store's schema, as its owner, and grant PostgreSQL's roles what they
 * need (db/roles.h); NULL: none. Prints schema_version.
 */
int command_migrate(const struct settings *settings, const char *serve, const char *all);
/** `org sender ORGANISATION [SENDER]`: the sender of its e-mails from now on, "" for MAIL_FROM; prints mail_from (null: MAIL_FROM). */
int command_org_sender(const struct settings *settings, const char *organisation_id, const char *sender);

/** `org delete ORGANISATION`: erases it with all its data, in slices; when it returns 0 nothing is left. */
int command_org_delete(const struct settings *settings, const char *organisation_id);

/** `key create ORGANISATION`: one more key for it: prints organisation_id, key_id and api_key. */
int command_key_create(const struct settings *settings, const char *organisation_id);
/** `key list ORGANISATION`: key_id, created_at and revoked_at (null: live) of each, the oldest first. */
int command_key_list(const struct settings *settings, const char *organisation_id);
/** `key revoke ORGANISATION KEY_ID`: when it returns 0, no server of this store accepts the key any longer. */
int command_key_revoke(const struct settings *settings, const char *organisation_id, const char *key_id);

#endif
