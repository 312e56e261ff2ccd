/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/template.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

/* What is rendered, up to TEMPLATE_MAX_OUTPUT. */
struct output {
    struct text text;
    bool too_long; /* sticks, like text.overflow */
};

static void append(struct output *out, const char *bytes, size_t n)
{
    out->too_long |= n > TEMPLATE_MAX_OUTPUT - out->text.length;
    if (!out->too_long)
        text_add_n(&out->text, bytes, n);
}

static int output_error(const struct output *out)
{
    return out->text.overflow ? TEMPLATE_E_NOMEM : out->too_long ? TEMPLATE_E_TOO_LONG : TEMPLATE_OK;
}

static int syntax(struct template_fault *fault, const char *text, const char *at, const char *reason)
{
    fault->line = fault->column = 1;
    for (const char *p = text; p < at; p++) {
        fault->column++;
        if (*p == '\n') {
            fault->line++;
            fault->column = 1;
        }
    }
    fault->reason = reason;
    return TEMPLATE_E_SYNTAX;
}

/* The field that opens at p ("{{"): its name into fault->name; *end behind the closing braces. */
static int field_at(const char *text, const char *p, struct template_fault *fault, const char **end)
{
    const char *name = p + 2, *close = strstr(name, "}}");

    if (!close)
        return syntax(fault, text, p, "'{{' is not closed by '}}' (write \\{{ for literal braces)");
    if (field_name_normalise(name, (size_t)(close - name), fault->name) == 0) {
        for (const char *c = name; c < close; c++) {
            if (!blank(*c))
                return syntax(fault, text, p,
                              "not a field name (1 to 64 bytes, no braces, quotes or control characters)");
        }
        return syntax(fault, text, p, "a field name is missing between '{{' and '}}'");
    }
    *end = close + 2;
    return TEMPLATE_OK;
}

/* One walk for checking (out NULL) and for rendering. */
static int walk(const char *text, struct output *out, template_lookup lookup, void *arg, struct template_fault *fault)
{
    const char *p = text;

    memset(fault, 0, sizeof(*fault));
    for (;;) {
        const char *open = strstr(p, "{{");
        size_t plain = open ? (size_t)(open - p) : strlen(p);
        size_t slashes = 0;
        while (open && slashes < 2 && slashes < plain && p[plain - slashes - 1] == '\\')
            slashes++;
        if (out)
            append(out, p, plain - (slashes > 0));
        if (!open)
            return out ? output_error(out) : TEMPLATE_OK;
        if (slashes == 1) {
            if (out)
                append(out, "{{", 2);
            p = open + 2;
            continue;
        }
        int rc = field_at(text, open, fault, &p);
        if (rc != TEMPLATE_OK)
            return rc;
        if (!out)
            continue;
        const char *value = lookup(arg, fault->name);
        if (!value || value[strspn(value, " \t\r\n")] == '\0') {
            fault->reason = value ? "the field is empty" : "the field is missing";
            return TEMPLATE_E_MISSING;
        }
        append(out, value, strlen(value));
    }
}

int template_check(const char *text, struct template_fault *fault)
{
    return walk(text, NULL, NULL, NULL, fault);
}

int template_render(const char *text, template_lookup lookup, void *arg, char **out, struct template_fault *fault)
{
    struct output output = {.too_long = false};

    *out = NULL;
    text_init_growing(&output.text, strlen(text));
    int rc = walk(text, &output, lookup, arg, fault);
    if (rc == TEMPLATE_OK)
        *out = text_take(&output.text);
    else
        free(output.text.data);
    return rc;
}
