/* SPDX-License-Identifier: Apache-2.0 */
#include "series/validate.h"
#include "base/escape.h"
#include "base/utf8.h"
#include "series/child.h"

#include <string.h>

static bool ends_with(const char *name, size_t length, const char *suffix)
{
    size_t n = strlen(suffix);
    return length >= n && memcmp(name + length - n, suffix, n) == 0;
}

/* Bytes that a UTF-8 name must not contain, although the formats allow them in quotes: they could forge lines in logs and tools. */
static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

static int check_characters(const char *name, size_t length, bool allow_utf8, bool *utf8)
{
    *utf8 = false;
    if (length == 0)
        return promc_fail(PROMC_E_NAME, "the metric has no name");
    if (length > PROMC_NAME_MAX)
        return promc_fail(PROMC_E_NAME, "metric \"%.64s…\": the name has %zu bytes, at most %d are allowed", name,
                          length, PROMC_NAME_MAX);
    if (promc_name_is_classic(name, length))
        return 0;
    *utf8 = true;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)name[i];
        bool classic =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || (c >= '0' && c <= '9' && i > 0);
        if (allow_utf8 ? is_control(c) : !classic)
            return promc_fail(PROMC_E_NAME, "metric \"%s\": byte %zu (0x%02x) is not allowed in a name", name, i, c);
    }
    if (!promc_utf8_valid(name, length))
        return promc_fail(PROMC_E_NAME, "metric \"%s\": the name is not UTF-8", name);
    return 0;
}

/* Suffixes that only samples of another type may have. */
static int check_reserved(const char *name, size_t length, const struct promc_type_ops *type)
{
    static const char *const never[] = {"_bucket", "_created", NULL};
    static const char *const not_here[] = {"_total", "_info", "_sum", "_count", NULL};
    for (const char *const *suffix = never; *suffix; suffix++)
        if (ends_with(name, length, *suffix))
            return promc_fail(PROMC_E_RESERVED, "%s \"%s\": the suffix \"%s\" is reserved", type->name, name, *suffix);
    for (const char *const *suffix = not_here; type->refuses_suffixes && *suffix; suffix++) {
        if (ends_with(name, length, *suffix))
            return promc_fail(PROMC_E_RESERVED, "%s \"%.*s\": a %s's name must not end in \"%s\"", type->name,
                              (int)length, name, type->name, *suffix);
    }
    return 0;
}

int promc_check_name(const char *name, const struct promc_type_ops *type, bool allow_utf8, bool verbatim,
                     struct promc_names *names)
{
    if (!name)
        name = "";
    size_t length = strlen(name);
    int rc = check_characters(name, length, allow_utf8, &names->utf8);
    if (rc < 0)
        return rc;
    const char *suffix = type->suffix;
    size_t base = ends_with(name, length, suffix) ? length - strlen(suffix) : length;
    if (base == 0)
        return promc_fail(PROMC_E_NAME, "metric \"%s\": there is nothing before the suffix", name);
    memcpy(names->full, name, base);
    names->full[base] = '\0';
    names->base_length = (uint32_t)base;
    rc = verbatim ? 0 : check_reserved(names->full, base, type);
    if (!verbatim || base < length)
        strcpy(names->full + base, suffix);
    names->full_length = (uint32_t)strlen(names->full);
    if (rc == 0 && names->full_length > PROMC_NAME_MAX)
        rc = promc_fail(PROMC_E_NAME, "metric \"%.64s…\": the name is longer than %d bytes", name, PROMC_NAME_MAX);
    return rc;
}

int promc_check_unit(const struct promc_names *names, const struct promc_type_ops *type, const char *unit)
{
    if (!unit || !*unit)
        return 0;
    size_t n = strlen(unit), base = names->base_length;
    if (type->has_no_unit)
        return promc_fail(PROMC_E_UNIT, "%s \"%s\" cannot have a unit (\"%s\")", type->name, names->full, unit);
    if (n + 1 >= base || memcmp(names->full + base - n, unit, n) != 0 || names->full[base - n - 1] != '_')
        return promc_fail(PROMC_E_UNIT, "metric \"%s\": its unit \"%s\" is not the last part of \"%.*s\"", names->full,
                          unit, (int)base, names->full);
    return 0;
}

