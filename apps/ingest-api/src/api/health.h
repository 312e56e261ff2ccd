/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file api/health.h
 * Liveness, readiness, health. The checks really ask the store and the queue. A result is valid for a second, so that
 * any number of probes costs one check per second.
 */
#ifndef INGEST_API_HEALTH_H
#define INGEST_API_HEALTH_H

struct health;
struct route;

/** A table, ended by a route without a path. */
struct route *routes_health(void);

/** Also starts the clock of `uptime`. @return NULL: no memory. */
struct health *health_create(void);
void health_destroy(struct health *health);

#endif
