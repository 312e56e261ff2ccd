/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by all targets. A target that finds a fault aborts, so that libFuzzer reports it. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <promc/testkit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a C string, to be freed; NULL when out of memory. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return NULL;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

/* The exposition, to be freed. Aborts unless the strict parser accepts it (protobuf is not checked). */
static inline char *fuzz_scrape(promc_registry *registry, const promc_scrape_settings *settings, size_t *length)
{
    char *text, *report;
    if (promc_scrape_string(registry, settings, &text, length) != 0)
        abort();
    if (settings->format != PROMC_FORMAT_PROTOBUF &&
        promc_testkit_check(text, *length, settings->format, &report) != 0) {
        (void)fprintf(stderr, "escaping %d: %s%.*s", (int)settings->escaping, report, (int)*length, text);
        abort();
    }
    return text;
}

#endif
