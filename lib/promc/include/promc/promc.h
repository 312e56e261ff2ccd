/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/promc.h
 * promc, the Prometheus client library for C. This header includes all the others; read them in this order:
 *
 *     registry.h   where metrics live            family.h     what a metric is called
 *     counter.h  gauge.h  histogram.h  summary.h what it measures
 *     collect.h    values read at the scrape     scrape.h     what Prometheus gets
 *     info.h       facts, states, untyped          callback.h   values asked for at the scrape
 *     curry.h      a family with some labels fixed exemplar.h   one event of those counted, by its trace id
 *     table.h      metrics known when the program is written, as one table
 *     describe.h   what a registry has, as data
 *     error.h      what can go wrong             textfile.h   for programs that are not scraped
 *     clock.h      the clock of durations and deadlines
 *     version.h    which promc this is, and how structs grow
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

#include <promc/callback.h>
#include <promc/clock.h>
#include <promc/collect.h>
#include <promc/counter.h>
#include <promc/curry.h>
#include <promc/describe.h>
#include <promc/error.h>
#include <promc/exemplar.h>
#include <promc/exposition.h>
#include <promc/family.h>
#include <promc/gauge.h>
#include <promc/histogram.h>
#include <promc/info.h>
#include <promc/ready.h>
#include <promc/registry.h>
#include <promc/scrape.h>
#include <promc/summary.h>
#include <promc/table.h>
#include <promc/textfile.h>
#include <promc/version.h>

#endif
