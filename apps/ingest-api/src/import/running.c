/* SPDX-License-Identifier: Apache-2.0 */
#include "import/running.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct running {
    struct running *next;
    char id[37];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct running *first;

/* Needs the lock. @return the link that points to the entry, or the last link. */
static struct running **find(const char *id)
{
    struct running **link = &first;
    while (*link && strcmp((*link)->id, id) != 0)
        link = &(*link)->next;
    return link;
}

bool running_add(const char *id)
{
    struct running *running = calloc(1, sizeof(*running));
    if (!running)
        return false;
    strncpy(running->id, id, sizeof(running->id) - 1);
    pthread_mutex_lock(&lock);
    running->next = first;
    first = running;
    pthread_mutex_unlock(&lock);
    return true;
}

void running_remove(const char *id)
{
    pthread_mutex_lock(&lock);
    struct running **link = find(id), *running = *link;
    if (running)
        *link = running->next;
    pthread_mutex_unlock(&lock);
    free(running);
}

bool running_has(const char *id)
{
    pthread_mutex_lock(&lock);
    bool found = *find(id) != NULL;
    pthread_mutex_unlock(&lock);
    return found;
}
