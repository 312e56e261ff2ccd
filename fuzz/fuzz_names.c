/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as the names of metrics and labels, with UTF-8 names allowed: it is refused, or the exposition is valid in every escaping
 * and has each series once.
 */
#include "fuzz.h"

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
    char *text = fuzz_text(data, size);
    if (!text)
        return 0;
    if (promc_registry_create(&registry, &settings) != 0)
        abort();
    fill(registry, text);
    for (int escaping = PROMC_ESCAPING_UNDERSCORES; escaping <= PROMC_ESCAPING_VALUES; escaping++) {
        static const enum promc_format formats[] = {PROMC_FORMAT_TEXT, PROMC_FORMAT_OPENMETRICS, PROMC_FORMAT_PROTOBUF};
        for (size_t i = 0, length; i < 3; i++) {
            promc_scrape_settings asked = {.format = formats[i], .escaping = (enum promc_escaping)escaping};
            free(fuzz_scrape(registry, &asked, &length));
        }
    }
    promc_registry_destroy(registry);
    free(text);
    return 0;
}
