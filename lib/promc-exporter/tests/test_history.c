/* SPDX-License-Identifier: Apache-2.0 */
/* The history for the live view, with the test's own clock. */
#include "history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000000000ull
#define HOUR_S 3600

static unsigned collected;

static int collect(void *user, uint64_t deadline_ns)
{
    (void)user;
    (void)deadline_ns;
    collected++;
    return 0;
}

/* A registry with `series` series of different labels. */
static promc_registry *make(unsigned series)
{
    promc_registry *registry;
    promc_family *family;
    char text[64];
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_collector_register(registry, "own", collect, NULL), 0);
    assert_int_equal(
        promc_counter_register(
            registry, &(promc_family_settings){.name = "jobs_total", .labels = {"kind"}, .max_series = 65536}, &family),
        0);
    for (unsigned i = 0; i < series; i++) {
        (void)snprintf(text, sizeof(text), "a kind of its own, number %08x", i * 2654435761u);
        promc_counter_inc(promc_counter_with(family, text));
    }
    return registry;
}

static uint32_t u32(const char *at)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; i++)
        value |= (uint32_t)(unsigned char)at[i] << (8 * i);
    return value;
}

struct contents {
    unsigned count;
    uint32_t oldest_ms, newest_ms; /* ages */
    size_t bytes;
    unsigned step;
};

static struct contents look(const struct promc_history *history, uint64_t now)
{
    struct contents found = {0};
    size_t length;
    char *body = promc_history_body(history, now, &length);
    assert_non_null(body);
    char *line_end = memchr(body, '\n', length);
    assert_non_null(line_end);
    *line_end = '\0';
    assert_ptr_equal(strstr(body, "{\"program\":\""), body);
    assert_non_null(strstr(body, "\"gzip\":false"));
    assert_int_equal(sscanf(strstr(body, "\"step\":"), "\"step\":%u", &found.step), 1);
    const char *at = line_end + 1, *end = body + length;
    for (; at < end; found.count++) {
        uint32_t age = u32(at), size = u32(at + 4);
        found.oldest_ms = found.count == 0 ? age : found.oldest_ms;
        assert_true(found.count == 0 || age < found.newest_ms);
        found.newest_ms = age;
        found.bytes += size;
        at += 8 + size;
    }
    assert_ptr_equal(at, end);
    free(body);
    return found;
}

static void nothing_before_it_is_started(void **state)
{
    (void)state;
    promc_registry *registry = make(3);
    struct promc_history *history = promc_history_create(registry, 600, NULL);
    promc_history_run(history, 1000 * SECOND);
    assert_int_equal(look(history, 1000 * SECOND).count, 0);
    promc_history_start(history);
    promc_history_run(history, 1001 * SECOND);
    promc_history_run(history, 1002 * SECOND);
    assert_int_equal(look(history, 1002 * SECOND).count, 1);
    promc_history_run(history, 1006 * SECOND);
    struct contents found = look(history, 1007 * SECOND);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.oldest_ms, 6000);
    assert_int_equal(found.newest_ms, 1000);
    promc_history_destroy(history);
    promc_registry_destroy(registry);
}

static void no_collector_runs_for_it(void **state)
{
    (void)state;
    promc_registry *registry = make(3);
    struct promc_history *history = promc_history_create(registry, 600, NULL);
    char *before, *after;
    assert_int_equal(promc_scrape_string(registry, NULL, &before, NULL), 0);
    collected = 0;
    promc_history_start(history);
    for (uint64_t s = 1; s < 100; s++)
        promc_history_run(history, s * SECOND);
    assert_int_equal(look(history, 100 * SECOND).count, 20);
    assert_int_equal(collected, 0);
    /* promc's own metrics of the last scrape do not count the recording either. */
    assert_int_equal(promc_scrape_string(registry, &(promc_scrape_settings){.no_collectors = true}, &after, NULL), 0);
    assert_int_equal(collected, 0);
    assert_non_null(strstr(after, "promc_scrape_bytes "));
    assert_int_equal((long)strlen(before), strtol(strstr(after, "\npromc_scrape_bytes ") + 20, NULL, 10));
    free(before);
    free(after);
    promc_history_destroy(history);
    promc_registry_destroy(registry);
}

