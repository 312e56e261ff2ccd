/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/owner.h The identity of a process that leases jobs. */
#ifndef INGEST_BASE_OWNER_H
#define INGEST_BASE_OWNER_H

#include <stdbool.h>

#define OWNER_SIZE 64
/** Database sessions have this name and their process' owner_self(), cut to 63 characters. */
#define OWNER_SESSION "ingest-api "

/** Machine (since its boot), pid namespace, pid and start time of this process, as text. */
void owner_self(char out[OWNER_SIZE]);
/** Of this machine and pid namespace. Nothing is known here about others. */
bool owner_is_here(const char *owner);
/** It is here and certainly gone. */
bool owner_is_dead(const char *owner);

#endif
