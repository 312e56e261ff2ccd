/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/promc.h
 * The Prometheus client library for C. This header includes all the others; read them in this order:
 *
 *     registry.h   where metrics live              family.h     a metric's name, labels and limits
 *     counter.h  gauge.h  histogram.h  summary.h   the types
 *     collect.h    collectors                      scrape.h     what Prometheus gets
 *     info.h       facts, states, untyped          callback.h   values that are read at the scrape
 *     curry.h      a family with some labels fixed label_set.h  label values that are prepared once
 *     exemplar.h   one of the counted events, by its trace id
 *     table.h      metrics known at compile time, as one table
 *     ready.h      histograms that another system has counted
 *     describe.h   what a registry has, as data    exposition.h a complete answer to GET /metrics
 *     error.h      error codes                     textfile.h   for programs that are not scraped
 *     clock.h      the clock for durations and deadlines
 *     version.h    versions, and how structs grow
 *
 * In five lines (promc-exporter/exporter.h has a registry that is scraped, in one call):
 *
 *     promc_registry *registry;
 *     promc_family *jobs;
 *     promc_registry_create(&registry, NULL);
 *     promc_counter_register(registry, &(promc_family_settings){.name = "jobs_total", .labels = {"queue"}}, &jobs);
 *     promc_counter_inc(promc_counter_with(jobs, "mail"));
 */
#ifndef PROMC_PROMC_H
#define PROMC_PROMC_H

/* In reading order. clang-format would sort them. */
/* clang-format off */
#include <promc/registry.h>
#include <promc/family.h>
#include <promc/counter.h>
#include <promc/gauge.h>
#include <promc/histogram.h>
#include <promc/summary.h>
#include <promc/collect.h>
#include <promc/scrape.h>
#include <promc/info.h>
#include <promc/callback.h>
#include <promc/curry.h>
#include <promc/label_set.h>
#include <promc/exemplar.h>
#include <promc/table.h>
#include <promc/ready.h>
#include <promc/describe.h>
#include <promc/exposition.h>
#include <promc/error.h>
#include <promc/textfile.h>
#include <promc/clock.h>
#include <promc/version.h>
/* clang-format on */

#endif
