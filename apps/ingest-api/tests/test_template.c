/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cursor.h"
#include "mail/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *lookup(void *arg, const char *name)
{
    (void)arg;
    if (strcmp(name, "first_name") == 0)
        return "Ada";
    if (strcmp(name, "braces") == 0)
        return "{{first_name}}";
    if (strcmp(name, "pr\xc3\xa9nom") == 0)
        return "\xc3\x89mile";
    if (strcmp(name, "blank") == 0)
        return " \n";
    return NULL;
}

static void renders(const char *template, const char *expected)
{
    struct template_fault fault;
    char *out;

    assert_int_equal(template_check(template, &fault), TEMPLATE_OK);
    assert_int_equal(template_render(template, lookup, NULL, &out, &fault), TEMPLATE_OK);
    assert_string_equal(out, expected);
    free(out);
}

static void test_render(void **state)
{
    (void)state;
    renders("", "");
    renders("no fields } { }} {", "no fields } { }} {");
    renders("{{first_name}}", "Ada");
    renders("Hello {{ first_name }}, {{First Name}}!", "Hello Ada, Ada!");
    renders("{{FIRST-NAME}}{{first_name}}", "AdaAda");
    renders("{{pr\xc3\xa9nom}}", "\xc3\x89mile");
    renders("{{braces}}", "{{first_name}}"); /* a value is not rendered again */
}

static void test_escape(void **state)
{
    (void)state;
    renders("\\{{first_name}}", "{{first_name}}");
    renders("\\\\{{first_name}}", "\\Ada");
    renders("a\\b {{first_name}}\\", "a\\b Ada\\");
    renders("\\{{", "{{");
}

static void missing(const char *template, const char *name, const char *reason)
{
    struct template_fault fault;
    char *out;

    assert_int_equal(template_render(template, lookup, NULL, &out, &fault), TEMPLATE_E_MISSING);
    assert_null(out);
    assert_string_equal(fault.name, name);
    assert_string_equal(fault.reason, reason);
}

static void test_missing(void **state)
{
    (void)state;
    missing("Dear {{first_name}} {{last_name}}", "last_name", "the field is missing");
    missing("{{Blank}}", "blank", "the field is empty");
}

static void malformed(const char *template, unsigned long line, unsigned long column)
{
    struct template_fault fault;
    char *out;

    assert_int_equal(template_check(template, &fault), TEMPLATE_E_SYNTAX);
    assert_int_equal(fault.line, line);
    assert_int_equal(fault.column, column);
    assert_non_null(fault.reason);
    assert_int_equal(template_render(template, lookup, NULL, &out, &fault), TEMPLATE_E_SYNTAX);
    assert_null(out);
}

static void test_syntax(void **state)
{
    (void)state;
    malformed("{{", 1, 1);
    malformed("one\ntwo {{first_name}\n", 2, 5);
    malformed("x {{ }}", 1, 3);
    malformed("{{a{b}}", 1, 1);
    malformed("{{a\nb}}", 1, 1);
    malformed("{{aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg}}", 1, 1);
}

static void test_too_long(void **state)
{
    struct template_fault fault;
    size_t n = TEMPLATE_MAX_OUTPUT + 1;
    char *text = malloc(n + 1), *out;

    (void)state;
    memset(text, 'x', n);
    text[n] = '\0';
    assert_int_equal(template_render(text, lookup, NULL, &out, &fault), TEMPLATE_E_TOO_LONG);
    text[n - 1] = '\0';
    assert_int_equal(template_render(text, lookup, NULL, &out, &fault), TEMPLATE_OK);
    assert_int_equal(strlen(out), n - 1);
    free(out);
    free(text);
}

static void test_names(void **state)
{
    static const char *const cases[][2] = {
        {"email", "email"},
        {" E-Mail ", "e_mail"},
        {"First  Name", "first_name"},
        {"a - b", "a_b"},
        {"a__b", "a__b"},
        {"\xc3\x89tat", "\xc3\x89tat"},
        {"", ""},
        {"   ", ""},
        {"a\tb", ""},
        {"a\"b", ""},
        {"{a", ""},
        {"\xff", ""},
    };
    char out[FIELD_NAME_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(field_name_normalise(cases[i][0], strlen(cases[i][0]), out), strlen(cases[i][1]));
        assert_string_equal(out, cases[i][1]);
    }
}

/* A cursor is taken back by the list that gave it, and by no other; a changed one by none. */
static void test_cursor(void **state)
{
    static const char id[] = "01890a5d-ac96-774b-bcce-b302099a8057";
    char cursor[CURSOR_SIZE], back[37];

    (void)state;
    assert_true(cursor_write(id, "org", "prospects||", cursor));
    assert_true(cursor_read(cursor, "org", "prospects||", back));
    assert_string_equal(back, id);
    assert_false(cursor_read(cursor, "other", "prospects||", back));
    assert_false(cursor_read(cursor, "org", "campaigns|", back));
    for (size_t i = 0; i < strlen(cursor); i++) {
        char changed[CURSOR_SIZE];
        memcpy(changed, cursor, sizeof(changed));
        changed[i] = changed[i] == '0' ? '1' : '0';
        assert_false(cursor_read(changed, "org", "prospects||", back));
    }
    assert_false(cursor_read("", "org", "prospects||", back));
    assert_false(cursor_write("nonsense", "org", "prospects||", cursor));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_render), cmocka_unit_test(test_escape),   cmocka_unit_test(test_missing),
        cmocka_unit_test(test_syntax), cmocka_unit_test(test_too_long), cmocka_unit_test(test_names),
        cmocka_unit_test(test_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
