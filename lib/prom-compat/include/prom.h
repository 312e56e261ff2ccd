/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file prom.h
 * The documented API of prometheus-client-c (0.1.1), implemented with promc: compile a program for that library with this header
 * and link it with `-lprom -lpromhttp` as usual. docs/library/libprom.md lists the differences and their reasons.
 *
 *  - Memory is limited: a collector's metrics share 128 MiB, and a metric has at most 10,000 series; beyond that updates go to a series whose
 *    label values are `other`. Operators can change the caps of an existing program: PROMC_OVERRIDES (promc/registry.h).
 *  - Updates of a registered metric take no lock and, once the series exists, allocate nothing. Any thread may call any function, but
 *    no thread may use an object that is being destroyed.
 *  - Where this API says "non-zero upon failure", the value is 1, and promc_error_detail() (promc/error.h) has the reason.
 *  - A label value that is NULL is the empty string. A metric has at most 64 labels.
 */
#ifndef PROM_H
#define PROM_H

#include "prom_alloc.h"
#include "prom_collector.h"
#include "prom_collector_registry.h"
#include "prom_counter.h"
#include "prom_gauge.h"
#include "prom_histogram.h"
#include "prom_histogram_buckets.h"
#include "prom_linked_list.h"
#include "prom_map.h"
#include "prom_metric.h"
#include "prom_metric_sample.h"
#include "prom_metric_sample_histogram.h"

#endif
