/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file window.h
 * Outstanding messages of a channel, by delivery tag: published ones without a confirm, or deliveries without an
 * acknowledgement. Tags are assigned in sequence from 1 and return in any order, one at a time or all up to one.
 */
#ifndef PROMC_AMQP_WINDOW_H
#define PROMC_AMQP_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct window_entry {
    uint64_t since_ns;
    uint32_t route; /**< index of the queue or destination */
    bool open;
};

/** Zero-initialised: empty. Tags in [first, next) are in `entries`, at index tag modulo capacity. */
struct window {
    struct window_entry *entries;
    size_t capacity; /**< a power of two, or 0 */
    uint64_t first, next;
    size_t open;
};

/** Maximum distance between the oldest open tag and the newest; older ones are dropped. */
#define WINDOW_MAX ((size_t)1 << 20)

/** Add a tag, greater than all before. @return false: no memory, the tag is not tracked. */
bool promc_amqp_window_open(struct window *window, uint64_t tag, uint32_t route, uint64_t now_ns);
/** Settle a tag, or with `multiple` all up to it (0: all): `closed` is called for each open one, oldest first. */
void promc_amqp_window_close(struct window *window, uint64_t tag, bool multiple,
                             void (*closed)(void *arg, const struct window_entry *entry), void *arg);
/** Forget everything; the next tag is 1. */
void promc_amqp_window_clear(struct window *window);
void promc_amqp_window_free(struct window *window);

#endif
