/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file window.h
 * What is outstanding on a channel, by delivery tag: messages that wait for their confirm, or deliveries that wait for their
 * acknowledgement. Tags are given one after the other, from 1 on, and come back in any order, one at a time or all up to one.
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

/** Zero-initialised is empty. Tags in [first, next) are in `entries`, each at its tag modulo the capacity. */
struct window {
    struct window_entry *entries;
    size_t capacity; /**< a power of two, or 0 */
    uint64_t first, next;
    size_t open;
};

/** How many tags may lie between the oldest that is open and the newest; what is older then is forgotten. */
#define WINDOW_MAX ((size_t)1 << 20)

/** A tag came into being: `tag` is greater than all before. @return false without memory: it is not known of then. */
bool promc_amqp_window_open(struct window *window, uint64_t tag, uint32_t route, uint64_t now_ns);
/** A tag, or with `multiple` all up to it (0: all), came back: `closed` is called for each that was open, oldest first. */
void promc_amqp_window_close(struct window *window, uint64_t tag, bool multiple,
                             void (*closed)(void *arg, const struct window_entry *entry), void *arg);
/** Forget everything; the next tag is 1. */
void promc_amqp_window_clear(struct window *window);
void promc_amqp_window_free(struct window *window);

#endif
