/* SPDX-License-Identifier: Apache-2.0 */
/* Number formatting: the text reads back as the same double, no shorter text does, in any locale. */
#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *value_text(double value)
{
    static char text[PROMC_NUMBER_MAX + 1];
    memset(text, 'x', sizeof(text));
    *promc_number_double(text, value) = '\0';
    return text;
}

static const char *bound_text(double value, bool openmetrics)
{
    static char text[PROMC_NUMBER_MAX + 1];
    memset(text, 'x', sizeof(text));
    *promc_number_bound(text, value, openmetrics) = '\0';
    return text;
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* splitmix64; the seed is fixed so that a failure can be repeated. */
static uint64_t random_state = 42;
static uint64_t random_bits(void)
{
    uint64_t z = (random_state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void check_round_trip(double value)
{
    const char *text = value_text(value);
    char *end;
    double back = strtod(text, &end);
    if (*end != '\0' || bits_of(back) != bits_of(value))
        fail_msg("%a was written as \"%s\", which reads as %a", value, text, back);
}

/* Significant digits and exponent of a written number. */
static int parse_digits(const char *text, char *digits, int *exponent)
{
    int count = 0, point = -1, seen = 0;
    long e = 0;
    for (const char *p = text + (*text == '-'); *p != '\0'; p++) {
        if (*p == 'e') {
            e = strtol(p + 1, NULL, 10);
            break;
        }
        if (*p == '.') {
            point = seen;
            continue;
        }
        seen++;
        if (count > 0 || *p != '0') {
            digits[count++] = *p;
        } else {
            seen--;
            if (point >= 0)
                e--;
        }
    }
    *exponent = (int)e + (point >= 0 ? point : seen) - 1;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    digits[count] = '\0';
    return count;
}

/* Compares with libc: fewer digits do not read back, and the digits are the nearest of that length. */
static void check_shortest(double value)
{
    char digits[64], reference[64], reference_digits[64];
    int exponent, reference_exponent;
    const char *text = value_text(value);
    int count = parse_digits(text, digits, &exponent);
    snprintf(reference, sizeof(reference), "%.*e", count - 1, value);
    parse_digits(reference, reference_digits, &reference_exponent);
    /* Just above a power of two the interval is uneven: the nearest decimal of that length may lie outside it. */
    bool nearest_reads_back = strtod(reference, NULL) == value;
    if (nearest_reads_back && (strcmp(digits, reference_digits) != 0 || exponent != reference_exponent))
        fail_msg("%a was written as \"%s\", nearest of that length is %s", value, text, reference);
    if (count > 1) {
        snprintf(reference, sizeof(reference), "%.*e", count - 2, value);
        if (strtod(reference, NULL) == value)
            fail_msg("%a was written as \"%s\", but %s is enough", value, text, reference);
    }
}

static void test_integers(void **state)
{
    (void)state;
    char text[PROMC_NUMBER_MAX + 1], expected[32];
    uint64_t n = 1;
    for (int bit = 0; bit < 64; bit++, n <<= 1) {
        for (int d = -1; d <= 1; d++) {
            uint64_t m = n + (uint64_t)(int64_t)d;
            *promc_number_u64(text, m) = '\0';
            snprintf(expected, sizeof(expected), "%llu", (unsigned long long)m);
            assert_string_equal(text, expected);
        }
    }
    for (uint64_t power = 1; power < UINT64_C(10000000000000000000); power *= 10) {
        for (int d = -1; d <= 1; d++) {
            uint64_t m = power + (uint64_t)(int64_t)d;
            *promc_number_u64(text, m) = '\0';
            snprintf(expected, sizeof(expected), "%llu", (unsigned long long)m);
            assert_string_equal(text, expected);
        }
    }
    for (int i = 0; i < 1000000; i++) {
        uint64_t m = random_bits() >> (random_bits() & 63);
        *promc_number_u64(text, m) = '\0';
        snprintf(expected, sizeof(expected), "%llu", (unsigned long long)m);
        assert_string_equal(text, expected);
    }
    assert_string_equal(value_text(9007199254740991.0), "9007199254740991");
    assert_string_equal(value_text(-1234567.0), "-1234567");
    assert_string_equal(value_text(1e15), "1000000000000000");
}

static void test_spelling(void **state)
{
    (void)state;
    assert_string_equal(value_text(0.0), "0");
    assert_string_equal(value_text(-0.0), "-0");
    assert_string_equal(value_text((double)NAN), "NaN");
    assert_string_equal(value_text(-(double)NAN), "NaN");
    assert_string_equal(value_text((double)INFINITY), "+Inf");
    assert_string_equal(value_text(-(double)INFINITY), "-Inf");
    assert_string_equal(value_text(0.1), "0.1");
    assert_string_equal(value_text(0.3), "0.3");
    assert_string_equal(value_text(0.1 + 0.2), "0.30000000000000004");
    assert_string_equal(value_text(-2.5), "-2.5");
    assert_string_equal(value_text(0.0001), "0.0001");
    assert_string_equal(value_text(0.00001), "1e-05");
    assert_string_equal(value_text(0.000012345), "1.2345e-05");
    assert_string_equal(value_text(123456.789), "123456.789");
    assert_string_equal(value_text(9007199254740993.0 * 2), "18014398509481984");
    assert_string_equal(value_text(1e17), "1e+17");
    assert_string_equal(value_text(1e23), "1e+23");
    assert_string_equal(value_text(9.5e-7), "9.5e-07");
    assert_string_equal(value_text(5e-324), "5e-324");
    assert_string_equal(value_text(1.7976931348623157e308), "1.7976931348623157e+308");
    assert_string_equal(value_text(-2.2250738585072014e-308), "-2.2250738585072014e-308");
    assert_string_equal(value_text(2.2250738585072011e-308), "2.225073858507201e-308");
}

static void test_bounds(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *classic, *openmetrics;
    } cases[] = {
        {0.005, "0.005", "0.005"},
        {0.1, "0.1", "0.1"},
        {1, "1", "1.0"},
        {10, "10", "10.0"},
        {1e-5, "1e-05", "1e-05"},
        {0.0001, "0.0001", "0.0001"},
        {100000, "100000", "100000.0"},
        {1e6, "1e+06", "1e+06"},
        {999999, "999999", "999999.0"},
        {1048576, "1.048576e+06", "1.048576e+06"},
        {0, "0", "0.0"},
        {-1, "-1", "-1.0"},
        {2.5, "2.5", "2.5"},
        {1e100, "1e+100", "1e+100"},
        {(double)INFINITY, "+Inf", "+Inf"},
        {-(double)INFINITY, "-Inf", "-Inf"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(bound_text(cases[i].value, false), cases[i].classic);
        assert_string_equal(bound_text(cases[i].value, true), cases[i].openmetrics);
    }
}

static void test_round_trip_random(void **state)
{
    (void)state;
    for (int i = 0; i < 10000000; i++) {
        double value = double_of(random_bits());
        if (isfinite(value))
            check_round_trip(value);
    }
}

/* Every power of two and its neighbours (uneven intervals), every half float, subnormals, powers of ten, short decimals. */
static void test_edges(void **state)
{
    (void)state;
    for (int e = -1074; e <= 1023; e++) {
        double value = ldexp(1.0, e);
        check_round_trip(value);
        check_round_trip(nextafter(value, 0));
        check_shortest(value);
        check_shortest(nextafter(value, 1e308));
        if (e > -1074)
            check_shortest(nextafter(value, 0));
    }
    for (int half = 0; half < 0x7c00; half++) {
        int exponent = half >> 10, fraction = half & 0x3ff;
        double value = exponent != 0 ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
        check_round_trip(value);
        check_round_trip(-value);
        if (value != 0)
            check_shortest(value);
    }
    for (uint64_t bits = 1; bits < 5000; bits++) {
        check_round_trip(double_of(bits));
        check_shortest(double_of(bits));
        check_round_trip(double_of((UINT64_C(1) << 52) - bits));
    }
    for (int e = -323; e <= 308; e++) {
        char text[16];
        snprintf(text, sizeof(text), "1e%d", e);
        double value = strtod(text, NULL);
        check_round_trip(value);
        check_shortest(value);
        check_shortest(nextafter(value, 0) > 0 ? nextafter(value, 0) : value);
    }
    for (int i = 1; i < 100000; i++) {
        check_shortest(i / 1000.0);
        check_shortest(i / 7.0);
    }
}

static void test_shortest_random(void **state)
{
    (void)state;
    for (int i = 0; i < (getenv("PROMC_EMULATOR") ? 20000 : 300000); i++) {
        double value = double_of(random_bits());
        if (isfinite(value) && value != 0)
            check_shortest(value);
    }
}

/* Make a locale with a decimal comma where none is installed. */
static bool set_comma_locale(void)
{
    char dir[] = "/tmp/promc-locale-XXXXXX", command[256];
    if (setlocale(LC_ALL, "de_DE.UTF-8"))
        return true;
    if (!mkdtemp(dir))
        return false;
    snprintf(command, sizeof(command), "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >%s/log 2>&1", dir, dir);
    bool made = system(command) == 0 && setenv("LOCPATH", dir, 1) == 0 && setlocale(LC_ALL, "de_DE.UTF-8");
    snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command) == 0 && made;
}

static void test_comma_locale(void **state)
{
    (void)state;
    if (!set_comma_locale()) {
        print_message("there is no locale with a decimal comma: skipped\n");
        skip();
    }
    char printed[32];
    snprintf(printed, sizeof(printed), "%g", 0.5);
    if (strcmp(printed, "0.5") == 0)
        skip(); /* musl has no such locale, but reports success */
    assert_string_equal(printed, "0,5");
    assert_string_equal(value_text(0.5), "0.5");
    assert_string_equal(value_text(1234567.25), "1234567.25");
    assert_string_equal(bound_text(2.5, true), "2.5");
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),        cmocka_unit_test(test_spelling),
        cmocka_unit_test(test_bounds),          cmocka_unit_test(test_edges),
        cmocka_unit_test(test_shortest_random), cmocka_unit_test(test_round_trip_random),
        cmocka_unit_test(test_comma_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
