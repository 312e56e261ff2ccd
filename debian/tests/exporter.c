/* For debian/tests: exports a counter on a free port, which it prints. */
#include <promc-exporter/exporter.h>
#include <promc/promc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
    promc_family *jobs;
    promc_family_settings settings;
    promc_exporter *exporter = promc_exporter_start("127.0.0.1:0");
    memset(&settings, 0, sizeof(settings));
    settings.name = "jobs_total";
    settings.labels[0] = "queue";
    if (!exporter || promc_counter_register(promc_exporter_registry(exporter), &settings, &jobs) < 0) {
        fprintf(stderr, "%s\n", promc_error_detail());
        return 1;
    }
    promc_counter_inc(promc_counter_with(jobs, "mail"));
    printf("%u\n", promc_exporter_port(exporter));
    fflush(stdout);
    pause();
    return 0;
}
