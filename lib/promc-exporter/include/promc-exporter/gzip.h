/* SPDX-License-Identifier: Apache-2.0 */
/** @file promc-exporter/gzip.h gzip (RFC 1952) for the exposition of your own server: promc_exposition_settings.compressor. */
#ifndef PROMC_EXPORTER_GZIP_H
#define PROMC_EXPORTER_GZIP_H

#include <promc/exposition.h>

#ifdef __cplusplus
extern "C" {
#endif

/** zlib at its fastest level, about 270 kB for each scrape in flight. A constant; thread safe. */
PROMC_API const promc_compressor *promc_exporter_gzip(void);

#ifdef __cplusplus
}
#endif
#endif
