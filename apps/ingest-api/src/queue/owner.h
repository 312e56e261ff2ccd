/* SPDX-License-Identifier: Apache-2.0 */
/** @file queue/owner.h The identity of a process that leases jobs. */
#ifndef INGEST_QUEUE_OWNER_H
#define INGEST_QUEUE_OWNER_H

#include <stdbool.h>

#define OWNER_SIZE 64

/** Machine (since its boot), pid namespace, pid and start time of this process, as text. */
void owner_self(char out[OWNER_SIZE]);
/** Certainly gone. false for a process of another machine or pid namespace: nothing is known of that. */
bool owner_is_dead(const char *owner);

#endif