static int check_label_name(const char *metric, const char *label, bool allow_utf8, bool *utf8)
{
    size_t length = strlen(label);
    bool classic = length > 0 && promc_name_is_classic(label, length) && !strchr(label, ':');
    if (length == 0)
        return promc_fail(PROMC_E_LABEL_NAME, "metric \"%s\": a label has no name", metric);
    if (length > PROMC_NAME_MAX)
        return promc_fail(PROMC_E_LABEL_NAME, "metric \"%s\": label \"%.64s…\" is longer than %d bytes", metric, label,
                          PROMC_NAME_MAX);
    if (strcmp(label, PROMC_OVERFLOW_LABEL) == 0)
        return promc_fail(PROMC_E_LABEL_NAME, "metric \"%s\": label \"%s\" is reserved for promc", metric, label);
    if (strncmp(label, "__", 2) == 0)
        return promc_fail(PROMC_E_LABEL_NAME, "metric \"%s\": label \"%s\": names that start with \"__\" are reserved",
                          metric, label);
    for (size_t i = 0; !classic && i < length; i++) {
        unsigned char c = (unsigned char)label[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9' && i > 0);
        if (allow_utf8 ? is_control(c) : !good)
            return promc_fail(PROMC_E_LABEL_NAME, "metric \"%s\": label \"%s\": byte %zu (0x%02x) is not allowed",
                              metric, label, i, c);
    }
    if (!promc_utf8_valid(label, length))
        return promc_fail(PROMC_E_LABEL_NAME, "metric \"%s\": label \"%s\" is not UTF-8", metric, label);
    *utf8 = *utf8 || !classic;
    return 0;
}

int promc_check_constant(const char *whose, const promc_label *label, bool allow_utf8)
{
    bool utf8 = false;
    if (!label->name)
        return promc_fail(PROMC_E_LABEL_NAME, "metric \"%s\": a constant label has no name", whose);
    int rc = check_label_name(whose, label->name, allow_utf8, &utf8);
    if (rc < 0)
        return rc;
    if (!label->value || !promc_utf8_valid(label->value, strlen(label->value)))
        return promc_fail(PROMC_E_LABEL_VALUE,
                          "metric \"%s\": constant label \"%s\" has no value, or its value is not UTF-8", whose,
                          label->name);
    if (strlen(label->value) > UINT16_MAX)
        return promc_fail(PROMC_E_LABEL_VALUE, "metric \"%s\": the value of constant label \"%s\" is too long", whose,
                          label->name);
    return 0;
}

/* Name i of all the family's labels: the registry's constants, the family's, then the variable ones. */
struct label_names {
    const struct promc_arena *arena;
    const struct promc_pair *inherited;
    const promc_family_settings *settings;
    unsigned inherited_count, constant_count;
};

static const char *name_at(const struct label_names *all, unsigned i)
{
    if (i < all->inherited_count)
        return promc_at(all->arena, all->inherited[i].name.ref);
    i -= all->inherited_count;
    if (i < all->constant_count)
        return all->settings->constant_labels[i].name;
    return promc_label_wanted(all->settings, i - all->constant_count);
}

/* `a.b` and `a_b` are one label to a scraper that does not support UTF-8 names: see promc_check_clash(). */
static bool same_in_some_escaping(const char *a, const char *b)
{
    char left[PROMC_NAME_MAX + 1], right[PROMC_NAME_MAX + 1];
    *promc_escape_label_name(left, a, strlen(a), PROMC_ESCAPING_UNDERSCORES) = '\0';
    *promc_escape_label_name(right, b, strlen(b), PROMC_ESCAPING_UNDERSCORES) = '\0';
    return strcmp(left, right) == 0;
}

static int check_one_label(const struct label_names *all, unsigned i, const char *metric,
                           const struct promc_type_ops *type, bool *utf8)
{
    const char *name = name_at(all, i);
    bool allow_utf8 = all->arena->header->flags & PROMC_ARENA_UTF8_NAMES;
    int rc = check_label_name(metric, name, allow_utf8, utf8);
    if (rc < 0)
        return rc;
    if (type->reserved_label && strcmp(name, type->reserved_label) == 0)
        return promc_fail(PROMC_E_LABEL_NAME, "metric \"%s\": label \"%s\" is reserved in a %s", metric, name,
                          type->name);
    for (unsigned j = 0; j < i; j++)
        if (same_in_some_escaping(name, name_at(all, j)))
            return promc_fail(PROMC_E_LABEL_NAME, "metric \"%s\": label \"%s\" is repeated", metric, name);
    return 0;
}

int promc_check_labels(const struct promc_arena *arena, const struct promc_names *names,
                       const struct promc_type_ops *type, const promc_family_settings *settings, unsigned *count,
                       unsigned *constant_count, bool *utf8)
{
    struct label_names all = {.arena = arena, .settings = settings};
    bool allow_utf8 = arena->header->flags & PROMC_ARENA_UTF8_NAMES;
    all.inherited_count = arena->header->constant_label_count;
    all.inherited = promc_at(arena, arena->header->constant_pairs);
    while (settings->constant_labels && settings->constant_labels[all.constant_count].name) {
        int rc = promc_check_constant(names->full, &settings->constant_labels[all.constant_count], allow_utf8);
        if (rc < 0)
            return rc;
        if (++all.constant_count > UINT8_MAX)
            return promc_fail(PROMC_E_LABEL_COUNT, "metric \"%s\": too many constant labels", names->full);
    }
    if (settings->label_list && settings->labels[0])
        return promc_fail(PROMC_E_INVALID, "metric \"%s\": both labels and label_list are given", names->full);
    *count = 0;
    while (promc_label_wanted(settings, *count)) {
        if (++*count > PROMC_LABELS_MOST)
            return promc_fail(PROMC_E_LABEL_COUNT, "metric \"%s\": more than %d labels", names->full,
                              PROMC_LABELS_MOST);
    }
    *constant_count = all.inherited_count + all.constant_count;
    *utf8 = false;
    for (unsigned i = 0; i < *constant_count + *count; i++) {
        int rc = check_one_label(&all, i, names->full, type, utf8);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/*
 * A scraper that does not support UTF-8 names gets every other character as `_`. Names that become equal would be one metric
 * twice in its scrape, and it would refuse the whole scrape; so names are compared in that spelling. Classic names are unchanged.
 */
static size_t fold(char *out, const char *name, size_t length)
{
    return (size_t)(promc_escape_name(out, name, length, PROMC_ESCAPING_UNDERSCORES) - out);
}

int promc_check_clash(const struct promc_arena *arena, const struct promc_names *names,
                      const struct promc_type_ops *type, const struct promc_family_data *other,
                      const struct promc_type_ops *their_type)
{
    const char *theirs = promc_at(arena, other->name.ref);
    char left[PROMC_NAME_MAX + 16], right[PROMC_NAME_MAX + 16];
    size_t left_base = fold(left, names->full, names->base_length);
    size_t right_base = fold(right, theirs, other->base_length);
    if (left_base == right_base && memcmp(left, right, left_base) == 0)
        return promc_fail(PROMC_E_DUPLICATE, "metric \"%s\" is already registered as %s \"%s\"", names->full,
                          their_type->name, theirs);
    for (const char *const *mine = type->samples; *mine; mine++) {
        for (const char *const *their = their_type->samples; *their; their++) {
            size_t a = strlen(*mine), b = strlen(*their);
            if (left_base + a != right_base + b)
                continue;
            memcpy(left + left_base, *mine, a);
            memcpy(right + right_base, *their, b);
            if (memcmp(left, right, left_base + a) == 0)
                return promc_fail(PROMC_E_RESERVED, "%s \"%s\": its \"%.*s\" clashes with %s \"%s\"", type->name,
                                  names->full, (int)(left_base + a), left, their_type->name, theirs);
        }
    }
    return 0;
}
