/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/owner.h The identity of a process that leases jobs, and whether that process is dead. */
#ifndef INGEST_BASE_OWNER_H
#define INGEST_BASE_OWNER_H

#include <stdbool.h>

#define OWNER_SIZE 64
/** A database session has this name and its process's owner_self(), cut to 63 characters. */
#define OWNER_SESSION "ingest-api "

/** This process as text: boot id of the machine, pid namespace, pid, start time. */
void owner_self(char out[OWNER_SIZE]);
/** Is it a process of this machine and pid namespace? Only of those can owner_is_dead() tell anything. */
bool owner_is_here(const char *owner);
/** Is it of this machine and certainly dead? */
bool owner_is_dead(const char *owner);

#endif