static void old_expositions_are_dropped(void **state)
{
    (void)state;
    promc_registry *registry = make(3);
    struct promc_history *history = promc_history_create(registry, 60, NULL);
    promc_history_start(history);
    for (uint64_t s = 1; s <= HOUR_S; s++)
        promc_history_run(history, s * SECOND);
    struct contents found = look(history, HOUR_S * SECOND);
    assert_int_equal(found.step, PROMC_HISTORY_STEP_S);
    assert_in_range(found.count, 12, 13);
    assert_in_range(found.oldest_ms, 55000, 65000);
    promc_history_destroy(history);
    promc_registry_destroy(registry);
}

static void a_large_registry_is_recorded_less_often(void **state)
{
    (void)state;
    promc_registry *registry = make(5000); /* more than 200 kB: a tenth of the limit */
    struct promc_history *history = promc_history_create(registry, 600, NULL);
    promc_history_start(history);
    for (uint64_t s = 1; s <= HOUR_S; s++) {
        promc_history_run(history, s * SECOND);
        if (s % 60 == 0)
            assert_true(look(history, s * SECOND).bytes <= PROMC_HISTORY_BYTES);
    }
    struct contents found = look(history, HOUR_S * SECOND);
    assert_true(found.step > PROMC_HISTORY_STEP_S && found.step <= 320);
    assert_true(found.count >= 3);
    assert_true(found.oldest_ms > 300 * 1000);
    promc_history_destroy(history);
    promc_registry_destroy(registry);
}

static void a_too_large_registry_has_no_history(void **state)
{
    (void)state;
    promc_registry *registry = make(20000);
    struct promc_history *history = promc_history_create(registry, 600, NULL);
    promc_history_start(history);
    for (uint64_t s = 1; s <= 600; s++)
        promc_history_run(history, s * SECOND);
    assert_int_equal(look(history, 600 * SECOND).count, 0);
    promc_history_destroy(history);
    promc_registry_destroy(registry);
}

/* A "compressor" whose output is as long as its input, in parts of 1,000 bytes. */
static void *open_copy(void *user)
{
    (void)user;
    return malloc(1);
}

static long copy(void *stream, const char **input, size_t *length, bool last, char *output, size_t capacity)
{
    size_t n = *length < capacity ? *length : capacity;
    (void)stream, (void)last;
    n = n < 1000 ? n : 1000;
    memcpy(output, *input, n);
    *input += n;
    *length -= n;
    return (long)n;
}

/* Whatever its size is, an exposition that is kept is not above the limit of one. */
static void the_limit_of_one_is_exact(void **state)
{
    (void)state;
    static const promc_compressor copier = {.coding = "copy", .open = open_copy, .write = copy, .close = free};
    unsigned kept = 0, refused = 0;
    for (unsigned series = 4000; series <= 12000; series += 200) {
        promc_registry *registry = make(series);
        struct promc_history *history = promc_history_create(registry, 600, &copier);
        size_t empty, length;
        free(promc_history_body(history, SECOND, &empty));
        promc_history_start(history);
        promc_history_run(history, SECOND);
        free(promc_history_body(history, SECOND, &length));
        assert_true(length <= empty + 8 + PROMC_HISTORY_ONE);
        kept += length > empty;
        refused += length == empty;
        promc_history_destroy(history);
        promc_registry_destroy(registry);
    }
    assert_true(kept > 0 && refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_before_it_is_started),
        cmocka_unit_test(no_collector_runs_for_it),
        cmocka_unit_test(old_expositions_are_dropped),
        cmocka_unit_test(a_large_registry_is_recorded_less_often),
        cmocka_unit_test(a_too_large_registry_has_no_history),
        cmocka_unit_test(the_limit_of_one_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
