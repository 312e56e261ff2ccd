/* SPDX-License-Identifier: Apache-2.0 */
#include "base/version.h"

#include "base/error.h"

#include <string.h>

int promc_version(void)
{
    return PROMC_VERSION;
}

const char *promc_version_string(void)
{
    return PROMC_VERSION_STRING;
}

int promc_reserved_check(const char *type, const uint64_t *reserved, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (reserved[i] != 0)
            return promc_fail(
                PROMC_E_VERSION,
                "%s: reserved word %zu is not zero: the struct was not zeroed, or the program was compiled for a "
                "newer promc than this " PROMC_VERSION_STRING,
                type, i);
    }
    return 0;
}

int promc_hand_out(const char *type, void *out, size_t size, const void *filled, size_t known, size_t least)
{
    if (size < least)
        return promc_fail(PROMC_E_INVALID, "%s: the size is %zu bytes, must be at least %zu", type, size, least);
    if (size > known) {
        memset(out, 0, size);
        return promc_fail(PROMC_E_VERSION,
                          "%s: %zu bytes, only %zu are known here: the program was compiled for a newer promc "
                          "than this " PROMC_VERSION_STRING,
                          type, size, known);
    }
    memcpy(out, filled, size);
    return 0;
}
