/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resumable walk over a registry. Its state is (family, series, unit); output that does not fit into the caller's buffer waits
 * in `side`. See encoder.h for the interface between the walk and the syntaxes.
 */
#include "expose/scrape.h"
#include "arena/lock.h"
#include "expose/encoder.h"
#include "series/birth.h"
#include "series/expiry.h"
#include "series/reclaim.h"
#include "series/remove.h"
#include "shard/shard.h"

#include <stdlib.h>

/* First size of promc_scrape_string()'s result. */
#define STRING_START 4096

/* Maximum removed series that a scrape reclaims, so that its first slice does not take long. */
#define RECLAIM_PER_SCRAPE 256

enum stage { FAMILY, SERIES, UNITS, ENDING, FOOT, DONE };

struct promc_scrape {
    promc_registry *registry;
    struct promc_reading reading;
    struct promc_encoder encoder;
    const char *const *names;
    size_t name_count;
    promc_registry *const *earlier; /* part of an exposition of several registries: see scrape.h */
    size_t earlier_count;
    bool no_foot;
    bool special; /* the family's series expire, or are born at zero */
    bool unseen;  /* promc's own metrics do not count this scrape */
    enum stage stage;
    int error;               /* sticky */
    promc_str rest;          /* prepared bytes that must be handed out first */
    struct promc_bytes side; /* a unit that did not fit; `rest` points into it */
    uint64_t started_ns;
    uint64_t bytes;
};

/* A family is requested by its name or by the name of any of its samples. */
static bool name_matches(const struct promc_family_view *family, const char *name)
{
    static const char *const suffixes[] = {"_total", "_bucket", "_sum", "_count", "_created", "_info"};
    size_t length = strlen(name);
    if (length == family->sample_name.length && memcmp(name, family->sample_name.data, length) == 0)
        return true;
    if (length < family->name.length || memcmp(name, family->name.data, family->name.length) != 0)
        return false;
    const char *suffix = name + family->name.length;
    bool matches = *suffix == '\0';
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]) && !matches; i++)
        matches = strcmp(suffix, suffixes[i]) == 0;
    return matches;
}

/* Does the registry have a family with that OpenMetrics name? promc's own do not count. */
static bool has_family(promc_registry *registry, promc_str name)
{
    const struct promc_arena *arena = &registry->arena;
    for (struct promc_family_data *data = NULL; (data = promc_family_after(arena, data));)
        if (data->base_length == name.length && !(promc_load(&data->flags) & PROMC_FAMILY_SELF) &&
            memcmp(promc_at(arena, data->name.ref), name.data, name.length) == 0)
            return true;
    return false;
}

static bool was_shown(const struct promc_scrape *scrape, const struct promc_family_view *family)
{
    bool shown = false;
    for (size_t i = 0; i < scrape->earlier_count && !shown; i++)
        shown = has_family(scrape->earlier[i], family->name);
    return shown;
}

const char *promc_scrape_common_family(promc_registry *one, promc_registry *other)
{
    const struct promc_arena *arena = &one->arena;
    for (struct promc_family_data *data = NULL; (data = promc_family_after(arena, data));) {
        const char *name = promc_at(arena, data->name.ref);
        if (!(promc_load(&data->flags) & PROMC_FAMILY_SELF) && has_family(other, (promc_str){name, data->base_length}))
            return name;
    }
    return NULL;
}

void promc_scrape_is_part(promc_scrape *scrape, promc_registry *const *earlier, size_t count, bool last)
{
    scrape->earlier = earlier;
    scrape->earlier_count = count;
    scrape->no_foot = !last;
    scrape->reading.hidden |= count > 0 ? PROMC_FAMILY_SELF : 0;
}

static bool is_wanted(const struct promc_scrape *scrape, const struct promc_family_view *family)
{
    if (scrape->earlier_count > 0 && was_shown(scrape, family))
        return false;
    bool wanted = !scrape->names || scrape->name_count == 0;
    for (size_t i = 0; i < scrape->name_count && !wanted; i++)
        wanted = name_matches(family, scrape->names[i]);
    return wanted;
}

/* Is the series due to expire? Then it is removed instead of shown. */
static bool has_gone(const struct promc_scrape *scrape, const struct promc_family_data *data)
{
    struct promc_child *child = scrape->encoder.series.child;
    uint32_t now = scrape->reading.now;
    return (data->birth_zero_seconds != 0 && promc_child_gone(scrape->registry, child, now)) ||
           (data->idle_expiry_seconds != 0 && promc_child_expired(scrape->registry, child, now));
}

/* In a family whose series expire, or are born at zero. */
static bool next_of_special(struct promc_scrape *scrape)
{
    struct promc_encoder *e = &scrape->encoder;
    const struct promc_family_data *data = e->family.data;
    while (promc_reading_next_series(&scrape->reading, &e->series)) {
        if (has_gone(scrape, data))
            continue;
        e->withheld = e->scraper && data->birth_zero_seconds != 0 &&
                      promc_birth_is_young(scrape->registry, data, e->series.ticks, scrape->reading.now);
        return true;
    }
    return false;
}

