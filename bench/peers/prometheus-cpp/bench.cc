/* SPDX-License-Identifier: Apache-2.0 */
/* prometheus-cpp's side of the table, with its own idioms: references held for hot paths, Family::Add for lookups. */
#include "../../common/harness.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <cstdio>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

namespace
{
using prometheus::BuildCounter;
using prometheus::BuildHistogram;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Histogram;
using prometheus::Registry;

Family<Counter> &counters(Registry &registry, const char *name = "http_requests_total")
{
    return BuildCounter().Name(name).Help("Requests served.").Register(registry);
}

Family<Histogram> &histograms(Registry &registry)
{
    return BuildHistogram().Name("http_request_duration_seconds").Help("Time to answer.").Register(registry);
}

Histogram::BucketBoundaries bounds()
{
    return Histogram::BucketBoundaries(bench_bounds, bench_bounds + BENCH_BOUNDS);
}

prometheus::Labels labels_of(uint32_t i)
{
    bench_labels l;
    bench_labels_of(i, &l);
    return {{"method", l.method}, {"route", l.route}, {"status_code", l.status}};
}

void fill_counters(Registry &registry, uint32_t series)
{
    auto &family = counters(registry);
    for (uint32_t i = 0; i < series; i++)
        family.Add(labels_of(i)).Increment(static_cast<double>(bench_counter_value(i)));
}

void inc(void *state, uint64_t n, unsigned)
{
    auto &counter = *static_cast<Counter *>(state);
    BENCH_UNROLL
    for (uint64_t i = 0; i < n; i++) {
        counter.Increment();
        BENCH_BARRIER();
    }
}

void observe(void *state, uint64_t n, unsigned)
{
    auto &histogram = *static_cast<Histogram *>(state);
    BENCH_UNROLL
    for (uint64_t i = 0; i < n; i++) {
        histogram.Observe(bench_values[i % BENCH_VALUES]);
        BENCH_BARRIER();
    }
}

struct Lookup {
    Family<Counter> &family;
    std::vector<bench_labels> labels;
};

void lookup_inc(void *state, uint64_t n, unsigned)
{
    auto &l = *static_cast<Lookup *>(state);
    BENCH_UNROLL
    for (uint64_t i = 0; i < n; i++) {
        const bench_labels &v = l.labels[i % BENCH_LOOKUP_SERIES];
        l.family.Add({{"method", v.method}, {"route", v.route}, {"status_code", v.status}}).Increment();
        BENCH_BARRIER();
    }
}

void counter_case(Registry &registry)
{
    void *states[] = {&counters(registry).Add(labels_of(3)), &counters(registry).Add(labels_of(4))};
    bench_emit_times("counter_inc", bench_ns_per_op(inc, states));
}

void observe_case(Registry &registry)
{
    auto &family = histograms(registry);
    void *states[] = {&family.Add(labels_of(3), bounds()), &family.Add(labels_of(4), bounds())};
    bench_emit_times("observe", bench_ns_per_op(observe, states));
}

void lookup_case(Registry &registry)
{
    Lookup l{counters(registry), std::vector<bench_labels>(BENCH_LOOKUP_SERIES)};
    for (uint32_t i = 0; i < BENCH_LOOKUP_SERIES; i++) {
        bench_labels_of(i, &l.labels[i]);
        l.family.Add(labels_of(i));
    }
    Lookup other{counters(registry, "other_requests_total"), l.labels};
    for (uint32_t i = 0; i < BENCH_LOOKUP_SERIES; i++)
        other.family.Add(labels_of(i));
    void *states[] = {&l, &other};
    bench_emit_times("lookup_inc", bench_ns_per_op(lookup_inc, states));
}

size_t render(void *state)
{
    auto &registry = *static_cast<Registry *>(state);
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, registry.Collect());
    return out.str().size();
}

void text_case(Registry &registry, const char *name)
{
    size_t bytes;
    double ns = bench_render_ns(render, &registry, &bytes);
    bench_emit(name, static_cast<double>(bytes) / ns * 1000);
}

void histograms_case(Registry &registry, const char *name)
{
    auto &family = histograms(registry);
    uint32_t v = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        auto &histogram = family.Add(labels_of(i), bounds());
        for (int k = 0; k < BENCH_HISTOGRAM_FILL; k++)
            histogram.Observe(bench_values[v++ % BENCH_VALUES]);
    }
    text_case(registry, name);
}

void memory_case(Registry &registry, uint32_t series)
{
    std::vector<bench_labels> labels(series);
    for (uint32_t i = 0; i < series; i++)
        bench_labels_of(i, &labels[i]);
    auto &family = counters(registry);
    double before = bench_resident_bytes();
    uint64_t start = bench_now_ns();
    for (const bench_labels &v : labels)
        family.Add({{"method", v.method}, {"route", v.route}, {"status_code", v.status}}).Increment();
    bench_emit("series_create_ns", static_cast<double>(bench_now_ns() - start) / series);
    bench_emit("bytes_per_series", (bench_resident_bytes() - before) / series);
}

void slices_case(Registry &registry)
{
    fill_counters(registry, 1000000);
    uint64_t start = bench_now_ns();
    render(&registry);
    bench_emit("slice_stall_us", static_cast<double>(bench_now_ns() - start) / 1000);
}

int run(const std::string &name)
{
    Registry registry;
    if (name == "counter") {
        counter_case(registry);
    } else if (name == "observe") {
        observe_case(registry);
    } else if (name == "lookup") {
        lookup_case(registry);
    } else if (name == "text_counters_10k" || name == "text_counters_100k") {
        fill_counters(registry, name == "text_counters_10k" ? 10000 : 100000);
        text_case(registry, name.c_str());
    } else if (name == "text_histograms_1k") {
        histograms_case(registry, name.c_str());
    } else if (name == "memory") {
        memory_case(registry, 100000);
    } else if (name == "slices") {
        slices_case(registry);
    } else {
        std::fprintf(stderr, "usage: prometheus-cpp CASE; no case \"%s\"\n", name.c_str());
        return 2;
    }
    return 0;
}
} // namespace

int main(int argc, char **argv)
{
    bench_values_init();
    return run(argc == 2 ? argv[1] : "");
}
