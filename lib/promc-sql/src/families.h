/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the families of queries and of the pool. */
#ifndef PROMC_SQL_FAMILIES_H
#define PROMC_SQL_FAMILIES_H

#define PREFIX_MAX 40 /* bytes of the families' prefix, NUL included */

/* Seconds: from a lookup by key to a slow report. */
#define DURATION_BUCKETS 13
static const double duration_buckets[DURATION_BUCKETS] = {.001, .0025, .005, .01, .025, .05, .1,
                                                          .25,  .5,    1,    2.5, 5,    10};

#endif
