/* SPDX-License-Identifier: Apache-2.0 */
/* Error reports, by outcome. */
#include "metrics/internal.h"

void metrics_error_report(enum report_outcome outcome)
{
    if ((unsigned)outcome < report_outcome_count)
        promc_counter_inc(ingest.error_reports[outcome]);
}
