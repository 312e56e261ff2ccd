/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data that the live view shows for the time before it was opened: a full exposition every few seconds, in limited memory. Used only by
 * the server's thread.
 */
#ifndef PROMC_EXPORTER_HISTORY_H
#define PROMC_EXPORTER_HISTORY_H

#include <promc/promc.h>

/* Maximum bytes of all stored expositions together, and of one. */
#define PROMC_HISTORY_BYTES (2u << 20)
#define PROMC_HISTORY_ONE (PROMC_HISTORY_BYTES / 4)
/* The shortest interval. */
#define PROMC_HISTORY_STEP_S 5

struct promc_history;

/* Records nothing before promc_history_start(). NULL: no memory. */
struct promc_history *promc_history_create(promc_registry *registry, unsigned seconds, const promc_compressor *gzip);
/* NULL is allowed. */
void promc_history_destroy(struct promc_history *history);
/* Start recording. Does nothing if it is running, or for NULL. */
void promc_history_start(struct promc_history *history);
/* Record an exposition if the interval has passed. O(registry), at most PROMC_HISTORY_ONE bytes of it. */
void promc_history_run(struct promc_history *history, uint64_t now);
/*
 * All stored expositions, oldest first, as a body that the caller frees: a line of JSON, `{"program", "gzip", "step", "seconds"}`, then for each
 * exposition its age in ms, its length in bytes (32 bits each, little-endian), and the exposition. NULL: no memory.
 */
char *promc_history_body(const struct promc_history *history, uint64_t now, size_t *length);

#endif
