/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program to be scraped, for tests/test_native_histograms.py and test_utf8_names.py. It reads commands from standard input, one per line.
 * Names may be any UTF-8 without blanks.
 *
 *     register NAME classic|native|both SCHEMA MAX_BUCKETS ZERO_THRESHOLD
 *     observe NAME VALUE [TRACE_ID]
 *     count NAME [TRACE_ID]                  (a counter; created at its first use)
 *     sync                                   (prints "ok": all earlier commands are done)
 *
 * Its first line of output is the port of its /metrics. It ends at the end of its input. For an invalid command it prints the reason and
 * exits with status 1.
 */
#include <promc-exporter/exporter.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MOST 6

static int fail(const char *what, const char *detail)
{
    fprintf(stderr, "histogram-target: %s: %s\n", what, detail);
    return -1;
}

static int register_histogram(promc_registry *registry, char **word)
{
    promc_histogram_settings settings = {.family = {.name = word[1], .help = "A histogram under test."}};
    settings.kind = strcmp(word[2], "native") == 0 ? PROMC_HISTOGRAM_NATIVE
                    : strcmp(word[2], "both") == 0 ? PROMC_HISTOGRAM_CLASSIC_AND_NATIVE
                                                   : PROMC_HISTOGRAM_CLASSIC;
    settings.native.growth = promc_native_growth(atoi(word[3]));
    settings.native.max_buckets = (uint32_t)atoi(word[4]);
    settings.native.zero_threshold = strtod(word[5], NULL);
    return promc_histogram_register(registry, &settings, NULL);
}

static int observe(promc_registry *registry, char **word, size_t words)
{
    promc_histogram histogram;
    promc_label trace = {"trace_id", words > 3 ? word[3] : ""};
    int rc = promc_histogram_get(promc_family_find(registry, word[1]), NULL, &histogram);
    if (rc == 0 && words > 3)
        rc = promc_histogram_observe_exemplar(histogram, strtod(word[2], NULL), &trace, 1);
    else if (rc == 0)
        promc_histogram_observe(histogram, strtod(word[2], NULL));
    return rc;
}

static int count(promc_registry *registry, char **word, size_t words)
{
    promc_counter counter;
    promc_label trace = {"trace_id", words > 2 ? word[2] : ""};
    promc_family *family = promc_family_find(registry, word[1]);
    int rc = family ? 0 : promc_counter_register(registry, &(promc_family_settings){.name = word[1]}, &family);
    if (rc == 0)
        rc = promc_counter_get(family, NULL, &counter);
    if (rc == 0 && words > 2)
        rc = promc_counter_add_exemplar(counter, 1, &trace, 1);
    else if (rc == 0)
        promc_counter_inc(counter);
    return rc;
}

static int obey(promc_registry *registry, char *line)
{
    char *word[WORDS_MOST] = {NULL}, *rest = NULL;
    size_t words = 0;
    for (char *at = strtok_r(line, " \n", &rest); at && words < WORDS_MOST; at = strtok_r(NULL, " \n", &rest))
        word[words++] = at;
    int rc = PROMC_E_INVALID;
    if (words == 6 && strcmp(word[0], "register") == 0)
        rc = register_histogram(registry, word);
    else if (words >= 3 && strcmp(word[0], "observe") == 0)
        rc = observe(registry, word, words);
    else if (words >= 2 && strcmp(word[0], "count") == 0)
        rc = count(registry, word, words);
    else if (words == 1 && strcmp(word[0], "sync") == 0)
        rc = puts("ok") < 0 || fflush(stdout) != 0 ? PROMC_E_IO : 0;
    return rc < 0 ? fail(words > 0 ? word[0] : "an empty line", promc_error_detail()) : 0;
}

int main(void)
{
    char line[512];
    promc_exporter *exporter;
    promc_registry *registry;
    if (promc_registry_create(&registry, &(promc_registry_settings){.utf8_names = true}) < 0) {
        fail("no registry", promc_error_detail());
        return 1;
    }
    if (promc_exporter_create(&exporter, &(promc_exporter_settings){.registry = registry, .address = "127.0.0.1:0"}) <
        0) {
        fail("cannot serve", promc_exporter_error());
        return 1;
    }
    printf("%u\n", promc_exporter_port(exporter));
    fflush(stdout);
    int rc = 0;
    while (rc == 0 && fgets(line, sizeof(line), stdin))
        rc = obey(registry, line);
    promc_exporter_stop(exporter);
    promc_registry_destroy(registry);
    return rc == 0 ? 0 : 1;
}
