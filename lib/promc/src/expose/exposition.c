/* SPDX-License-Identifier: Apache-2.0 */
/* One /metrics answer, from the request's head to the last slice. */
#include "arena/registry.h"
#include "expose/request.h"
#include "series/birth.h"

#include <promc/exposition.h>
#include <promc/histogram.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SCRAPES 32 /* of a registry; see promc_scrape_begin() */
#define SLICE (32 * 1024)
#define HEADERS 4

struct promc_exposition {
    promc_registry *registry;
    const promc_compressor *compressor;
    unsigned max_scrapes;
    _Atomic unsigned open; /* scrapes that have a place */
};

struct promc_exposition_scrape {
    promc_exposition *exposition;
    promc_exposition_head head;
    promc_exposition_header headers[HEADERS];
    bool has_place;
    bool is_head; /* of HEAD: no body */
    promc_scrape_settings settings;
    struct promc_names names;
    promc_scrape *scrape; /* NULL: not begun, or an error's line is the body */
    size_t error_sent;    /* bytes of head.error and its line's end */
    /* compressed: */
    const promc_compressor *compressor; /* NULL: as it is */
    void *stream;
    char *slice; /* SLICE bytes: what the scrape gave and the compressor has not taken */
    const char *input;
    size_t input_length;
    bool drained; /* the scrape has no more */
};

