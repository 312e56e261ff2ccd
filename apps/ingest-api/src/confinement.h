/* SPDX-License-Identifier: Apache-2.0 */
/** @file confinement.h Confines the server (base/confine.h) to the folders that its settings need. */
#ifndef INGEST_CONFINEMENT_H
#define INGEST_CONFINEMENT_H

struct settings;

/**
 * Call it before the first thread is started and after DATA_DIR is created. With CONFINE=0, or if the kernel does not
 * support it, it only writes a line to the log.
 * @return 0, or -1 after a line in the log.
 */
int confinement_begin(const struct settings *settings);

#endif
