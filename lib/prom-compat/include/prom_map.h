/* SPDX-License-Identifier: Apache-2.0 */
/** @file prom_map.h The return type of a collect function. It has no members: see prom_collector.h. */
#ifndef PROM_MAP_H
#define PROM_MAP_H

typedef struct prom_map prom_map_t;

#endif
