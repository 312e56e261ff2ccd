/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/overrides.h"
#include "base/platform.h"
#include "types/bounds.h"
#include "types/native.h"
#include "types/window.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if __has_include(<xlocale.h>) /* BSD and macOS declare strtod_l() there */
#include <xlocale.h>
#endif

#define FILE_MAX ((size_t)1 << 20)

/* The name that stands for all metrics. */
static const char all_metrics[] = "*";

/* An entry that is being read. `at` … `end` is the rest of it. */
struct reader {
    const char *at, *end;
    size_t entry;      /* from 1 */
    locale_t c_locale; /* numbers have a decimal point, whatever the program's locale is */
};

static int fault(const struct reader *reader, const char *what, const char *where, size_t length)
{
    return promc_fail(PROMC_E_INVALID, "overrides, entry %zu: %s \"%.*s\"", reader->entry, what,
                      (int)(length > 80 ? 80 : length), where);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word, or an empty one at the entry's end. */
static promc_str next_word(struct reader *reader)
{
    while (reader->at < reader->end && is_space(*reader->at))
        reader->at++;
    const char *start = reader->at;
    while (reader->at < reader->end && !is_space(*reader->at))
        reader->at++;
    return (promc_str){start, (size_t)(reader->at - start)};
}

static bool read_double(const struct reader *reader, const char *at, size_t length, double *out)
{
    char text[64], *rest;
    if (length == 0 || length >= sizeof(text))
        return false;
    memcpy(text, at, length);
    text[length] = '\0';
    *out = strtod_l(text, &rest, reader->c_locale);
    return *rest == '\0' && rest != text;
}

static bool read_u32(const char *at, size_t length, uint32_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < length; i++) {
        if (at[i] < '0' || at[i] > '9' || n > UINT32_MAX)
            return false;
        n = n * 10 + (uint64_t)(at[i] - '0');
    }
    *out = (uint32_t)n;
    return length > 0 && n <= UINT32_MAX;
}

/* Numbers separated by commas; at most `most`. */
static int read_list(const struct reader *reader, promc_str value, size_t most, double *out, size_t *count)
{
    const char *at = value.data, *end = value.data + value.length;
    *count = 0;
    for (;;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t length = (size_t)((comma ? comma : end) - at);
        if (*count == most)
            return fault(reader, "too many numbers in", value.data, value.length);
        if (!read_double(reader, at, length, &out[(*count)++]))
            return fault(reader, "not a number:", at, length);
        if (!comma)
            return 0;
        at = comma + 1;
    }
}

static int keep_list(const double *list, size_t count, double **out)
{
    *out = malloc(count * sizeof(*list));
    if (!*out)
        return promc_fail(PROMC_E_NOMEM, "overrides: out of memory");
    memcpy(*out, list, count * sizeof(*list));
    return 0;
}

static int read_bounds(const struct reader *reader, promc_str value, struct promc_override *out)
{
    double bounds[PROMC_MAX_BUCKETS + 1];
    int rc = read_list(reader, value, PROMC_MAX_BUCKETS + 1, bounds, &out->bound_count);
    if (rc == 0)
        rc = promc_bounds_check(out->name, bounds, &out->bound_count);
    return rc < 0 ? rc : keep_list(bounds, out->bound_count, &out->bounds);
}

static int read_quantiles(const struct reader *reader, promc_str value, struct promc_override *out)
{
    double given[PROMC_MAX_QUANTILES], sorted[PROMC_MAX_QUANTILES];
    int rc = read_list(reader, value, PROMC_MAX_QUANTILES, given, &out->quantile_count);
    if (rc == 0)
        rc = promc_quantiles_check(out->name, given, out->quantile_count, sorted);
    return rc < 0 ? rc : keep_list(sorted, out->quantile_count, &out->quantiles);
}

static bool is_key(promc_str word, size_t key_length, const char *key)
{
    return strlen(key) == key_length && memcmp(word.data, key, key_length) == 0;
}

static int read_kind(const struct reader *reader, promc_str value, struct promc_override *out)
{
    static const char *const kinds[] = {"classic", "native", "both"}; /* as enum promc_histogram_kind */
    out->has_kind = true;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (is_key(value, value.length, kinds[i])) {
            out->kind = (enum promc_histogram_kind)i;
            return 0;
        }
    }
    return fault(reader, "not classic, native or both:", value.data, value.length);
}

