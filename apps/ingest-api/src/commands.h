/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file commands.h
 * What the program does besides serving. Results go to standard output, a JSON object a line; logs and complaints to
 * standard error. Each may run beside running servers, or before the first; each returns the exit status.
 */
#ifndef INGEST_COMMANDS_H
#define INGEST_COMMANDS_H

struct settings;

/** `org create NAME`: prints organisation_id, name, key_id and api_key. The key is shown here and nowhere else. */
int command_org_create(const struct settings *settings, const char *name);

/** `key create ORGANISATION`: one more key for it: prints organisation_id, key_id and api_key. */
int command_key_create(const struct settings *settings, const char *organisation_id);
/** `key list ORGANISATION`: key_id, created_at and revoked_at (null: live) of each, the oldest first. */
int command_key_list(const struct settings *settings, const char *organisation_id);
/** `key revoke ORGANISATION KEY_ID`: when it returns 0, no server of this store accepts the key any longer. */
int command_key_revoke(const struct settings *settings, const char *organisation_id, const char *key_id);

#endif
