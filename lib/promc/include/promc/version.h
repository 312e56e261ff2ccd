/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/version.h
 * Which promc a program was compiled with, and which one it runs with. They may differ, because the shared library is updated without the
 * programs. As long as the soname (libpromc.so.1) is the same, they work together:
 *
 *  - **Structs that you fill** (`…_settings`, statements, tables) end in reserved words, which must be zero: write
 *    `&(promc_family_settings){.name = "jobs_total"}`, or start from `{0}`. A later promc gives a word a name and a meaning, but 0 keeps
 *    the old behaviour. If a program sets a word that the library does not know, the call does nothing and returns PROMC_E_VERSION with a
 *    detail that names the struct. The request is never silently ignored.
 *  - **Structs that you receive** (promc_registry_stats, promc_family_description) are passed with their size,
 *    `promc_registry_get_stats(registry, &stats, sizeof stats)`. A later promc appends members, and fills only as many as an older program
 *    has room for. A program that is newer than the library gets PROMC_E_VERSION, and its struct is zeroed.
 *  - **Structs in your memory that the library uses** (a request's token, a query) have spare room for the library.
 *  - **Values** (handles, promc_label, promc_str, an SQL token) never change.
 *
 * The same holds for the libraries around promc (promc-http, promc-sql …), which share its version.
 */
#ifndef PROMC_VERSION_H
#define PROMC_VERSION_H

#include <promc/error.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PROMC_VERSION_MAJOR 1
#define PROMC_VERSION_MINOR 0
#define PROMC_VERSION_PATCH 0

/** Version of these headers, as a number for the preprocessor: 1.2.3 is 10203. */
#define PROMC_VERSION (PROMC_VERSION_MAJOR * 10000 + PROMC_VERSION_MINOR * 100 + PROMC_VERSION_PATCH)
/** The same as text, "1.2.3". */
#define PROMC_VERSION_STRING                \
    PROMC_VERSION_TEXT(PROMC_VERSION_MAJOR) \
    "." PROMC_VERSION_TEXT(PROMC_VERSION_MINOR) "." PROMC_VERSION_TEXT(PROMC_VERSION_PATCH)
#define PROMC_VERSION_TEXT(number) PROMC_VERSION_TEXT_OF(number)
#define PROMC_VERSION_TEXT_OF(number) #number

/** PROMC_VERSION of the library that the program runs with. Thread safe. O(1). */
PROMC_API int promc_version(void);
/** The same as text. Static. */
PROMC_API const char *promc_version_string(void);

/**
 * For libraries around promc, whose settings end in reserved words too: checks that all of them are zero.
 * @param type the struct's name, for the detail.
 * @return 0 or PROMC_E_VERSION. Thread safe. O(count).
 */
PROMC_API int promc_reserved_check(const char *type, const uint64_t *reserved, size_t count);
/** The same: `rc = PROMC_RESERVED_CHECK(promc_sql_settings, settings)`. */
#define PROMC_RESERVED_CHECK(type, settings) \
    promc_reserved_check(#type, (settings)->reserved, sizeof((settings)->reserved) / sizeof((settings)->reserved[0]))

#ifdef __cplusplus
}
#endif
#endif
