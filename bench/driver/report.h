/* SPDX-License-Identifier: Apache-2.0 */
/** @file report.h The table on the screen and bench.json. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

/** Print the table: promc, limit, peers, ratios, and for each row whether issue 3's target is met. */
void report_table(void);
/** Write bench.json. @return 0, or -1 with errno set. */
int report_json(const char *path);

#endif
