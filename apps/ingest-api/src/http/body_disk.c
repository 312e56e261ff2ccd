/* SPDX-License-Identifier: Apache-2.0 */
#include "http/body_disk.h"

#include "base/text.h"
#include "metrics/metrics.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 64

struct holder {
    struct holder *next;
    char organisation_id[37];
    size_t bytes; /* > 0; an organisation without bytes has no entry */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct holder *holders[BUCKETS];

/* Needs the lock. @return the link that points to the entry, or the NULL link where it belongs. */
static struct holder **find(const char *organisation_id)
{
    struct holder **link = &holders[text_hash(organisation_id) % BUCKETS];
    while (*link && strcmp((*link)->organisation_id, organisation_id) != 0)
        link = &(*link)->next;
    return link;
}

static bool take(const char *organisation_id, size_t bytes, size_t max)
{
    struct holder **link = find(organisation_id), *holder = *link;
    if (max && bytes > max - (holder ? holder->bytes : 0))
        return false;
    if (!holder && !(holder = calloc(1, sizeof(*holder))))
        return false;
    *link = holder;
    strncpy(holder->organisation_id, organisation_id, sizeof(holder->organisation_id) - 1);
    holder->bytes += bytes;
    metrics_limit_used(organisation_id, LIMIT_BODY_DISK, (int64_t)holder->bytes);
    return true;
}

bool body_disk_take(const char *organisation_id, size_t bytes, size_t max)
{
    if (bytes == 0)
        return true;
    pthread_mutex_lock(&lock);
    bool taken = take(organisation_id, bytes, max);
    pthread_mutex_unlock(&lock);
    return taken;
}

void body_disk_give(const char *organisation_id, size_t bytes)
{
    if (bytes == 0)
        return;
    pthread_mutex_lock(&lock);
    struct holder **link = find(organisation_id), *holder = *link;
    if (holder) {
        holder->bytes -= bytes;
        metrics_limit_used(organisation_id, LIMIT_BODY_DISK, (int64_t)holder->bytes);
        if (holder->bytes == 0) {
            *link = holder->next;
            free(holder);
        }
    }
    pthread_mutex_unlock(&lock);
}
