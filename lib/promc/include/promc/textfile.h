/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/textfile.h
 * For programs that are not scraped (cron jobs, batches): a file for node_exporter's textfile collector.
 */
#ifndef PROMC_TEXTFILE_H
#define PROMC_TEXTFILE_H

#include <promc/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Write the registry in text 0.0.4 to `path`, without promc's own metrics and those of the ready-made collectors: node_exporter reads the
 * files of all jobs together, and refuses a metric that is in two of them. node_exporter requires that `path` ends in `.prom`. A reader sees the old file or the new one,
 * never a part: a temporary file in the same directory is written, synced to disk and renamed. Mode 0644 less the umask's bits.
 * @return 0, PROMC_E_IO (errno has the reason; the old file is untouched and the temporary one gone), PROMC_E_NOMEM, PROMC_E_BUSY,
 *         PROMC_E_INVALID (NULL, or a path of more than 4000 bytes).
 * Blocks on the disk. Thread safe; of two concurrent calls the last one to finish wins. A cancelled thread leaves no temporary file and no
 * descriptor: it ends in a collector, before the file exists, or after the file is complete.
 */
PROMC_API int promc_textfile_write(promc_registry *registry, const char *path);
/** The same with all metrics: for the only job of its machine, or for a registry with its own constant labels. */
PROMC_API int promc_textfile_write_all(promc_registry *registry, const char *path);

#ifdef __cplusplus
}
#endif
#endif
