/* SPDX-License-Identifier: Apache-2.0 */
/** @file dump.h `promc dump`: the last values of a program that is dead or hung, from its shared arena. */
#ifndef PROMC_TOOLS_DUMP_H
#define PROMC_TOOLS_DUMP_H

#include <promc/scrape.h>

struct dump_options {
    const char *path; /**< the arena */
    enum promc_format format;
    const char *const *names; /**< only these families, name_count of them; NULL: all */
    size_t name_count;
};

/** Write the exposition to standard output, faults to standard error. Only reads the file. @return the exit status. */
int dump(const struct dump_options *options);

#endif
