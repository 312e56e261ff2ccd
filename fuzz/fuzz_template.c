/* SPDX-License-Identifier: Apache-2.0 */
/* A campaign's template: one that the check accepts can be rendered, with the same result each time, within the maximum length.
 * Older templates, saved before the check was this strict, may be rendered too. */
#include "base/utf8.h"
#include "fuzz.h"
#include "mail/template.h"

#include <stdbool.h>

static const char *lookup(void *arg, const char *name)
{
    char again[FIELD_NAME_MAX + 1];
    (void)arg;
    if (field_name_normalise(name, strlen(name), again) == 0 || strcmp(name, again) != 0)
        abort(); /* names are normalised before the lookup */
    return strlen(name) % 3 == 0 ? NULL : "{{a}} \\{{";
}

static const char *lookup_any(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return "v";
}

static void check_fault(const struct template_fault *fault)
{
    if (fault->line < 1 || fault->column < 1 || !fault->reason || !*fault->reason)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct template_fault fault = {0};
    char *text = fuzz_text(data, size), *out = NULL, *again = NULL;
    if (!text)
        return 0;
    bool good = template_check(text, &fault) == TEMPLATE_OK;
    if (!good)
        check_fault(&fault);
    int rc = template_render(text, lookup_any, NULL, &out, &fault);
    if ((good && rc == TEMPLATE_E_SYNTAX) || (rc == TEMPLATE_OK) != (out != NULL) || rc == TEMPLATE_E_MISSING ||
        (out && strlen(out) > TEMPLATE_MAX_OUTPUT))
        abort();
    if (template_render(text, lookup_any, NULL, &again, &fault) != rc || (out && strcmp(out, again) != 0))
        abort();
    free(out);
    free(again);
    rc = template_render(text, lookup, NULL, &out, &fault);
    if (rc == TEMPLATE_E_MISSING && !fault.name[0])
        abort();
    free(out);
    free(text);
    return 0;
}
