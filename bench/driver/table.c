/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <math.h>
#include <string.h>

const char *const program_names[PROGRAMS] = {"promc",         "limit",           "prometheus-cpp",
                                             "client_golang", "rust-prometheus", "prometheus-client",
                                             "fastmetrics",   "measured",        "prom-client"};

row rows[] = {
    {.key = "counter_inc_1t",
     .label = "counter inc, held, 1 thread",
     .unit = "ns/op",
     .max_limit_ratio = 1.6,
     .min_peer_ratio = 4},
    {.key = "counter_inc_2t",
     .label = "counter inc, held, 2 threads",
     .unit = "ns/op",
     .min_peer_ratio = 15,
     .same_as = "counter_inc_1t",
     .same_apart = "counter_inc_2t_apart"},
    {.key = "counter_inc_2t_apart", .label = "  a counter each", .unit = "ns/op", .extra = true},
    {.key = "kept_inc_1t", .label = "counter inc, handle in memory", .unit = "ns/op", .extra = true},
    {.key = "table_inc_1t",
     .label = "counter inc, static table",
     .unit = "ns/op",
     .same_as = "kept_inc_1t",
     .same_most = 1.2},
    {.key = "observe_1t",
     .label = "observe, 11 buckets, 1 thread",
     .unit = "ns/op",
     .max_limit_ratio = 1.2,
     .min_peer_ratio = 1.8},
    {.key = "observe_2t",
     .label = "observe, 11 buckets, 2 threads",
     .unit = "ns/op",
     .max_limit_ratio = 1.2,
     .min_peer_ratio = 2.5,
     .same_as = "observe_1t",
     .same_apart = "observe_2t_apart"},
    {.key = "observe_2t_apart", .label = "  a histogram each", .unit = "ns/op", .extra = true},
    {.key = "summary_observe_1t", .label = "observe, summary, 1 thread", .unit = "ns/op", .absolute = 12},
    {.key = "lookup_inc_1t",
     .label = "inc by 3 label values, 1 thread",
     .unit = "ns/op",
     .max_limit_ratio = 1.5,
     .min_peer_ratio = 1.35},
    {.key = "lookup_inc_2t",
     .label = "inc by 3 label values, 2 threads",
     .unit = "ns/op",
     .max_limit_ratio = 1.5,
     .min_peer_ratio = 3},
    {.key = "lookup_inc_2t_apart", .label = "  a family each", .unit = "ns/op", .extra = true},
    {.key = "lookup_inc_n_1t", .label = "  lengths given, 1 thread", .unit = "ns/op", .extra = true},
    {.key = "lookup_key_1t", .label = "inc by a prepared label set, 1 thread", .unit = "ns/op", .min_peer_ratio = 1.5},
    {.key = "lookup_key_2t", .label = "inc by a prepared label set, 2 threads", .unit = "ns/op", .min_peer_ratio = 1.5},
    {.key = "lookup_key_2t_apart", .label = "  a family each", .unit = "ns/op", .extra = true},
    {.key = "text_counters_10k",
     .label = "text, 10k counters",
     .unit = "MB/s",
     .more_is_better = true,
     .min_limit_share = .4,
     .min_peer_ratio = 3,
     .absolute = 1500},
    {.key = "text_counters_100k",
     .label = "text, 100k counters",
     .unit = "MB/s",
     .more_is_better = true,
     .min_limit_share = .4,
     .min_peer_ratio = 3,
     .absolute = 1500},
    {.key = "text_histograms_1k",
     .label = "text, 1k histograms",
     .unit = "MB/s",
     .more_is_better = true,
     .min_peer_ratio = 3,
     .absolute = 1200},
    {.key = "protobuf_histograms_1k",
     .label = "protobuf of the same (MB of text)",
     .unit = "MB/s",
     .more_is_better = true,
     .same_as = "text_histograms_1k"},
    {.key = "protobuf_histograms_us", .label = "  a whole scrape of it", .unit = "us", .extra = true},
    {.key = "bytes_per_series",
     .label = "memory a counter series, 100k",
     .unit = "bytes",
     .min_peer_ratio = 3,
     .absolute = 170},
    {.key = "bytes_per_series_and_thread", .label = "  and each further thread", .unit = "bytes", .extra = true},
    {.key = "series_create_ns", .label = "creating a series", .unit = "ns", .extra = true},
    {.key = "slice_stall_us", .label = "longest stall, 1M series (peers: scrape)", .unit = "us", .absolute = 200},
};
const size_t row_count = sizeof(rows) / sizeof(rows[0]);

void table_clear(void)
{
    for (size_t i = 0; i < row_count; i++)
        for (int p = 0; p < PROGRAMS; p++)
            rows[i].value[p] = NAN;
}

row *table_find(const char *key)
{
    for (size_t i = 0; i < row_count; i++)
        if (strcmp(rows[i].key, key) == 0)
            return &rows[i];
    return NULL;
}

static bool better(const row *r, double a, double b)
{
    return isnan(b) || (r->more_is_better ? a > b : a < b);
}

void table_put(enum program program, const char *key, double value)
{
    row *r = table_find(key);
    if (r && better(r, value, r->value[program]))
        r->value[program] = value;
}

int table_best_peer(const row *r)
{
    int best = -1;
    for (int p = PROGRAM_PEERS; p < PROGRAMS; p++)
        if (!isnan(r->value[p]) && (best < 0 || better(r, r->value[p], r->value[best])))
            best = p;
    return best;
}
