/* SPDX-License-Identifier: Apache-2.0 */
/* The source of the arena's memory: private pages, a file that processes share (arena_file.h), or memory of the host. */
#ifndef PROMC_ARENA_ARENA_MAP_H
#define PROMC_ARENA_ARENA_MAP_H

#include "arena/arena.h"

/*
 * Map a new private arena, or create or join the file `settings->shared_path` or the memory `settings->memory`. Settings are complete (no
 * zero fields).
 * *fresh: the caller's registry must fill the header (no other process uses the arena yet; a file stays locked exclusively until
 * promc_arena_publish()).
 * Errors: PROMC_E_INVALID, PROMC_E_NOMEM, PROMC_E_IO, PROMC_E_FORMAT, PROMC_E_BUSY.
 */
int promc_arena_open(struct promc_arena *arena, const promc_registry_settings *settings, bool *fresh);
/* The header is complete: let other processes in. */
int promc_arena_publish(struct promc_arena *arena);
void promc_arena_close(struct promc_arena *arena);

#endif
