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

/* The rendered text, up to TEMPLATE_MAX_OUTPUT. */
struct output {
    struct text text;
    bool too_long; /* stays set, like text.overflow */
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

/* A {{field}}. */
struct field {
    const char *fallback; /* its default, of `length` bytes; NULL: none */
    size_t length;
};

static const char *skip_blanks(const char *p)
{
    while (blank(*p))
        p++;
    return p;
}

/* The end of the name: at the bar of a filter, or at the braces. */
static const char *name_end(const char *p)
{
    while (*p && *p != '|' && strncmp(p, "}}", 2) != 0)
        p++;
    return p;
}

/* The rule for names in a template that is saved; templates from before may have blanks in names. */
static bool strict_name(const char *p, const char *end)
{
    p = skip_blanks(p);
    while (end > p && blank(end[-1]))
        end--;
    for (; p < end; p++) {
        unsigned char c = (unsigned char)*p;
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80 || c == '_' ||
              c == '-' || c == '.'))
            return false;
    }
    return true;
}

static int name_at(const char *text, const char *p, const char *end, bool strict, struct template_fault *fault)
{
    const char *name = p + 2;

    if (skip_blanks(name) == end)
        return syntax(fault, text, p, "a field name is missing between '{{' and '}}'");
    if (field_name_normalise(name, (size_t)(end - name), fault->name) == 0)
        return syntax(fault, text, p, "not a field name (1 to 64 bytes, no braces, quotes or control characters)");
    if (strict && !strict_name(name, end))
        return syntax(fault, text, p, "not a field name: letters, digits, '_', '-' and '.' (Job Title is job_title)");
    return TEMPLATE_OK;
}

/* Read `| default: "text"`, the only filter. p is at the bar; *end is set to after the text. */
static int filter_at(const char *text, const char *p, struct field *field, struct template_fault *fault,
                     const char **end)
{
    static const char name[] = "default";
    const char *at = skip_blanks(p + 1);

    if (strncmp(at, name, sizeof(name) - 1) != 0)
        return syntax(fault, text, at, "not a filter: the only filter is | default: \"text\"");
    at = skip_blanks(at + sizeof(name) - 1);
    if (*at != ':')
        return syntax(fault, text, at, "':' is missing: | default: \"text\"");
    at = skip_blanks(at + 1);
    if (*at != '"' && *at != '\'')
        return syntax(fault, text, at, "the default's text must be in straight quotes: | default: \"text\"");
    const char *close = strchr(at + 1, *at);
    if (!close || memchr(at, '\n', (size_t)(close - at)))
        return syntax(fault, text, at, "the default's text is not closed by a quote");
    field->fallback = at + 1;
    field->length = (size_t)(close - at - 1);
    *end = skip_blanks(close + 1);
    return TEMPLATE_OK;
}

/* Read the field that opens at p ("{{"). Its name goes to fault->name; *end is set to after the closing braces. */
static int field_at(const char *text, const char *p, bool strict, struct field *field, struct template_fault *fault,
                    const char **end)
{
    const char *at = name_end(p + 2);

    *field = (struct field){NULL, 0};
    if (!*at)
        return syntax(fault, text, p, "'{{' is not closed by '}}' (write \\{{ for literal braces)");
    int rc = name_at(text, p, at, strict, fault);
    if (rc == TEMPLATE_OK && *at == '|')
        rc = filter_at(text, at, field, fault, &at);
    if (rc != TEMPLATE_OK)
        return rc;
    if (strncmp(at, "}}", 2) != 0)
        return syntax(fault, text, at, *at == '|' ? "only one filter is allowed" : "'}}' is missing here");
    *end = at + 2;
    return TEMPLATE_OK;
}

/* What to do with the fields: render them (out), report them (each), or only check them. */
struct walk {
    struct output *out;
    template_lookup lookup;
    template_field each;
    void *arg;
    bool strict;
};

static int render_field(const struct walk *walk, const struct field *field, struct template_fault *fault)
{
    const char *value = walk->lookup(walk->arg, fault->name);
    bool empty = !value || value[strspn(value, " \t\r\n")] == '\0';

    if (empty && field->fallback) {
        append(walk->out, field->fallback, field->length);
        return TEMPLATE_OK;
    }
    if (empty) {
        fault->reason = value ? "the field is empty" : "the field is missing";
        return TEMPLATE_E_MISSING;
    }
    append(walk->out, value, strlen(value));
    return TEMPLATE_OK;
}

static int walk(const struct walk *walk, const char *text, struct template_fault *fault)
{
    struct output *out = walk->out;
    const char *p = text;

    memset(fault, 0, sizeof(*fault));
    for (;;) {
        const char *open = strstr(p, "{{");
        size_t plain = open ? (size_t)(open - p) : strlen(p);
        size_t slashes = 0;
        struct field field;
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
        int rc = field_at(text, open, walk->strict, &field, fault, &p);
        if (rc == TEMPLATE_OK && out)
            rc = render_field(walk, &field, fault);
        if (rc != TEMPLATE_OK)
            return rc;
        if (walk->each)
            walk->each(walk->arg, fault->name, field.fallback != NULL);
    }
}

int template_check(const char *text, struct template_fault *fault)
{
    return walk(&(struct walk){.strict = true}, text, fault);
}

void template_fields(const char *text, template_field each, void *arg)
{
    struct template_fault fault;

    (void)walk(&(struct walk){.each = each, .arg = arg}, text, &fault);
}

int template_render(const char *text, template_lookup lookup, void *arg, char **out, struct template_fault *fault)
{
    struct output output = {.too_long = false};

    *out = NULL;
    text_init_growing(&output.text, strlen(text));
    int rc = walk(&(struct walk){.out = &output, .lookup = lookup, .arg = arg}, text, fault);
    if (rc == TEMPLATE_OK)
        *out = text_take(&output.text);
    else
        free(output.text.data);
    return rc;
}
