/* SPDX-License-Identifier: Apache-2.0 */
#include "window.h"

#include <stdlib.h>
#include <string.h>

static struct window_entry *entry_of(const struct window *window, uint64_t tag)
{
    return &window->entries[tag & (window->capacity - 1)];
}

static bool grow(struct window *window)
{
    size_t capacity = window->capacity ? window->capacity * 2 : 64;
    struct window_entry *entries = calloc(capacity, sizeof(*entries));
    if (!entries)
        return false;
    for (uint64_t tag = window->first; tag < window->next; tag++)
        entries[tag & (capacity - 1)] = *entry_of(window, tag);
    free(window->entries);
    window->entries = entries;
    window->capacity = capacity;
    return true;
}

/* Move `first` to the oldest open tag, or to `next` if none is open. */
static void advance(struct window *window)
{
    while (window->first < window->next && !entry_of(window, window->first)->open)
        window->first++;
}

bool promc_amqp_window_open(struct window *window, uint64_t tag, uint32_t route, uint64_t now_ns)
{
    if (window->first != window->next && tag < window->next)
        return false; /* a tag is used once */
    if (window->first != window->next && tag - window->next >= WINDOW_MAX)
        promc_amqp_window_clear(window);
    if (window->first == window->next)
        window->first = window->next = tag;
    while (tag - window->first >= window->capacity) {
        if (window->capacity < WINDOW_MAX) {
            if (!grow(window))
                return false;
            continue;
        }
        struct window_entry *oldest = entry_of(window, window->first++);
        window->open -= oldest->open;
        oldest->open = false;
    }
    for (; window->next < tag; window->next++) /* tags not reported to us */
        entry_of(window, window->next)->open = false;
    *entry_of(window, tag) = (struct window_entry){.since_ns = now_ns, .route = route, .open = true};
    window->next = tag + 1;
    window->open++;
    advance(window);
    return true;
}

void promc_amqp_window_close(struct window *window, uint64_t tag, bool multiple,
                             void (*closed)(void *arg, const struct window_entry *entry), void *arg)
{
    if (window->first == window->next || (!multiple && (tag < window->first || tag >= window->next)))
        return;
    uint64_t from = multiple ? window->first : tag;
    uint64_t last = multiple && (tag == 0 || tag >= window->next) ? window->next - 1 : tag;
    for (uint64_t at = from; at <= last; at++) {
        struct window_entry *entry = entry_of(window, at);
        if (!entry->open)
            continue;
        entry->open = false;
        window->open--;
        closed(arg, entry);
    }
    advance(window);
}

void promc_amqp_window_clear(struct window *window)
{
    window->first = window->next = 0;
    window->open = 0;
}

void promc_amqp_window_free(struct window *window)
{
    free(window->entries);
    memset(window, 0, sizeof(*window));
}