static int read_schema(const struct reader *reader, promc_str value, struct promc_override *out)
{
    double schema;
    out->has_schema = true;
    if (!read_double(reader, value.data, value.length, &schema) ||
        !(schema >= PROMC_NATIVE_SCHEMA_MIN && schema <= PROMC_NATIVE_SCHEMA_MAX) || schema != (int)schema)
        return fault(reader, "not a schema from -4 to 8:", value.data, value.length);
    out->native.schema = (int)schema;
    return 0;
}

static int read_max_buckets(const struct reader *reader, promc_str value, struct promc_override *out)
{
    out->has_max_buckets = true;
    return read_u32(value.data, value.length, &out->native.limit) && out->native.limit >= PROMC_NATIVE_LEAST_BUCKETS &&
                   out->native.limit <= PROMC_NATIVE_MOST_BUCKETS
               ? 0
               : fault(reader, "not a number of buckets from 8 to 256:", value.data, value.length);
}

static int read_zero_threshold(const struct reader *reader, promc_str value, struct promc_override *out)
{
    double *threshold = &out->native.zero_threshold;
    out->has_zero_threshold = true;
    if (!read_double(reader, value.data, value.length, threshold) || !(*threshold >= 0 && isfinite(*threshold)))
        return fault(reader, "not a threshold of 0 or more:", value.data, value.length);
    *threshold += 0.0; /* no -0 */
    return 0;
}

static int read_birth_zero(const struct reader *reader, promc_str value, struct promc_override *out)
{
    uint32_t seconds;
    out->has_birth_zero = true;
    if (!read_u32(value.data, value.length, &seconds) || seconds > PROMC_BIRTH_ZERO_MOST)
        return fault(reader, "not a number of seconds up to 86400:", value.data, value.length);
    out->birth_zero_seconds = seconds ? seconds : PROMC_BIRTH_ZERO_OFF;
    return 0;
}

static int read_pair(const struct reader *reader, promc_str word, struct promc_override *out)
{
    const char *equals = memchr(word.data, '=', word.length);
    if (!equals)
        return fault(reader, "not of the form key=value:", word.data, word.length);
    size_t key = (size_t)(equals - word.data);
    promc_str value = {equals + 1, word.length - key - 1};
    if (is_key(word, key, "buckets") && !out->bounds)
        return read_bounds(reader, value, out);
    if (is_key(word, key, "histogram") && !out->has_kind)
        return read_kind(reader, value, out);
    if (is_key(word, key, "schema") && !out->has_schema)
        return read_schema(reader, value, out);
    if (is_key(word, key, "max_buckets") && !out->has_max_buckets)
        return read_max_buckets(reader, value, out);
    if (is_key(word, key, "zero_threshold") && !out->has_zero_threshold)
        return read_zero_threshold(reader, value, out);
    if (is_key(word, key, "quantiles") && !out->quantiles)
        return read_quantiles(reader, value, out);
    if (is_key(word, key, "max_age_seconds") && out->max_age_seconds == 0)
        return read_u32(value.data, value.length, &out->max_age_seconds) && out->max_age_seconds > 0 &&
                       out->max_age_seconds <= PROMC_MAX_AGE_MOST
                   ? 0
                   : fault(reader, "not a number of seconds up to 604800:", value.data, value.length);
    if (is_key(word, key, "max_series") && !out->has_max_series) {
        out->has_max_series = true;
        return read_u32(value.data, value.length, &out->max_series) && out->max_series > 0
                   ? 0
                   : fault(reader, "not a number of series:", value.data, value.length);
    }
    if (is_key(word, key, "idle_expiry_seconds") && !out->has_idle_expiry) {
        out->has_idle_expiry = true;
        return read_u32(value.data, value.length, &out->idle_expiry_seconds)
                   ? 0
                   : fault(reader, "not a number of seconds:", value.data, value.length);
    }
    if (is_key(word, key, "birth_zero_seconds") && !out->has_birth_zero)
        return read_birth_zero(reader, value, out);
    if (is_key(word, key, "cap_label") && !out->cap_label) {
        out->cap_label = strndup(value.data, value.length);
        return out->cap_label ? 0 : promc_fail(PROMC_E_NOMEM, "overrides: out of memory");
    }
    return fault(reader, "unknown or repeated key", word.data, key);
}

