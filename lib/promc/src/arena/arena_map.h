/* SPDX-License-Identifier: Apache-2.0 */
/* Where the arena's memory comes from: private pages, or a file that processes share. */
#ifndef PROMC_ARENA_ARENA_MAP_H
#define PROMC_ARENA_ARENA_MAP_H

#include "arena/arena.h"

/*
 * Map a new private arena, or create, or join, the file `settings->shared_path`. Settings are complete (no zero fields).
 * *fresh tells whether the header must be filled by the caller's registry (nobody else uses the arena yet; for a
 * file: its lock is held exclusively until promc_arena_publish()).
 * Errors: PROMC_E_INVALID, PROMC_E_NOMEM, PROMC_E_IO, PROMC_E_FORMAT.
 */
int promc_arena_open(struct promc_arena *arena, const promc_registry_settings *settings, bool *fresh);
/* Map an existing file for reading only, dead or alive its writers. */
int promc_arena_open_readonly(struct promc_arena *arena, const char *path);
/* The header is complete: let other processes in. */
int promc_arena_publish(struct promc_arena *arena);
void promc_arena_close(struct promc_arena *arena);

#endif
