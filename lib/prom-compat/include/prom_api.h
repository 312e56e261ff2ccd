/* SPDX-License-Identifier: Apache-2.0 */
/** @file prom_api.h Included by every header of libprom. */
#ifndef PROM_API_H
#define PROM_API_H

#include <stddef.h>

#define PROM_API __attribute__((visibility("default")))
#ifdef __cplusplus
#define PROM_BEGIN extern "C" {
#define PROM_END }
#else
#define PROM_BEGIN
#define PROM_END
#endif

#endif