static struct promc_override *find(struct promc_override *overrides, const char *name, size_t length)
{
    for (; overrides; overrides = overrides->next)
        if (strlen(overrides->name) == length && memcmp(overrides->name, name, length) == 0)
            return overrides;
    return NULL;
}

/* An empty entry, or one that starts with '#', is skipped. */
static int read_entry(struct reader *reader, struct promc_override **list)
{
    promc_str name = next_word(reader);
    if (name.length == 0 || name.data[0] == '#')
        return 0;
    if (find(*list, name.data, name.length))
        return fault(reader, "a second entry for", name.data, name.length);
    struct promc_override *new = calloc(1, sizeof(*new));
    if (!new || !(new->name = strndup(name.data, name.length))) {
        free(new);
        return promc_fail(PROMC_E_NOMEM, "overrides: out of memory");
    }
    new->next = *list;
    *list = new;
    promc_str word = next_word(reader);
    if (word.length == 0)
        return fault(reader, "no setting given for", name.data, name.length);
    int rc = 0;
    for (; rc == 0 && word.length > 0; word = next_word(reader))
        if (strcmp(new->name, all_metrics) == 0 && !is_key(word, strcspn(word.data, "="), "birth_zero_seconds"))
            rc = fault(reader, "cannot be set for all metrics:", word.data, word.length);
        else
            rc = read_pair(reader, word, new);
    return rc;
}

int promc_overrides_parse(const char *text, struct promc_override **out)
{
    struct promc_override *list = NULL;
    struct reader reader = {.c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0)};
    int rc = reader.c_locale ? 0 : promc_fail(PROMC_E_NOMEM, "overrides: out of memory");
    *out = NULL;
    while (rc == 0 && text && *text) {
        /* A comment runs to the line's end, semicolons included. */
        bool comment = text[strspn(text, " \t\r")] == '#';
        size_t length = strcspn(text, comment ? "\n" : ";\n");
        reader.at = text;
        reader.end = text + length;
        reader.entry++;
        rc = read_entry(&reader, &list);
        text += length + (text[length] != '\0');
    }
    if (reader.c_locale)
        freelocale(reader.c_locale);
    if (rc < 0)
        promc_overrides_free(list);
    else
        *out = list;
    return rc;
}

static int read_file(const char *path, char **text)
{
    *text = NULL;
    FILE *file = fopen(path, "re");
    if (!file)
        return promc_fail(PROMC_E_IO, "overrides: \"%s\": %s", path, strerror(errno));
    char *buffer = malloc(FILE_MAX + 1);
    size_t length = buffer ? fread(buffer, 1, FILE_MAX + 1, file) : 0;
    bool failed = ferror(file);
    fclose(file);
    if (!buffer)
        return promc_fail(PROMC_E_NOMEM, "overrides: out of memory");
    if (failed || length > FILE_MAX || memchr(buffer, '\0', length)) {
        free(buffer);
        return failed ? promc_fail(PROMC_E_IO, "overrides: reading \"%s\" failed", path)
                      : promc_fail(PROMC_E_INVALID, "overrides: \"%s\" is not a text file of at most 1 MiB", path);
    }
    buffer[length] = '\0';
    *text = buffer;
    return 0;
}

int promc_overrides_load(const char *given, struct promc_override **out)
{
    /* The environment is ignored in a program that has more rights than its caller (set-user-ID). */
    const char *text = given ? given : promc_getenv("PROMC_OVERRIDES");
    *out = NULL;
    if (!text || text[0] != '@')
        return promc_overrides_parse(text, out);
    char *from_file;
    int rc = read_file(text + 1, &from_file);
    if (rc == 0)
        rc = promc_overrides_parse(from_file, out);
    free(from_file);
    return rc;
}

void promc_overrides_free(struct promc_override *overrides)
{
    while (overrides) {
        struct promc_override *next = overrides->next;
        free(overrides->name);
        free(overrides->cap_label);
        free(overrides->bounds);
        free(overrides->quantiles);
        free(overrides);
        overrides = next;
    }
}

