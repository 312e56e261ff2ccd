/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/version.h Structs that grow while older programs keep working: see promc/version.h. */
#ifndef PROMC_BASE_VERSION_H
#define PROMC_BASE_VERSION_H

#include <promc/version.h>

/** Size up to and including a member: the size of a struct in the first release, and so the minimum of any program. */
#define PROMC_BYTES_TO(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))

/**
 * Copy as much of a struct as the caller knows.
 * @param size size of the caller's struct. @param known size of ours, `filled`. @param least size in the first release.
 * @return 0; PROMC_E_VERSION, *out zeroed, if the caller's is larger; PROMC_E_INVALID if it is smaller than the first release's.
 */
int promc_hand_out(const char *type, void *out, size_t size, const void *filled, size_t known, size_t least);

#endif
