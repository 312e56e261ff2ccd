/* SPDX-License-Identifier: Apache-2.0 */
/** @file promc/export.h Symbol visibility and the few compiler attributes promc uses. */
#ifndef PROMC_EXPORT_H
#define PROMC_EXPORT_H

#if defined(__GNUC__)
#define PROMC_API __attribute__((visibility("default")))
#define PROMC_LIKELY(x) __builtin_expect(!!(x), 1)
#define PROMC_UNLIKELY(x) __builtin_expect(!!(x), 0)
#else
#error "promc needs gcc or clang"
#endif

#endif
