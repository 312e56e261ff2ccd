/* SPDX-License-Identifier: Apache-2.0 */
/* A scrape that is part of an exposition of several registries. */
#ifndef PROMC_EXPOSE_SCRAPE_H
#define PROMC_EXPOSE_SCRAPE_H

#include <promc/scrape.h>

/*
 * For a scrape that has just begun: leave out promc's own metrics, and families whose name one of the `earlier` registries has, and
 * write the exposition's end only if it is the `last`. The array must last as long as the scrape.
 */
void promc_scrape_is_part(promc_scrape *scrape, promc_registry *const *earlier, size_t count, bool last);
/* The name of a family in both, not one of promc's own; NULL: there is none. */
const char *promc_scrape_common_family(promc_registry *one, promc_registry *other);

#endif