/* Advance to the next series of the current family. */
static inline bool next_child(struct promc_scrape *scrape)
{
    return PROMC_LIKELY(!scrape->special) ? promc_reading_next_series(&scrape->reading, &scrape->encoder.series)
                                          : next_of_special(scrape);
}

static bool next_shown_family(struct promc_scrape *scrape)
{
    struct promc_encoder *e = &scrape->encoder;
    if (!promc_reading_next_family(&scrape->reading, &e->family))
        return false;
    const struct promc_family_data *data = e->family.data;
    scrape->special = (data->idle_expiry_seconds | data->birth_zero_seconds) != 0 && !scrape->registry->arena.readonly;
    e->withheld = false;
    return true;
}

/* Advance to the next wanted family with a series, and to that series. A family without series is left out completely. */
static void next_family(struct promc_scrape *scrape)
{
    struct promc_encoder *e = &scrape->encoder;
    do {
        if (!next_shown_family(scrape)) {
            scrape->stage = FOOT;
            return;
        }
    } while (!is_wanted(scrape, &e->family) || !next_child(scrape));
    scrape->error = e->syntax->begin_family(e);
    scrape->rest = e->head;
    if (scrape->error == 0)
        scrape->error = e->syntax->begin_series(e);
    scrape->stage = UNITS;
}

static void next_series(struct promc_scrape *scrape)
{
    struct promc_encoder *e = &scrape->encoder;
    if (!next_child(scrape)) {
        e->unit = e->units = 0;
        if (e->syntax->end_family)
            e->syntax->end_family(e);
        scrape->stage = e->units > 0 ? ENDING : FAMILY;
        return;
    }
    scrape->error = e->syntax->begin_series(e);
    scrape->stage = UNITS;
}

/* Hand out the rest of prepared bytes. */
static char *put_rest(struct promc_scrape *scrape, char *out, const char *end)
{
    size_t room = (size_t)(end - out);
    size_t length = scrape->rest.length < room ? scrape->rest.length : room;
    memcpy(out, scrape->rest.data, length);
    scrape->rest.data += length;
    scrape->rest.length -= length;
    return out + length;
}

/* Write units straight into the caller's buffer; one that may not fit goes to `side`. */
static char *put_units(struct promc_scrape *scrape, char *out, const char *end)
{
    struct promc_encoder *e = &scrape->encoder;
    if ((size_t)(end - out) >= e->unit_max) {
        out = e->syntax->put(e, out, end);
    } else {
        promc_bytes_clear(&scrape->side);
        char *side = promc_bytes_reserve(&scrape->side, e->unit_max);
        if (!side) {
            scrape->error = PROMC_E_NOMEM;
            return out;
        }
        scrape->rest.data = side;
        scrape->rest.length = (size_t)(e->syntax->put(e, side, side + e->unit_max) - side);
    }
    if (e->unit == e->units)
        scrape->stage = scrape->stage == UNITS ? SERIES : FAMILY;
    return out;
}

static char *step(struct promc_scrape *scrape, char *out, const char *end)
{
    switch (scrape->stage) {
    case FAMILY:
        next_family(scrape);
        return out;
    case SERIES:
        if (scrape->encoder.syntax->put_series && !scrape->special)
            out = scrape->encoder.syntax->put_series(&scrape->encoder, &scrape->reading, out, end);
        next_series(scrape);
        return out;
    case UNITS:
    case ENDING:
        return put_units(scrape, out, end);
    default:
        scrape->rest = scrape->no_foot ? (promc_str){"", 0} : scrape->encoder.syntax->foot;
        scrape->stage = DONE;
        return out;
    }
}

static void finish(struct promc_scrape *scrape)
{
    if (scrape->reading.registry) {
        promc_reading_end(&scrape->reading);
        scrape->reading.registry = NULL;
        if (!scrape->unseen) {
            promc_gauge_set(scrape->registry->scrape_duration, (double)(promc_now_ns() - scrape->started_ns) / 1e9);
            promc_gauge_set(scrape->registry->scrape_bytes, (double)scrape->bytes);
        }
    }
}

long promc_scrape_read(promc_scrape *scrape, char *buffer, size_t capacity)
{
    if (!scrape || !buffer || capacity == 0)
        return promc_fail(PROMC_E_INVALID,
                          "promc_scrape_read: scrape and buffer must not be NULL, capacity must be above 0");
    char *out = buffer;
    const char *end = buffer + (capacity < PTRDIFF_MAX ? capacity : PTRDIFF_MAX);
    while (scrape->error == 0 && out < end)
        if (scrape->rest.length > 0)
            out = put_rest(scrape, out, end);
        else if (scrape->stage == DONE)
            break;
        else
            out = step(scrape, out, end);
    if (scrape->error != 0) {
        return promc_fail(scrape->error, "promc_scrape_read: no memory for a line of metric \"%.*s\"",
                          (int)scrape->encoder.family.name.length, scrape->encoder.family.name.data);
    }
    scrape->bytes += (uint64_t)(out - buffer);
    if (scrape->stage == DONE && scrape->rest.length == 0)
        finish(scrape);
    return (long)(out - buffer);
}

