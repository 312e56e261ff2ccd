/* SPDX-License-Identifier: Apache-2.0 */
/** @file why.h `ingest-api why`: prints what the service waits for, and since when. */
#ifndef INGEST_WHY_H
#define INGEST_WHY_H

#include <stdbool.h>

struct settings;

/**
 * Asks the server that runs with the same settings; if it does not answer, looks from outside as far as
 * possible. Prints one line per cause, or the JSON array of /health. @return 0: nothing waits; 1: something
 * waits, or the server does not answer.
 */
int command_why(const struct settings *settings, bool json);

#endif
