/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest program with a scraped metric: run it, then `curl http://127.0.0.1:9464/metrics`, or open http://127.0.0.1:9464/. */
#include <promc-exporter/exporter.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    promc_exporter *exporter = promc_exporter_start(argc > 1 ? argv[1] : "127.0.0.1:9464");
    if (!exporter) {
        fprintf(stderr, "%s\n", promc_exporter_error());
        return 1;
    }
    promc_family *jobs;
    promc_counter_register(promc_exporter_registry(exporter),
                           &(promc_family_settings){.name = "jobs_total", .help = "Jobs done.", .labels = {"queue"}},
                           &jobs);
    for (;;) {
        promc_counter_inc(promc_counter_with(jobs, "mail"));
        sleep(1);
    }
}
