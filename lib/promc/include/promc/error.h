/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/error.h
 * Error codes. Every fallible function of promc returns 0 or one of these
 * negative codes; none prints, exits or aborts.
 *
 * The code is the kind of error; promc_error_detail() says which
 * metric, label or byte caused it, in one line of English.
 */
#ifndef PROMC_ERROR_H
#define PROMC_ERROR_H

#include <promc/export.h>

#ifdef __cplusplus
extern "C" {
#endif

enum promc_error {
    PROMC_OK = 0,
    PROMC_E_NOMEM = -1,       /**< the process has no memory, or the address range was refused */
    PROMC_E_FULL = -2,        /**< the arena's budget is used up */
    PROMC_E_INVALID = -3,     /**< an argument is outside its documented range */
    PROMC_E_NAME = -4,        /**< a metric name breaks the exposition formats' grammar */
    PROMC_E_LABEL_NAME = -5,  /**< a label name breaks the grammar, is reserved or repeated */
    PROMC_E_LABEL_COUNT = -6, /**< too many labels, or values that do not match the declared labels */
    PROMC_E_LABEL_VALUE = -7, /**< a label value is missing, too long or not UTF-8 */
    PROMC_E_DUPLICATE = -8,   /**< another definition has this family name */
    PROMC_E_RESERVED = -9,    /**< the name's suffix is reserved, or its samples clash with another family's */
    PROMC_E_TYPE = -10,       /**< the family is of another type */
    PROMC_E_BUCKETS = -11,    /**< bucket bounds are not finite, strictly ascending, or too many */
    PROMC_E_UNIT = -12,       /**< the unit is not the suffix of the name */
    PROMC_E_NOT_FOUND = -13,  /**< no such series or family */
    PROMC_E_FORMAT = -14,     /**< the arena or file belongs to another version of promc */
    PROMC_E_IO = -15,         /**< the system refused; errno has the reason */
    PROMC_E_BUSY = -16,       /**< too many at once (scrapes in flight, registries) */
    PROMC_E_TIMEOUT = -17,    /**< the deadline has passed */
    PROMC_E_VERSION = -18     /**< the program was compiled for a newer promc than this one: see version.h */
};

/** Name of a code, e.g. "duplicate metric name". Never NULL. Thread safe. O(1). */
PROMC_API const char *promc_strerror(int code);

/**
 * Details of the last failed promc call in this thread, e.g.
 * `metric "http requests": byte 4 (0x20) is not allowed in a name`.
 * @return a string owned by promc, valid until the thread's next failing call; "" if none failed.
 */
PROMC_API const char *promc_error_detail(void);

/**
 * Set what promc_error_detail() returns. For libraries around promc, so that a program finds all details in one place.
 * At most 239 bytes; control characters become `?`. errno is kept.
 * @return code, so that you can write `return promc_error_set(PROMC_E_IO, "…", …);`.
 */
PROMC_API int promc_error_set(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif
#endif
