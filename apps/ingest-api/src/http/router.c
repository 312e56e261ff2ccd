/* SPDX-License-Identifier: Apache-2.0 */
#include "http/router.h"

#include "base/log.h"
#include "http/decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENTS_MAX 12
#define DECODED_MAX 1024

struct segment {
    const char *text; /* NULL: a parameter */
    size_t length;
};

/* All routes of one path. */
struct template
{
    const char *path;
    size_t count;
    struct segment segments[SEGMENTS_MAX];
    struct route *by_method[PROMC_HTTP_METHODS];
    struct route *any; /* one of them, for what they have in common */
    char allow[80];
};

struct router {
    struct template *templates; /* fewest segments first, literal before parameter */
    size_t count;
    size_t first[SEGMENTS_MAX + 2]; /* templates with n segments: first[n] … first[n + 1] - 1 */
    struct route unmatched;
};

/* Split a path at '/'. @return the number of segments ("/" has one empty segment), or -1: too many. */
static int split(const char *path, struct segment segments[SEGMENTS_MAX])
{
    int count = 0;
    for (int i = 0; i < SEGMENTS_MAX; i++)
        segments[i] = (struct segment){"", 0};
    for (const char *p = path; *p == '/'; count++) {
        if (count == SEGMENTS_MAX)
            return -1;
        const char *end = strchrnul(++p, '/');
        segments[count] = (struct segment){p, (size_t)(end - p)};
        p = end;
    }
    return count;
}

static int compile(struct template *template)
{
    int count = split(template->path, template->segments);
    if (count < 1)
        return -1;
    template->count = (size_t)count;
    int params = 0;
    for (int i = 0; i < count; i++) {
        struct segment *segment = &template->segments[i];
        if (segment->length > 1 && segment->text[0] == '{' && segment->text[segment->length - 1] == '}') {
            segment->text = NULL;
            params++;
        }
    }
    return params <= REQUEST_MAX_PARAMS ? 0 : -1;
}

static int by_precedence(const void *a, const void *b)
{
    const struct template *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? -1 : 1;
    for (size_t i = 0; i < x->count; i++)
        if (!x->segments[i].text != !y->segments[i].text)
            return x->segments[i].text ? -1 : 1;
    return strcmp(x->path, y->path);
}

static int add_route(struct router *router, struct route *route)
{
    struct template *template = NULL;
    for (size_t i = 0; i < router->count && !template; i++)
        if (strcmp(router->templates[i].path, route->path) == 0)
            template = &router->templates[i];
    if (!template) {
        template = &router->templates[router->count];
        template->path = route->path;
        template->any = route;
        if (compile(template) < 0) {
            log_error("route template is invalid", "s:path", route->path);
            return -1;
        }
        router->count++;
    }
    if (template->by_method[route->method]) {
        log_error("route is declared twice", "s:method", promc_http_method_name(route->method), "s:path", route->path);
        return -1;
    }
    template->by_method[route->method] = route;
    return 0;
}

/* Add HEAD wherever GET is, write the Allow header, and declare the template's series. */
static int finish_template(struct template *template, promc_http *http)
{
    static const enum promc_http_method order[] = {PROMC_HTTP_GET,    PROMC_HTTP_HEAD,  PROMC_HTTP_POST,
                                                   PROMC_HTTP_PUT,    PROMC_HTTP_PATCH, PROMC_HTTP_DELETE,
                                                   PROMC_HTTP_OPTIONS};
    uint32_t methods = 0;
    for (int i = 0; i < PROMC_HTTP_METHODS; i++)
        if (template->by_method[i])
            methods |= 1u << i;
    if (!template->by_method[PROMC_HTTP_HEAD])
        template->by_method[PROMC_HTTP_HEAD] = template->by_method[PROMC_HTTP_GET];
    struct text allow;
    text_init(&allow, template->allow, sizeof(template->allow) - 1); /* all of them fit */
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (!template->by_method[order[i]])
            continue;
        if (allow.length)
            text_add(&allow, ", ");
        text_add(&allow, promc_http_method_name(order[i]));
    }
    if (!http || !template->any->instrumented)
        return 0;
    promc_http_route *metrics;
    int rc = promc_http_route_declare(http, template->path, methods, &metrics);
    if (rc < 0) {
        log_error("route cannot be declared to the metrics", "s:path", template->path, "s:error", promc_strerror(rc),
                  "s:detail", promc_error_detail());
        return -1;
    }
    for (int i = 0; i < PROMC_HTTP_METHODS; i++)
        if (template->by_method[i])
            template->by_method[i]->metrics = metrics;
    return 0;
}

