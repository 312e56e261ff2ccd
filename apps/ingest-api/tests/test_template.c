/* SPDX-License-Identifier: Apache-2.0 */
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
    renders("Hello {{ first_name }}, {{First_Name}}!", "Hello Ada, Ada!");
    renders("{{FIRST-NAME}}{{first_name}}", "AdaAda");
    renders("{{pr\xc3\xa9nom}}", "\xc3\x89mile");
    renders("{{braces}}", "{{first_name}}"); /* a value is not rendered again */
}

/* Older saved campaigns have such names: they are still rendered, but no longer accepted. */
static void test_names_with_blanks(void **state)
{
    struct template_fault fault;
    char *out;

    (void)state;
    assert_int_equal(template_render("{{First Name}}!", lookup, NULL, &out, &fault), TEMPLATE_OK);
    assert_string_equal(out, "Ada!");
    free(out);
    static const char *const refused[] = {"x {{First Name}}!", "x {{if a}}", "x {{#each a}}", "x {{/if}}", "x {{a,b}}"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        assert_int_equal(template_check(refused[i], &fault), TEMPLATE_E_SYNTAX);
        assert_int_equal(fault.column, 3);
    }
}

static void test_default(void **state)
{
    (void)state;
    renders("Hi {{first_name | default: \"there\"}}", "Hi Ada");
    renders("Hi {{last_name|default:'you \"|\" }}'}}!", "Hi you \"|\" }}!");
    renders("{{blank | default: \"\"}}.{{no.such-field | default: \"x\"}}", ".x");
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
    malformed("{{a|upper}}", 1, 5);
    malformed("{{a | default \"x\"}}", 1, 15);
    malformed("{{a | default: there}}", 1, 16);
    malformed("{{a | default: \xe2\x80\x9cthere\xe2\x80\x9d}}", 1, 16);
    malformed("\n{{a | default: \"there}}", 2, 16);
    malformed("{{a | default: \"x\" | upper}}", 1, 20);
    malformed("{{a | default: \"x\" b}}", 1, 20);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_render),   cmocka_unit_test(test_names_with_blanks), cmocka_unit_test(test_default),
        cmocka_unit_test(test_escape),   cmocka_unit_test(test_missing),           cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
