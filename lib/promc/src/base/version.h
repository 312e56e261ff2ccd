/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/version.h Structs that grow while programs compiled before go on: see promc/version.h. */
#ifndef PROMC_BASE_VERSION_H
#define PROMC_BASE_VERSION_H

#include <promc/version.h>

/** Bytes up to and with a member: what the first release had of a struct, and so the least that a program may have. */
#define PROMC_BYTES_TO(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))

/**
 * Give a caller as much of a struct as it knows.
 * @param size of the caller's. @param known of ours, `filled`. @param least of the first release's.
 * @return 0; PROMC_E_VERSION, *out zeroed, when the caller's is larger; PROMC_E_INVALID when it is smaller than the first one.
 */
int promc_hand_out(const char *type, void *out, size_t size, const void *filled, size_t known, size_t least);

#endif
