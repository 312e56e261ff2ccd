/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of a family: its struct promc_family_data, its names and texts, its type's data. It is one piece of metadata, so that it
 * can be reused as a whole after the family has been destroyed. All with the lock held.
 */
#ifndef PROMC_SERIES_RECORD_H
#define PROMC_SERIES_RECORD_H

#include "series/family.h"

/* The caller makes sure that nobody uses it any more. */
void promc_record_free(struct promc_arena *arena, struct promc_family_data *data);
/* Let `make` allocate a record: in a free one with enough room, else in new metadata. NULL: the arena is full. */
struct promc_family_data *promc_record_make(struct promc_arena *arena, struct promc_family_data *(*make)(void *user),
                                            void *user);

#endif
