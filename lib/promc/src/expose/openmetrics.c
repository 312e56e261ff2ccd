/* SPDX-License-Identifier: Apache-2.0 */
/* OpenMetrics 1.0 text: its head, its end, and the names of families. The lines are text.c's. */
#include "base/escape.h"
#include "expose/text.h"

static bool ends_with(promc_str text, const char *suffix, size_t length)
{
    return text.length > length && memcmp(text.data + text.length - length, suffix, length) == 0;
}

/* The family's name. A counter's or info's suffix is escaped together with the name, and then cut off. */
static promc_str family_name(const struct promc_encoder *e, struct promc_bytes *scratch)
{
    promc_str name = promc_text_escaped_name(e, e->family.sample_name, scratch);
    size_t suffix = strlen(e->family.ops->suffix);
    if (ends_with(name, e->family.ops->suffix, suffix))
        name.length -= suffix;
    return name;
}

/* Some escapings double the underscores of the name; then the unit is not a suffix of it, which would fail the scrape. */
static bool unit_is_suffix(const struct promc_encoder *e, promc_str name)
{
    promc_str unit = e->family.unit;
    return unit.length > 0 && ends_with(name, unit.data, unit.length) &&
           name.data[name.length - unit.length - 1] == '_';
}

static void append_line(struct promc_encoder *e, const char *keyword, promc_str name, const char *text, size_t length)
{
    struct promc_bytes *bytes = &e->text.prepared;
    promc_bytes_append_string(bytes, keyword);
    promc_text_append_name(e, name);
    promc_bytes_append(bytes, " ", 1);
    char *out = promc_bytes_reserve(bytes, PROMC_ESCAPED_TEXT_MAX(length));
    if (out)
        bytes->length += (size_t)(promc_escape_help(out, text, length, true) - out);
    promc_bytes_append(bytes, "\n", 1);
}

static int begin_family(struct promc_encoder *e)
{
    struct promc_bytes *bytes = &e->text.prepared, scratch = {0};
    promc_str name = family_name(e, &scratch);
    const char *type = e->family.ops->openmetrics_type;
    promc_bytes_clear(bytes);
    if (e->family.help.length > 0)
        append_line(e, "# HELP ", name, e->family.help.data, e->family.help.length);
    append_line(e, "# TYPE ", name, type, strlen(type));
    if (unit_is_suffix(e, name))
        append_line(e, "# UNIT ", name, e->family.unit.data, e->family.unit.length);
    size_t head = bytes->length;
    int error = promc_text_prepare_lines(e, name);
    e->head = (promc_str){bytes->data, head};
    error = scratch.failed ? PROMC_E_NOMEM : error;
    promc_bytes_free(&scratch);
    return error;
}

const struct promc_syntax promc_syntax_openmetrics = {
    .begin_family = begin_family,
    .begin_series = promc_text_begin_series,
    .put = promc_text_put,
    .put_series = promc_text_put_series,
    .foot = {"# EOF\n", 6},
};