int router_create(struct router **out, struct route *const *tables, size_t count, promc_http *http)
{
    size_t routes = 0;
    for (size_t i = 0; i < count; i++)
        for (const struct route *route = tables[i]; route->path; route++)
            routes++;
    struct router *router = calloc(1, sizeof(*router));
    if (router)
        router->templates = calloc(routes ? routes : 1, sizeof(*router->templates));
    if (!router || !router->templates) {
        free(router);
        log_error("no memory for the route table");
        return -1;
    }
    router->unmatched = (struct route){.path = PROMC_HTTP_UNMATCHED, .instrumented = true};
    if (http)
        router->unmatched.metrics = promc_http_route_unmatched(http);
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        for (struct route *route = tables[i]; route->path && rc == 0; route++)
            rc = add_route(router, route);
    qsort(router->templates, router->count, sizeof(*router->templates), by_precedence);
    for (size_t i = 0; i < router->count && rc == 0; i++)
        rc = finish_template(&router->templates[i], http);
    for (size_t n = 0, at = 0; n < SEGMENTS_MAX + 2; n++) {
        router->first[n] = at;
        while (at < router->count && router->templates[at].count == n)
            at++;
    }
    if (rc < 0) {
        router_destroy(router);
        return -1;
    }
    *out = router;
    return 0;
}

void router_destroy(struct router *router)
{
    if (!router)
        return;
    free(router->templates);
    free(router);
}

/* Decode the segments into `room`. @return false: one is invalid or does not fit. */
static bool decode_segments(struct segment *segments, int count, char *room, size_t size)
{
    for (int i = 0; i < count; i++) {
        if (segments[i].length >= size)
            return false;
        long n = percent_decode(segments[i].text, segments[i].length, room, false);
        if (n < 0)
            return false;
        segments[i] = (struct segment){room, (size_t)n};
        room += n + 1;
        size -= (size_t)n + 1;
    }
    return true;
}

static bool fits(const struct template *template, const struct segment *segments)
{
    for (size_t i = 0; i < template->count; i++) {
        const struct segment *want = &template->segments[i];
        if (want->text ? want->length != segments[i].length || memcmp(want->text, segments[i].text, want->length) != 0
                       : segments[i].length == 0)
            return false;
    }
    return true;
}

/* Copy the parameters, because `segments` may be temporary. @return false: longer than any id that we have. */
static bool keep_params(const struct template *template, const struct segment *segments, char *storage, size_t size,
                        struct router_match *out)
{
    size_t param = 0;
    for (size_t i = 0; i < template->count; i++) {
        if (template->segments[i].text)
            continue;
        if (segments[i].length >= size)
            return false;
        memcpy(storage, segments[i].text, segments[i].length);
        storage[segments[i].length] = '\0';
        out->params[param++] = storage;
        storage += segments[i].length + 1;
        size -= segments[i].length + 1;
    }
    return true;
}

enum router_result router_match(const struct router *router, enum promc_http_method method, const char *path,
                                char *storage, size_t storage_size, struct router_match *out)
{
    struct segment segments[SEGMENTS_MAX];
    char decoded[DECODED_MAX];
    /* routes are not const only because router_create() fills them in; handlers do not change them */
    *out = (struct router_match){.route = (struct route *)(uintptr_t)&router->unmatched};
    int count = split(path, segments);
    bool plain = true;
    for (const unsigned char *p = (const unsigned char *)path; *p && plain; p++)
        plain = *p != '%' && *p < 0x80;
    if (!plain) {
        if (strlen(path) >= sizeof(decoded) || count < 0)
            return ROUTER_NOT_FOUND;
        if (!decode_segments(segments, count, decoded, sizeof(decoded)))
            return ROUTER_BAD_PATH;
    }
    if (count < 1)
        return ROUTER_NOT_FOUND;
    for (size_t i = router->first[count]; i < router->first[count + 1]; i++) {
        const struct template *template = &router->templates[i];
        if (!fits(template, segments))
            continue;
        if (!keep_params(template, segments, storage, storage_size, out))
            return ROUTER_NOT_FOUND;
        out->allow = template->allow;
        out->route = template->by_method[method] ? template->by_method[method] : template->any;
        return template->by_method[method] ? ROUTER_FOUND : ROUTER_METHOD;
    }
    return ROUTER_NOT_FOUND;
}
