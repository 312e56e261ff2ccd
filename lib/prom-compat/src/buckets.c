/* SPDX-License-Identifier: Apache-2.0 */
#include "prom_histogram_buckets.h"

#include <promc/promc.h>
#include <stdarg.h>

/* The bounds and their header in one allocation. */
struct buckets {
    prom_histogram_buckets_t head;
    double bounds[];
};

static prom_histogram_buckets_t defaults = {sizeof(promc_default_buckets) / sizeof(promc_default_buckets[0]),
                                            promc_default_buckets};
prom_histogram_buckets_t *prom_histogram_default_buckets = &defaults;

static struct buckets *make(size_t count)
{
    struct buckets *buckets =
        count > 0 && count <= PROMC_MAX_BUCKETS ? malloc(sizeof(*buckets) + count * sizeof(double)) : NULL;
    if (buckets)
        buckets->head = (prom_histogram_buckets_t){(int)count, buckets->bounds};
    return buckets;
}

static prom_histogram_buckets_t *checked(struct buckets *buckets, int rc)
{
    if (rc == 0)
        return &buckets->head;
    free(buckets);
    return NULL;
}

prom_histogram_buckets_t *prom_histogram_buckets_new(size_t count, double bucket, ...)
{
    struct buckets *buckets = make(count);
    if (!buckets)
        return NULL;
    va_list more;
    va_start(more, bucket);
    buckets->bounds[0] = bucket;
    for (size_t i = 1; i < count; i++)
        buckets->bounds[i] = va_arg(more, double);
    va_end(more);
    return &buckets->head;
}

prom_histogram_buckets_t *prom_histogram_buckets_linear(double start, double width, size_t count)
{
    struct buckets *buckets = make(count);
    return buckets ? checked(buckets, promc_buckets_linear(buckets->bounds, count, start, width)) : NULL;
}

prom_histogram_buckets_t *prom_histogram_buckets_exponential(double start, double factor, size_t count)
{
    struct buckets *buckets = make(count);
    return buckets ? checked(buckets, promc_buckets_exponential(buckets->bounds, count, start, factor)) : NULL;
}

int prom_histogram_buckets_destroy(prom_histogram_buckets_t *self)
{
    if (self && self != &defaults)
        free(self);
    return 0;
}

size_t prom_histogram_buckets_count(prom_histogram_buckets_t *self)
{
    return self ? (size_t)self->count : 0;
}
