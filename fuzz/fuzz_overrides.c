/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as the operator's overrides: it is refused with a detail, or the metrics that it names are registered (or refused with a
 * detail), and their exposition is valid.
 */
#include "fuzz.h"

static void expect_detail(int code)
{
    if (code < 0 && promc_error_detail()[0] == '\0')
        abort();
}

/* The names that the corpus uses. */
static void use(promc_registry *registry)
{
    promc_family *family = NULL;
    promc_histogram_settings histogram = {.family = {.name = "h", .labels = {"x"}}};
    promc_summary_settings summary = {.family = {.name = "s", .labels = {"x"}}};
    int code = promc_histogram_register(registry, &histogram, &family);
    expect_detail(code);
    if (code == 0)
        promc_histogram_observe(promc_histogram_with(family, "1"), 0.3);
    code = promc_summary_register(registry, &summary, &family);
    expect_detail(code);
    if (code == 0)
        promc_summary_observe(promc_summary_with(family, "1"), 0.3);
    code = promc_counter_register(registry, &(promc_family_settings){.name = "c", .labels = {"x"}}, &family);
    expect_detail(code);
    if (code == 0) {
        promc_counter_inc(promc_counter_with(family, "1"));
        promc_counter_inc(promc_counter_with(family, "2")); /* may exceed its cap */
    }
}

static void check(promc_registry *registry, enum promc_format format)
{
    size_t length;
    free(fuzz_scrape(registry, &(promc_scrape_settings){.format = format}, &length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    promc_registry *registry;
    if (size > 0 && (data[0] == '@' || memchr(data, '\0', size)))
        return -1; /* '@' begins a file name; with a NUL it is not a C string */
    char *text = fuzz_text(data, size);
    if (!text)
        return 0;
    promc_registry_settings settings = {
        .arena_bytes = 1 << 20, .max_threads = 2, .no_self_metrics = true, .overrides = text};
    int code = promc_registry_create(&registry, &settings);
    expect_detail(code);
    if (code == 0) {
        use(registry);
        (void)promc_overrides_unused(registry);
        check(registry, PROMC_FORMAT_TEXT);
        check(registry, PROMC_FORMAT_OPENMETRICS);
        promc_registry_destroy(registry);
    } else if (registry) {
        abort();
    }
    free(text);
    return 0;
}
