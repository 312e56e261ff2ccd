/* SPDX-License-Identifier: Apache-2.0 */
/* An arena in a file that processes share. */
#ifndef PROMC_ARENA_ARENA_FILE_H
#define PROMC_ARENA_ARENA_FILE_H

#include "arena/arena_layout.h"

/* Create or join `settings->shared_path`: as promc_arena_open(). */
int promc_arena_open_file(struct promc_arena *arena, const promc_registry_settings *settings,
                          const struct promc_layout *layout, bool *fresh);
/* Map an existing file read-only, whether its writers live or not. */
int promc_arena_open_readonly(struct promc_arena *arena, const char *path);
/* Turn the maker's exclusive lock into a shared one. */
int promc_arena_share_file(const struct promc_arena *arena);

#endif
