/* SPDX-License-Identifier: Apache-2.0 */
/** @file import/dialect.h Detecting the delimiter of a sheet and the line of its header. */
#ifndef INGEST_IMPORT_DIALECT_H
#define INGEST_IMPORT_DIALECT_H

#include "import/csv.h"

/**
 * Before the first row: set the delimiter and go to the header row. A first line `sep=;` decides. Otherwise try comma,
 * semicolon, TAB and '|': the right one gives a row with a column for the address. That is the first row, or the first
 * one after lines of one cell (LinkedIn exports begin with notes). `plain` is set if the header can be read only with
 * quotes as plain text; it applies to the header only.
 */
void dialect_find(struct csv *csv);
/** The delimiter's name in messages: "," "TAB" … */
const char *dialect_name(char delimiter, char buffer[2]);

#endif
