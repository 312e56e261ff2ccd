/* SPDX-License-Identifier: Apache-2.0 */
/** @file import/address.h E-mail addresses as people paste them. Thread safe. */
#ifndef INGEST_IMPORT_ADDRESS_H
#define INGEST_IMPORT_ADDRESS_H

#include "base/arena.h"
#include "db/db.h"

/** A cell with an address, a name and what programs add is never longer (bytes). */
#define ADDRESS_PASTED_MAX 1024

/**
 * Extract the bare address from `Ada <ada@example.com>`, `<ada@example.com>` or `mailto:ada@example.com`. Quotes,
 * comments, blanks and zero-width characters are removed, and a comma, semicolon or full stop at the end. Of several
 * addresses in one cell of Google Contacts (`a ::: b`) it takes the first. An international domain becomes its A-label.
 * Other text stays as it is.
 * @param text valid UTF-8, trimmed; changed text is in the arena.
 * @return false without memory.
 */
bool address_unwrap(struct db_text *text, struct arena *arena);

#endif