/* Counters and infos match with or without the suffix. */
static struct promc_override *find_for(struct promc_override *overrides, const char *name, enum promc_type type)
{
    size_t length = strlen(name);
    const char *suffix = type == PROMC_COUNTER ? "_total" : type == PROMC_INFO ? "_info" : "";
    size_t cut = strlen(suffix);
    struct promc_override *found = find(overrides, name, length);
    if (!found && cut > 0 && length > cut && strcmp(name + length - cut, suffix) == 0)
        found = find(overrides, name, length - cut);
    for (struct promc_override *o = overrides; !found && cut > 0 && o; o = o->next)
        if (strlen(o->name) == length + cut && strncmp(o->name, name, length) == 0 &&
            strcmp(o->name + length, suffix) == 0)
            found = o;
    return found;
}

static int apply_to_summary(const struct promc_override *override, const struct promc_family_plan *plan)
{
    struct promc_summary_data *summary = plan->summary;
    if (!override->quantiles && override->max_age_seconds == 0)
        return 0;
    if (!summary || summary->quantile_count == 0)
        return promc_fail(PROMC_E_INVALID, "overrides: metric \"%s\" is not a summary with quantiles", override->name);
    if (override->max_age_seconds)
        summary->max_age_seconds = override->max_age_seconds;
    if (!override->quantiles)
        return 0;
    memset(summary->quantiles, 0, sizeof(summary->quantiles));
    memcpy(summary->quantiles, override->quantiles, override->quantile_count * sizeof(double));
    summary->quantile_count = override->quantile_count;
    return 0;
}

static int apply_to_histogram(const struct promc_override *override, struct promc_family_plan *plan)
{
    bool native = override->has_schema || override->has_max_buckets || override->has_zero_threshold;
    if (!native && !override->has_kind && !override->bounds)
        return 0;
    if (plan->type != PROMC_HISTOGRAM)
        return promc_fail(PROMC_E_INVALID, "overrides: metric \"%s\" is not a histogram and has no buckets",
                          override->name);
    if (override->has_kind)
        plan->kind = override->kind;
    if (native && plan->kind == PROMC_HISTOGRAM_CLASSIC)
        return promc_fail(PROMC_E_INVALID,
                          "overrides: metric \"%s\" is not a native histogram (histogram=both makes it one)",
                          override->name);
    if (override->bounds && plan->kind == PROMC_HISTOGRAM_NATIVE)
        return promc_fail(PROMC_E_INVALID, "overrides: metric \"%s\" has no classic buckets (histogram=both adds them)",
                          override->name);
    if (override->has_schema)
        plan->native.schema = override->native.schema;
    if (override->has_max_buckets)
        plan->native.limit = override->native.limit;
    if (override->has_zero_threshold)
        plan->native.zero_threshold = override->native.zero_threshold;
    if (override->bounds) {
        plan->bounds = override->bounds;
        plan->bound_count = override->bound_count;
    }
    return 0;
}

int promc_overrides_apply(promc_registry *registry, struct promc_family_plan *plan, promc_family_settings *settings)
{
    if (!registry->overrides || !settings->name)
        return 0;
    struct promc_override *override = find_for(registry->overrides, settings->name, plan->type);
    struct promc_override *all = find(registry->overrides, all_metrics, 1);
    if (all) {
        promc_store(&all->used, true);
        if (settings->birth_zero_seconds == 0)
            settings->birth_zero_seconds = all->birth_zero_seconds;
    }
    if (!override)
        return 0;
    promc_store(&override->used, true);
    if (override->has_max_series)
        settings->max_series = override->max_series;
    if (override->has_idle_expiry && settings->idle_expiry_seconds == 0)
        plan->flags |= PROMC_FAMILY_SLEEPS; /* the program does not know about the expiry, and may keep handles */
    if (override->has_idle_expiry)
        settings->idle_expiry_seconds = override->idle_expiry_seconds;
    if (override->has_birth_zero)
        settings->birth_zero_seconds = override->birth_zero_seconds;
    if (override->cap_label)
        settings->cap_label = override->cap_label;
    int rc = apply_to_summary(override, plan);
    return rc < 0 ? rc : apply_to_histogram(override, plan);
}

const char *promc_overrides_unused(const promc_registry *registry)
{
    for (const struct promc_override *o = registry->overrides; o; o = o->next)
        if (!promc_load(&o->used))
            return o->name;
    return NULL;
}
