/* SPDX-License-Identifier: Apache-2.0 */
/* One /metrics answer, from the request's head to the last slice. */
#include "arena/registry.h"
#include "expose/request.h"
#include "expose/scrape.h"
#include "series/birth.h"

#include <promc/exposition.h>
#include <promc/histogram.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SCRAPES 32 /* scrapes in flight of a registry; see promc_scrape_begin() */
#define SLICE (32 * 1024)
#define HEADERS 4
#define MORE_MOST 64

struct promc_exposition {
    const promc_compressor *compressor;
    unsigned max_scrapes;
    uint64_t open;         /* atomic: process ID << 32 | its scrapes that have a place */
    size_t registry_count; /* at least 1 */
    promc_registry *registries[];
};

struct promc_exposition_scrape {
    promc_exposition *exposition;
    promc_exposition_head head;
    promc_exposition_header headers[HEADERS];
    bool has_place;
    bool is_head; /* HEAD: no body */
    promc_scrape_settings settings;
    struct promc_wanted names;
    promc_scrape *scrape; /* NULL: not begun, or the body is an error's line */
    size_t at;            /* its registry */
    size_t error_sent;    /* bytes of head.error and its line end */
    /* compressed: */
    const promc_compressor *compressor; /* NULL: as it is */
    void *stream;
    char *slice; /* SLICE bytes: output of the scrape that the compressor has not read */
    const char *input;
    size_t input_length;
    bool drained; /* the scrape is complete */
};

static promc_registry *registry_at(promc_registry *first, const promc_exposition_settings *settings, size_t i)
{
    return i == 0 ? first : settings->more[i - 1];
}

/* Check that no registry is NULL or twice in the list, and that no family is in two registries. */
static int check_registries(promc_registry *first, const promc_exposition_settings *settings)
{
    if (settings->more_count > MORE_MOST || (settings->more_count > 0 && !settings->more)) {
        return promc_fail(PROMC_E_INVALID, "more_count is %llu, must be at most %d, and more must not be NULL",
                          (unsigned long long)settings->more_count, MORE_MOST);
    }
    for (size_t i = 1; i <= settings->more_count; i++) {
        promc_registry *registry = settings->more[i - 1];
        for (size_t j = 0; j < i; j++) {
            promc_registry *other = registry_at(first, settings, j);
            if (!registry || registry == other) {
                return promc_fail(PROMC_E_INVALID, "more[%zu] is %s", i - 1,
                                  !registry ? "NULL" : "a registry that is already in the list");
            }
            const char *common = promc_scrape_common_family(other, registry);
            if (common)
                return promc_fail(PROMC_E_DUPLICATE, "metric \"%s\" is in two of the registries", common);
        }
    }
    return 0;
}

int promc_exposition_create(promc_exposition **out, promc_registry *registry, const promc_exposition_settings *settings)
{
    static const promc_exposition_settings defaults;
    if (!out || !registry)
        return promc_fail(PROMC_E_INVALID, "promc_exposition_create: out and registry must not be NULL");
    *out = NULL;
    settings = settings ? settings : &defaults;
    if (settings->max_scrapes > MAX_SCRAPES)
        return promc_fail(PROMC_E_INVALID, "max_scrapes is %u, must be at most %d", settings->max_scrapes, MAX_SCRAPES);
    int rc = PROMC_RESERVED_CHECK(promc_exposition_settings, settings);
    if (rc == 0 && settings->compressor)
        rc = PROMC_RESERVED_CHECK(promc_compressor, settings->compressor);
    if (rc != 0)
        return rc;
    rc = check_registries(registry, settings);
    if (rc != 0)
        return rc;
    size_t more = (size_t)settings->more_count; /* at most 64 */
    promc_exposition *exposition = calloc(1, sizeof(*exposition) + (1 + more) * sizeof(exposition->registries[0]));
    if (!exposition)
        return promc_fail(PROMC_E_NOMEM, "no memory for an exposition");
    exposition->registry_count = 1 + more;
    exposition->registries[0] = registry;
    for (size_t i = 0; i < more; i++)
        exposition->registries[1 + i] = settings->more[i];
    exposition->compressor = settings->compressor;
    exposition->max_scrapes = settings->max_scrapes != 0 ? settings->max_scrapes : MAX_SCRAPES;
    *out = exposition;
    return 0;
}

void promc_exposition_destroy(promc_exposition *exposition)
{
    free(exposition);
}

static void add_header(promc_exposition_scrape *scrape, const char *name, const char *value)
{
    scrape->headers[scrape->head.header_count++] = (promc_exposition_header){name, value};
}

