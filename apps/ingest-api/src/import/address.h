/* SPDX-License-Identifier: Apache-2.0 */
/** @file import/address.h E-mail addresses as people paste them. Thread safe. */
#ifndef INGEST_IMPORT_ADDRESS_H
#define INGEST_IMPORT_ADDRESS_H

#include "base/arena.h"
#include "db/db.h"

/** Longer (in bytes) than any cell with one address, a name, and the decoration that programs add. */
#define ADDRESS_PASTED_MAX 1024

/**
 * Extract a bare address from `Ada <ada@example.com>`, `<ada@example.com>`, `mailto:ada@example.com`, from one in quotes or with a comment,
 * with blanks or zero-width characters in it, or a comma, semicolon or full stop after it; from several that Google Contacts
 * puts into one cell (`a ::: b`) the first. An international domain becomes its A-label. Anything else stays as it is.
 * @param text valid UTF-8, trimmed; changed text is in the arena.
 * @return false without memory.
 */
bool address_unwrap(struct db_text *text, struct arena *arena);

#endif
