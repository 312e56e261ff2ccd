/* SPDX-License-Identifier: Apache-2.0 */
/* All metrics in one table: registered by one call, found by index, printed as a reference with --reference. */
#include <promc-exporter/exporter.h>
#include <promc/table.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RESULTS(VALUE) VALUE(RESULT_OK, "ok") VALUE(RESULT_FAILED, "failed")
PROMC_LABEL(result, "result", RESULTS);

static const double seconds[] = {.001, .01, .1, 1};

#define MILL_METRICS(METRIC, LABEL, OPEN)                                                       \
    METRIC(COUNTER, sacks, "mill_sacks_total", "Sacks ground.", LABEL(result), PROMC_PLAIN)     \
    METRIC(HISTOGRAM, grinding, "mill_grinding_seconds", "Time a sack takes.", PROMC_NO_LABELS, \
           PROMC_BUCKETS(seconds))                                                              \
    METRIC(COUNTER_FAMILY, sold, "mill_sold_total", "Sacks sold.", OPEN("customer"), PROMC_CAPPED(1000, 86400))
PROMC_TABLE(mill, MILL_METRICS);
PROMC_TABLE_DEFINE(mill, MILL_METRICS);

static int reference(void)
{
    for (size_t i = 0; i < mill_table.metric_count; i++) {
        const promc_table_metric *metric = &mill_table.metrics[i];
        printf("%s: %s\n", metric->name, metric->help);
        for (const promc_table_label *label = metric->labels; label->name; label++) {
            printf("    %s:", label->name);
            for (size_t k = 0; k < label->value_count; k++)
                printf(" %s", label->values[k]);
            printf("%s\n", label->values ? "" : " anything");
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--reference") == 0)
        return reference();
    promc_exporter *exporter = promc_exporter_start(argc > 1 ? argv[1] : "127.0.0.1:9464");
    if (!exporter) {
        fprintf(stderr, "%s\n", promc_exporter_error());
        return 1;
    }
    if (promc_table_register(promc_exporter_registry(exporter), &mill_table, &mill) < 0) {
        fprintf(stderr, "%s\n", promc_error_detail());
        return 1;
    }
    for (;;) {
        uint64_t start = promc_now_ns();
        sleep(1);
        promc_histogram_observe_since(mill.grinding, start);
        promc_counter_inc(mill.sacks[RESULT_OK]);
        promc_counter_inc(promc_counter_with(mill.sold, "baker"));
    }
}