/*
 * Add 1 or -1 to the places taken, unless that leaves 0 … max_scrapes. The places of the parent of a forked child do not count: its threads,
 * which would give them back, are not in the child. @return false: unchanged.
 */
static bool add_place(promc_exposition *exposition, int by)
{
    const uint64_t process = (uint64_t)(uint32_t)getpid() << 32;
    uint64_t before = promc_load(&exposition->open), after;
    do {
        uint32_t taken = before >> 32 == process >> 32 ? (uint32_t)before : 0;
        if (by < 0 ? taken == 0 : taken >= exposition->max_scrapes)
            return false;
        after = process | (by < 0 ? taken - 1 : taken + 1);
    } while (!__atomic_compare_exchange_n(&exposition->open, &before, after, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

static void give_place_back(promc_exposition_scrape *scrape)
{
    if (scrape->has_place)
        (void)add_place(scrape->exposition, -1);
    scrape->has_place = false;
}

/* The answer is an error, with its line as the body. */
static void refuse(promc_exposition_scrape *scrape, int status, const char *error)
{
    give_place_back(scrape);
    scrape->head = (promc_exposition_head){.status = status, .headers = scrape->headers, .error = error};
    add_header(scrape, "Content-Type", "text/plain; charset=utf-8");
    if (status == 503)
        add_header(scrape, "Retry-After", "1");
}

static bool take_place(promc_exposition_scrape *scrape)
{
    scrape->has_place = add_place(scrape->exposition, 1);
    if (scrape->has_place)
        return true;
    refuse(scrape, 503, "too many scrapes in flight");
    return false;
}

static bool negotiate(promc_exposition_scrape *scrape, const promc_exposition_request *request)
{
    char *accept = promc_field_join(&request->accept);
    if (!accept)
        return false;
    promc_negotiate(accept, &scrape->settings);
    free(accept);
    const promc_compressor *compressor = scrape->exposition->compressor;
    if (compressor && promc_accepts_coding(&request->accept_encoding, compressor->coding))
        scrape->compressor = compressor;
    scrape->settings.for_scraper = request->scrape_timeout != NULL;
    uint64_t timeout = promc_scrape_timeout_ns(request->scrape_timeout);
    scrape->settings.deadline_ns =
        timeout != 0 ? promc_now_ns() + timeout / 10 * 9 : 0; /* a tenth is for the network */
    return true;
}

/* The head of a successful scrape. */
static void write_head(promc_exposition_scrape *scrape)
{
    scrape->head = (promc_exposition_head){.status = 200, .headers = scrape->headers};
    add_header(scrape, "Content-Type", promc_content_type(&scrape->settings));
    /* Vary names the scraper's header only if the body depends on it. */
    bool births = false;
    for (size_t i = 0; i < scrape->exposition->registry_count && !births; i++)
        births = promc_birth_least_seconds(scrape->exposition->registries[i]) != 0;
    add_header(scrape, "Vary",
               births ? "Accept, Accept-Encoding, X-Prometheus-Scrape-Timeout-Seconds" : "Accept, Accept-Encoding");
    if (scrape->compressor)
        add_header(scrape, "Content-Encoding", scrape->compressor->coding);
}

static void read_request(promc_exposition_scrape *scrape, const promc_exposition_request *request)
{
    const char *fault = promc_names_read(&scrape->names, request->query, &request->names);
    if (fault) {
        refuse(scrape, 400, fault);
    } else if (!negotiate(scrape, request)) {
        refuse(scrape, 503, "out of memory");
    } else if (scrape->is_head || take_place(scrape)) {
        scrape->settings.names = scrape->names.names;
        scrape->settings.name_count = scrape->names.count;
        write_head(scrape);
    }
}

int promc_exposition_open(promc_exposition *exposition, const promc_exposition_request *request,
                          promc_exposition_scrape **out)
{
    if (!exposition || !request || !out)
        return promc_fail(PROMC_E_INVALID, "promc_exposition_open: an argument is NULL");
    *out = NULL;
    int rc = PROMC_RESERVED_CHECK(promc_exposition_request, request);
    if (rc != 0)
        return rc;
    promc_exposition_scrape *scrape = calloc(1, sizeof(*scrape));
    if (!scrape)
        return promc_fail(PROMC_E_NOMEM, "no memory for a scrape");
    scrape->exposition = exposition;
    scrape->is_head = request->head;
    read_request(scrape, request);
    *out = scrape;
    return 0;
}

static bool begin_compression(promc_exposition_scrape *scrape)
{
    if (!scrape->compressor)
        return true;
    scrape->slice = malloc(SLICE);
    scrape->stream = scrape->slice ? scrape->compressor->open(scrape->compressor->user) : NULL;
    return scrape->stream != NULL;
}

/* Begin the scrape of the registry at `at`. */
static int begin_part(promc_exposition_scrape *scrape)
{
    const promc_exposition *exposition = scrape->exposition;
    size_t at = scrape->at;
    int error = promc_scrape_begin(exposition->registries[at], &scrape->settings, &scrape->scrape);
    if (error == 0 && exposition->registry_count > 1)
        promc_scrape_is_part(scrape->scrape, exposition->registries, at, at + 1 == exposition->registry_count);
    return error;
}

/* promc_scrape_read(), continuing with the next registry when one has ended. */
static long read_parts(promc_exposition_scrape *scrape, char *buffer, size_t capacity)
{
    for (;;) {
        long n = promc_scrape_read(scrape->scrape, buffer, capacity);
        if (n != 0 || scrape->at + 1 == scrape->exposition->registry_count)
            return n;
        promc_scrape_end(scrape->scrape);
        scrape->scrape = NULL;
        scrape->at++;
        int error = begin_part(scrape);
        if (error != 0)
            return error;
    }
}

void promc_exposition_begin(promc_exposition_scrape *scrape)
{
    if (scrape->head.status != 200 || scrape->is_head || scrape->scrape)
        return;
    int error = begin_part(scrape);
    uint64_t deadline = scrape->settings.deadline_ns;
    if (error == PROMC_E_BUSY)
        refuse(scrape, 503, "too many scrapes in flight");
    else if (error != 0)
        refuse(scrape, 503, "the scrape cannot be started");
    else if (deadline != 0 && promc_now_ns() > deadline)
        refuse(scrape, 503, "the collectors took longer than the scrape timeout");
    else if (!begin_compression(scrape))
        refuse(scrape, 503, "out of memory");
}

const promc_exposition_head *promc_exposition_get_head(const promc_exposition_scrape *scrape)
{
    return &scrape->head;
}

static long read_error(promc_exposition_scrape *scrape, char *buffer, size_t capacity)
{
    const char *line = scrape->head.error;
    size_t length = strlen(line), at = scrape->error_sent, written = 0;
    for (; written < capacity && at <= length; written++, at++)
        buffer[written] = at < length ? line[at] : '\n';
    scrape->error_sent = at;
    return (long)written;
}

/* The next slice for the compressor. @return 0 or a negative code. */
static int refill(promc_exposition_scrape *scrape)
{
    long n = read_parts(scrape, scrape->slice, SLICE);
    if (n < 0)
        return (int)n;
    scrape->drained = n == 0;
    scrape->input = scrape->slice;
    scrape->input_length = (size_t)n;
    return 0;
}

static long read_compressed(promc_exposition_scrape *scrape, char *buffer, size_t capacity)
{
    size_t used = 0;
    while (used < capacity) {
        if (scrape->input_length == 0 && !scrape->drained) {
            int error = refill(scrape);
            if (error != 0)
                return error;
        }
        size_t before = scrape->input_length;
        long n = scrape->compressor->write(scrape->stream, &scrape->input, &scrape->input_length, scrape->drained,
                                           buffer + used, capacity - used);
        if (n < 0)
            return n;
        if (n == 0 && scrape->drained)
            break;
        if (n == 0 && before == scrape->input_length)
            return promc_fail(PROMC_E_INVALID, "the compressor '%s' makes no progress", scrape->compressor->coding);
        used += (size_t)n;
    }
    return (long)used;
}

long promc_exposition_read(promc_exposition_scrape *scrape, char *buffer, size_t capacity)
{
    if (scrape->is_head)
        return 0;
    if (scrape->head.error)
        return read_error(scrape, buffer, capacity);
    if (!scrape->scrape)
        return promc_fail(PROMC_E_INVALID, "promc_exposition_read: call promc_exposition_begin() first");
    if (scrape->settings.deadline_ns != 0 && promc_now_ns() > scrape->settings.deadline_ns)
        return promc_fail(PROMC_E_TIMEOUT, "the scraper has stopped waiting");
    return scrape->compressor ? read_compressed(scrape, buffer, capacity) : read_parts(scrape, buffer, capacity);
}

void promc_exposition_close(promc_exposition_scrape *scrape)
{
    if (!scrape)
        return;
    give_place_back(scrape);
    if (scrape->stream)
        scrape->compressor->close(scrape->stream);
    promc_scrape_end(scrape->scrape);
    promc_names_free(&scrape->names);
    free(scrape->slice);
    free(scrape);
}
