/* SPDX-License-Identifier: Apache-2.0 */
/* A registry's collectors as one exposition in text 0.0.4, with names as given, which OpenMetrics cannot express. */
#include "prom_internal.h"

#include <string.h>

struct prom_scrape {
    prom_collector_t *collectors[PROM_MOST_COLLECTORS]; /* the scrape holds a reference to each */
    size_t count;
    promc_exposition *exposition;
    promc_exposition_scrape *scrape;
};

static void hold(struct prom_scrape *scrape, prom_collector_registry_t *registry)
{
    pthread_mutex_lock(&prom_lock);
    if (!registry)
        registry = PROM_COLLECTOR_REGISTRY_DEFAULT;
    for (size_t i = 0; registry && i < registry->count; i++) {
        scrape->collectors[i] = registry->collectors[i];
        scrape->collectors[i]->references++;
        scrape->count++;
    }
    pthread_mutex_unlock(&prom_lock);
}

static bool begin(struct prom_scrape *scrape, const promc_exposition_request *request)
{
    promc_registry *registries[PROM_MOST_COLLECTORS];
    for (size_t i = 0; i < scrape->count; i++)
        registries[i] = scrape->collectors[i]->registry;
    promc_exposition_settings settings = {.more = registries + 1,
                                          .more_count = scrape->count > 1 ? scrape->count - 1 : 0};
    if (scrape->count == 0 || promc_exposition_create(&scrape->exposition, registries[0], &settings) < 0 ||
        promc_exposition_open(scrape->exposition, request, &scrape->scrape) < 0)
        return false;
    promc_exposition_begin(scrape->scrape);
    return true;
}

struct prom_scrape *prom_scrape_open(prom_collector_registry_t *registry, const promc_exposition_request *request)
{
    struct prom_scrape *scrape = calloc(1, sizeof(*scrape));
    if (!scrape)
        return NULL;
    hold(scrape, registry);
    if (begin(scrape, request))
        return scrape;
    prom_scrape_close(scrape);
    return NULL;
}

const promc_exposition_head *prom_scrape_head(const struct prom_scrape *scrape)
{
    return promc_exposition_get_head(scrape->scrape);
}

long prom_scrape_read(struct prom_scrape *scrape, char *buffer, size_t capacity)
{
    return promc_exposition_read(scrape->scrape, buffer, capacity);
}

void prom_scrape_close(struct prom_scrape *scrape)
{
    promc_exposition_close(scrape->scrape);
    promc_exposition_destroy(scrape->exposition);
    pthread_mutex_lock(&prom_lock);
    for (size_t i = 0; i < scrape->count; i++)
        prom_collector_release(scrape->collectors[i]);
    pthread_mutex_unlock(&prom_lock);
    free(scrape);
}

/* The whole exposition in one growing string; NULL: incomplete, or no memory. */
static char *read_all(struct prom_scrape *scrape)
{
    size_t room = 32 * 1024, length = 0;
    char *text = malloc(room + 1);
    long n = 1;
    while (text && n > 0) {
        if (length == room) {
            char *larger = realloc(text, 2 * room + 1);
            if (!larger)
                break;
            text = larger;
            room *= 2;
        }
        n = prom_scrape_read(scrape, text + length, room - length);
        length += n > 0 ? (size_t)n : 0;
    }
    if (text && n == 0) {
        text[length] = '\0';
        return text;
    }
    free(text);
    return NULL;
}

const char *prom_collector_registry_bridge(prom_collector_registry_t *self)
{
    struct prom_scrape *scrape = self ? prom_scrape_open(self, &(promc_exposition_request){0}) : NULL;
    if (!scrape)
        return NULL;
    char *text = prom_scrape_head(scrape)->status == 200 ? read_all(scrape) : NULL;
    prom_scrape_close(scrape);
    return text;
}
