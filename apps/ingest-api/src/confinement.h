/* SPDX-License-Identifier: Apache-2.0 */
/** @file confinement.h What a server with these settings may write to, and everything that it gives up (base/confine.h). */
#ifndef INGEST_CONFINEMENT_H
#define INGEST_CONFINEMENT_H

struct settings;

/**
 * Before the first thread, after DATA_DIR was created. With CONFINE=0, or if the kernel does not support it, only a line in the log.
 *  @return 0, or -1 after a line in the log.
 */
int confinement_begin(const struct settings *settings);

#endif
