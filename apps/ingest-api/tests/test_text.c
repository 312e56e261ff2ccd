/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void test_decimals(void **state)
{
    (void)state;
    const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0.000"},  {1.2345, "1.235"}, {0.9999, "1.000"}, {-2.5, "-2.500"}, {123456789.0004, "123456789.000"},
        {NAN, "null"}, {INFINITY, "null"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[64];
        struct text text;
        text_init(&text, out, sizeof(out));
        text_add_decimal(&text, cases[i].value);
        out[text.length] = '\0';
        assert_string_equal(out, cases[i].text);
    }
}

static void test_iso_time(void **state)
{
    (void)state;
    char out[32] = {0};
    struct text text;
    text_init(&text, out, sizeof(out));
    text_add_iso_time(&text, INT64_C(1768206600123));
    assert_string_equal(out, "2026-01-12T08:30:00.123Z");
}

/* The same bytes on the heap and in an arena. Earlier memory from the arena stays valid. */
static void test_text_grows_on_the_heap_and_in_an_arena(void **state)
{
    struct arena arena = {0};
    struct text heap, in_arena;
    (void)state;
    text_init_growing(&heap, 0);
    text_init_in_arena(&in_arena, &arena);
    char *before = arena_copy(&arena, "before", 7);
    for (unsigned i = 0; i < 10000; i++) {
        text_add_u64(&heap, i);
        text_add_u64(&in_arena, i);
    }
    assert_false(in_arena.overflow);
    assert_int_equal(in_arena.length, heap.length);
    assert_memory_equal(in_arena.data, heap.data, heap.length);
    assert_string_equal(before, "before");
    assert_true(text_reserve(&heap, heap.capacity + 1000));
    assert_int_equal(heap.length, in_arena.length);
    free(text_take(&heap));
    assert_null(heap.data);
    arena_free(&arena);
}

static void test_text_never_passes_its_end(void **state)
{
    (void)state;
    char out[16];
    for (size_t capacity = 0; capacity < sizeof(out); capacity++) {
        struct text text;
        memset(out, '#', sizeof(out));
        text_init(&text, out, capacity);
        text_add_json(&text, "abc\n\xe2\x82\xac", 7, 100);
        text_add_u64(&text, 12345);
        assert_true(text.length <= capacity);
        for (size_t i = capacity; i < sizeof(out); i++)
            assert_int_equal(out[i], '#');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_iso_time),
        cmocka_unit_test(test_text_grows_on_the_heap_and_in_an_arena),
        cmocka_unit_test(test_text_never_passes_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