int promc_exposition_create(promc_exposition **out, promc_registry *registry, const promc_exposition_settings *settings)
{
    static const promc_exposition_settings defaults;
    if (out == NULL || registry == NULL) {
        return promc_fail(PROMC_E_INVALID, "promc_exposition_create: out and registry must not be NULL");
    }
    *out = NULL;
    settings = settings != NULL ? settings : &defaults;
    if (settings->max_scrapes > MAX_SCRAPES) {
        return promc_fail(PROMC_E_INVALID, "max_scrapes is %u; at most %d", settings->max_scrapes, MAX_SCRAPES);
    }
    int rc = PROMC_RESERVED_CHECK(promc_exposition_settings, settings);
    if (rc == 0 && settings->compressor != NULL) {
        rc = PROMC_RESERVED_CHECK(promc_compressor, settings->compressor);
    }
    if (rc != 0) {
        return rc;
    }
    promc_exposition *exposition = calloc(1, sizeof(*exposition));
    if (exposition == NULL) {
        return promc_fail(PROMC_E_NOMEM, "no memory for an exposition");
    }
    exposition->registry = registry;
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

static void give_place_back(promc_exposition_scrape *scrape)
{
    if (scrape->has_place) {
        atomic_fetch_sub_explicit(&scrape->exposition->open, 1, memory_order_relaxed);
    }
    scrape->has_place = false;
}

/* The answer is an error, with its line as the body. */
static void refuse(promc_exposition_scrape *scrape, int status, const char *error)
{
    give_place_back(scrape);
    scrape->head = (promc_exposition_head){.status = status, .headers = scrape->headers, .error = error};
    add_header(scrape, "Content-Type", "text/plain; charset=utf-8");
    if (status == 503) {
        add_header(scrape, "Retry-After", "1");
    }
}

static bool take_place(promc_exposition_scrape *scrape)
{
    _Atomic unsigned *open = &scrape->exposition->open;
    scrape->has_place = true;
    if (atomic_fetch_add_explicit(open, 1, memory_order_relaxed) < scrape->exposition->max_scrapes) {
        return true;
    }
    refuse(scrape, 503, "too many scrapes in flight");
    return false;
}

static bool negotiate(promc_exposition_scrape *scrape, const promc_exposition_request *request)
{
    char *accept = promc_field_join(&request->accept);
    if (accept == NULL) {
        return false;
    }
    promc_negotiate(accept, &scrape->settings);
    free(accept);
    const promc_compressor *compressor = scrape->exposition->compressor;
    if (compressor != NULL && promc_accepts_coding(&request->accept_encoding, compressor->coding)) {
        scrape->compressor = compressor;
    }
    scrape->settings.for_scraper = request->scrape_timeout != NULL;
    uint64_t timeout = promc_scrape_timeout_ns(request->scrape_timeout);
    scrape->settings.deadline_ns = timeout != 0 ? promc_now_ns() + timeout / 10 * 9 : 0; /* a tenth is the network's */
    return true;
}

/* The head of a scrape that goes well. */
static void write_head(promc_exposition_scrape *scrape)
{
    scrape->head = (promc_exposition_head){.status = 200, .headers = scrape->headers};
    add_header(scrape, "Content-Type", promc_content_type(&scrape->settings));
    /* Only where it makes a difference. */
    bool births = promc_birth_least_seconds(scrape->exposition->registry) != 0;
    add_header(scrape, "Vary",
               births ? "Accept, Accept-Encoding, X-Prometheus-Scrape-Timeout-Seconds" : "Accept, Accept-Encoding");
    if (scrape->compressor != NULL) {
        add_header(scrape, "Content-Encoding", scrape->compressor->coding);
    }
}

static void read_request(promc_exposition_scrape *scrape, const promc_exposition_request *request)
{
    const char *fault = promc_names_read(&scrape->names, request->query, &request->names);
    if (fault != NULL) {
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
    if (exposition == NULL || request == NULL || out == NULL) {
        return promc_fail(PROMC_E_INVALID, "promc_exposition_open: an argument is NULL");
    }
    *out = NULL;
    int rc = PROMC_RESERVED_CHECK(promc_exposition_request, request);
    if (rc != 0) {
        return rc;
    }
    promc_exposition_scrape *scrape = calloc(1, sizeof(*scrape));
    if (scrape == NULL) {
        return promc_fail(PROMC_E_NOMEM, "no memory for a scrape");
    }
    scrape->exposition = exposition;
    scrape->is_head = request->head;
    read_request(scrape, request);
    *out = scrape;
    return 0;
}

static bool begin_compression(promc_exposition_scrape *scrape)
{
    if (scrape->compressor == NULL) {
        return true;
    }
    scrape->slice = malloc(SLICE);
    scrape->stream = scrape->slice != NULL ? scrape->compressor->open(scrape->compressor->user) : NULL;
    return scrape->stream != NULL;
}

void promc_exposition_begin(promc_exposition_scrape *scrape)
{
    if (scrape->head.status != 200 || scrape->is_head || scrape->scrape != NULL) {
        return;
    }
    int error = promc_scrape_begin(scrape->exposition->registry, &scrape->settings, &scrape->scrape);
    uint64_t deadline = scrape->settings.deadline_ns;
    if (error == PROMC_E_BUSY) {
        refuse(scrape, 503, "too many scrapes in flight");
    } else if (error != 0) {
        refuse(scrape, 503, "the scrape cannot be begun");
    } else if (deadline != 0 && promc_now_ns() > deadline) {
        refuse(scrape, 503, "the collectors took longer than the scrape timeout");
    } else if (!begin_compression(scrape)) {
        refuse(scrape, 503, "out of memory");
    }
}

const promc_exposition_head *promc_exposition_get_head(const promc_exposition_scrape *scrape)
{
    return &scrape->head;
}

static long read_error(promc_exposition_scrape *scrape, char *buffer, size_t capacity)
{
    const char *line = scrape->head.error;
    size_t length = strlen(line), at = scrape->error_sent, written = 0;
    for (; written < capacity && at <= length; written++, at++) {
        buffer[written] = at < length ? line[at] : '\n';
    }
    scrape->error_sent = at;
    return (long)written;
}

/* The next slice for the compressor. @return 0 or a negative code. */
static int refill(promc_exposition_scrape *scrape)
{
    long n = promc_scrape_read(scrape->scrape, scrape->slice, SLICE);
    if (n < 0) {
        return (int)n;
    }
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
            if (error != 0) {
                return error;
            }
        }
        size_t before = scrape->input_length;
        long n = scrape->compressor->write(scrape->stream, &scrape->input, &scrape->input_length, scrape->drained,
                                           buffer + used, capacity - used);
        if (n < 0) {
            return n;
        }
        if (n == 0 && scrape->drained) {
            break;
        }
        if (n == 0 && before == scrape->input_length) {
            return promc_fail(PROMC_E_INVALID, "the compressor '%s' neither reads nor writes",
                              scrape->compressor->coding);
        }
        used += (size_t)n;
    }
    return (long)used;
}

long promc_exposition_read(promc_exposition_scrape *scrape, char *buffer, size_t capacity)
{
    if (scrape->is_head) {
        return 0;
    }
    if (scrape->head.error != NULL) {
        return read_error(scrape, buffer, capacity);
    }
    if (scrape->scrape == NULL) {
        return promc_fail(PROMC_E_INVALID, "promc_exposition_read: before promc_exposition_begin()");
    }
    if (scrape->settings.deadline_ns != 0 && promc_now_ns() > scrape->settings.deadline_ns) {
        return promc_fail(PROMC_E_TIMEOUT, "the scraper has stopped waiting");
    }
    return scrape->compressor != NULL ? read_compressed(scrape, buffer, capacity)
                                      : promc_scrape_read(scrape->scrape, buffer, capacity);
}

void promc_exposition_close(promc_exposition_scrape *scrape)
{
    if (scrape == NULL) {
        return;
    }
    give_place_back(scrape);
    if (scrape->stream != NULL) {
        scrape->compressor->close(scrape->stream);
    }
    promc_scrape_end(scrape->scrape);
    promc_names_free(&scrape->names);
    free(scrape->slice);
    free(scrape);
}
