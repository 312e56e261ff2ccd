/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as the names of metrics and labels, with UTF-8 names allowed: it is refused, or what is exposed is valid in every escaping
 * and says each series once.
 */
#include <promc/testkit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(promc_registry *registry, enum promc_format format, enum promc_escaping escaping)
{
    char *text, *report;
    size_t length;
    promc_scrape_settings settings = {.format = format, .escaping = escaping};
    if (promc_scrape_string(registry, &settings, &text, &length) != 0)
        abort();
    if (format != PROMC_FORMAT_PROTOBUF && promc_testkit_check(text, length, format, &report) != 0) {
        (void)fprintf(stderr, "escaping %d: %s%.*s", (int)escaping, report, (int)length, text);
        abort();
    }
    free(text);
}

/* The next word of the input, up to a tab or the end. */
static char *next_word(char **at)
{
    char *word = *at;
    *at += strcspn(*at, "\t");
    if (**at)
        *(*at)++ = '\0';
    return word;
}

static void fill(promc_registry *registry, char *at)
{
    const char *states[] = {"on", "off"};
    for (unsigned type = 0; *at && type < 8; type++) {
        promc_family *family;
        promc_family_settings settings = {.name = next_word(&at)};
        settings.labels[0] = *at ? next_word(&at) : NULL;
        const char *values[] = {"v"};
        switch (type % 4) {
        case 0:
            if (promc_counter_register(registry, &settings, &family) == 0)
                promc_counter_inc(promc_counter_with_values(family, values, settings.labels[0] != NULL));
            break;
        case 1:
            if (promc_histogram_register(registry, &(promc_histogram_settings){.family = settings}, &family) == 0)
                promc_histogram_observe(promc_histogram_with_values(family, values, settings.labels[0] != NULL), 1);
            break;
        case 2:
            if (promc_stateset_register(registry, &settings, states, 2, &family) == 0 &&
                promc_stateset_select(family, values, "on") != 0)
                abort();
            break;
        default:
            if (promc_info_register(registry, &settings, &family) == 0 && promc_info_set(family, values) != 0)
                abort();
            break;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    promc_registry_settings settings = {
        .arena_bytes = 1 << 20, .max_threads = 2, .no_self_metrics = true, .utf8_names = true};
    promc_registry *registry;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (promc_registry_create(&registry, &settings) != 0)
        abort();
    fill(registry, text);
    for (int escaping = PROMC_ESCAPING_UNDERSCORES; escaping <= PROMC_ESCAPING_VALUES; escaping++) {
        check(registry, PROMC_FORMAT_TEXT, (enum promc_escaping)escaping);
        check(registry, PROMC_FORMAT_OPENMETRICS, (enum promc_escaping)escaping);
        check(registry, PROMC_FORMAT_PROTOBUF, (enum promc_escaping)escaping);
    }
    promc_registry_destroy(registry);
    free(text);
    return 0;
}
