/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes except NUL (the parser works on C strings) as label values and as HELP: both text formats stay valid for the strict parser,
 * and the slice size does not change the output.
 */
#include "fuzz.h"

static void check(promc_registry *registry, enum promc_format format)
{
    promc_scrape_settings settings = {.format = format, .escaping = PROMC_ESCAPING_ALLOW_UTF8};
    promc_scrape *scrape;
    char slice[7];
    size_t length, at = 0;
    long got;
    char *whole = fuzz_scrape(registry, &settings, &length);
    if (promc_scrape_begin(registry, &settings, &scrape) != 0)
        abort();
    while ((got = promc_scrape_read(scrape, slice, sizeof(slice))) > 0) {
        if (at + (size_t)got > length || memcmp(whole + at, slice, (size_t)got) != 0)
            abort();
        at += (size_t)got;
    }
    if (got != 0 || at != length)
        abort();
    promc_scrape_end(scrape);
    free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    promc_registry_settings settings = {.arena_bytes = 256 * 1024, .max_threads = 2, .no_self_metrics = true};
    promc_registry *registry;
    promc_family *family;
    promc_counter counter;
    if (size > 0 && memchr(data, '\0', size))
        return -1;
    char *help = fuzz_text(data, size);
    if (!help)
        return 0;
    if (promc_registry_create(&registry, &settings) != 0)
        abort();
    int code = promc_counter_register(
        registry, &(promc_family_settings){.name = "fuzz_total", .help = help, .labels = {"a", "b"}}, &family);
    if (code == 0) {
        size_t half = size / 2;
        /* A NULL value is an error by design; an empty one is not. */
        const char *bytes = size > 0 ? (const char *)data : "";
        promc_str values[2] = {{bytes, half}, {bytes + half, size - half}};
        if (promc_counter_get_n(family, values, 2, &counter) != 0)
            abort();
        promc_counter_inc(counter);
        if (promc_counter_get_n(family, values, 2, &counter) != 0 || promc_counter_value(counter) != 1)
            abort();
        check(registry, PROMC_FORMAT_TEXT);
        check(registry, PROMC_FORMAT_OPENMETRICS);
    }
    promc_registry_destroy(registry);
    free(help);
    return 0;
}