static const struct promc_syntax *syntax_of(enum promc_format format)
{
    switch (format) {
    case PROMC_FORMAT_TEXT:
        return &promc_syntax_text;
    case PROMC_FORMAT_OPENMETRICS:
        return &promc_syntax_openmetrics;
    case PROMC_FORMAT_PROTOBUF:
        return &promc_syntax_protobuf;
    default:
        return NULL;
    }
}

/* Before a scrape reads: collectors, callbacks and housekeeping. Reading itself changes nothing. */
static void prepare(promc_registry *registry, const promc_scrape_settings *settings)
{
    if (registry->arena.readonly)
        return;
    if (!settings->no_collectors)
        registry->hooks->collect(registry, settings->deadline_ns);
    promc_registry_lock(registry);
    if (registry->arena.shared)
        promc_shards_reap(registry);
    promc_reclaim(registry, RECLAIM_PER_SCRAPE);
    promc_registry_unlock(registry);
}

int promc_scrape_begin(promc_registry *registry, const promc_scrape_settings *settings, promc_scrape **out)
{
    static const promc_scrape_settings defaults = {.format = PROMC_FORMAT_TEXT};
    if (!registry || !out)
        return promc_fail(PROMC_E_INVALID, "promc_scrape_begin: registry and out must not be NULL");
    *out = NULL;
    settings = settings ? settings : &defaults;
    int error = PROMC_RESERVED_CHECK(promc_scrape_settings, settings);
    if (error != 0)
        return error;
    const struct promc_syntax *syntax = syntax_of(settings->format);
    if (!syntax || (unsigned)settings->escaping > PROMC_ESCAPING_VALUES) {
        return promc_fail(PROMC_E_INVALID, "promc_scrape_begin: format %d with escaping %d does not exist",
                          (int)settings->format, (int)settings->escaping);
    }
    uint64_t started = promc_now_ns();
    prepare(registry, settings); /* before anything is allocated or registered: a collector may never return */
    promc_scrape *scrape = calloc(1, sizeof(*scrape));
    if (!scrape)
        return promc_fail(PROMC_E_NOMEM, "promc_scrape_begin: no memory for a scrape");
    scrape->registry = registry;
    scrape->started_ns = started;
    scrape->unseen = settings->no_collectors;
    scrape->names = settings->names;
    scrape->name_count = settings->name_count;
    scrape->encoder.registry = registry;
    scrape->encoder.syntax = syntax;
    scrape->encoder.escaping = settings->escaping;
    scrape->encoder.no_timestamps = settings->no_timestamps != 0;
    scrape->encoder.scraper = settings->for_scraper && !registry->arena.readonly;
    scrape->encoder.openmetrics = settings->format == PROMC_FORMAT_OPENMETRICS;
    scrape->encoder.created_timestamps = (registry->arena.header->flags & PROMC_ARENA_CREATED_TIMESTAMPS) != 0;
    error = promc_reading_begin(registry, &scrape->reading);
    if (error != 0) {
        free(scrape);
        return error;
    }
    if (settings->no_self_metrics)
        scrape->reading.hidden |= PROMC_FAMILY_SELF | PROMC_FAMILY_COLLECTED;
    *out = scrape;
    return 0;
}

void promc_scrape_end(promc_scrape *scrape)
{
    if (!scrape)
        return;
    if (scrape->reading.registry)
        promc_reading_end(&scrape->reading); /* an aborted scrape: its duration and size are not recorded */
    promc_bytes_free(&scrape->side);
    promc_bytes_free(&scrape->encoder.text.spelt);
    promc_bytes_free(&scrape->encoder.text.prepared);
    promc_bytes_free(&scrape->encoder.protobuf.prepared);
    promc_bytes_free(&scrape->encoder.protobuf.parts);
    free(scrape);
}

/* The rest of a scrape that has begun, as one text. */
static int read_all(promc_scrape *scrape, struct promc_bytes *text)
{
    for (size_t step = STRING_START;; step = text->length) {
        char *place = promc_bytes_reserve(text, step < STRING_START ? STRING_START : step);
        if (!place)
            return promc_fail(PROMC_E_NOMEM, "promc_scrape_string: no memory for more than %zu bytes", text->length);
        long n = promc_scrape_read(scrape, place, text->capacity - text->length - 1);
        if (n <= 0) {
            place[0] = '\0';
            return (int)n;
        }
        text->length += (size_t)n;
    }
}

int promc_scrape_string(promc_registry *registry, const promc_scrape_settings *settings, char **out, size_t *length)
{
    promc_scrape *scrape;
    if (!out)
        return promc_fail(PROMC_E_INVALID, "promc_scrape_string: out must not be NULL");
    *out = NULL;
    int error = promc_scrape_begin(registry, settings, &scrape);
    if (error != 0)
        return error;
    struct promc_bytes text = {0};
    error = read_all(scrape, &text);
    promc_scrape_end(scrape);
    if (error != 0) {
        promc_bytes_free(&text);
        return error;
    }
    *out = text.data;
    if (length)
        *length = text.length;
    return 0;
}
