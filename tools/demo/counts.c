/* SPDX-License-Identifier: Apache-2.0 */
#include "counts.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void counts_answer(struct counts *counts, long status, double seconds)
{
    double octaves = log2(seconds * 1e6);
    int bucket = octaves > 0 ? (int)(octaves * 4) : 0;
    counts->latencies[bucket < COUNTS_LATENCIES ? bucket : COUNTS_LATENCIES - 1]++;
    counts->answered++;
    if (status > 0 && status < 600)
        counts->by_status[status]++;
}

/* In milliseconds: the upper bound of the bucket. */
static double quantile(const struct counts *counts, double q)
{
    uint64_t all = 0, seen = 0;
    for (int i = 0; i < COUNTS_LATENCIES; i++)
        all += counts->latencies[i];
    for (int i = 0; i < COUNTS_LATENCIES; i++) {
        seen += counts->latencies[i];
        if (seen && (double)seen >= q * (double)all)
            return exp2((i + 1) / 4.0) / 1e3;
    }
    return 0;
}

static uint64_t statuses(const struct counts *counts, int from, int to)
{
    uint64_t n = 0;
    for (int i = from; i < to; i++)
        n += counts->by_status[i];
    return n;
}

/* At a terminal the line is rewritten in place, so that earlier output stays visible. The cursor goes back to its beginning; other output
 * overwrites it. */
static void show(const char *line, bool last)
{
    struct winsize size = {.ws_col = 0};
    if (last || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 20)
        (void)printf("%s\n", line);
    else
        (void)printf("%.*s\033[K\r", size.ws_col - 1, line);
    (void)fflush(stdout);
}

void counts_print(struct counts *counts, double elapsed, double interval, bool last)
{
    char line[320];
    (void)snprintf(line, sizeof(line),
                   "demo %6.0f s  %8" PRIu64 " requests (%.1f/s)  2xx %" PRIu64 "  4xx %" PRIu64 "  5xx %" PRIu64
                   "  aborted %" PRIu64 "  unexpected %" PRIu64 "  rows %" PRIu64 "  p50 %.1f ms  p99 %.1f ms",
                   elapsed, counts->answered + counts->aborted,
                   interval > 0 ? (double)(counts->answered - counts->answered_before) / interval : 0.0,
                   statuses(counts, 200, 300), statuses(counts, 400, 500), statuses(counts, 500, 600), counts->aborted,
                   counts->unexpected, counts->rows, quantile(counts, 0.5), quantile(counts, 0.99));
    show(line, last);
    counts->answered_before = counts->answered;
    memset(counts->latencies, 0, sizeof(counts->latencies));
}

int counts_save(const struct counts *counts, const char *path)
{
    char temporary[512];
    int n = snprintf(temporary, sizeof(temporary), "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof(temporary))
        return -1;
    FILE *file = fopen(temporary, "w");
    if (!file)
        return -1;
    (void)fprintf(file,
                  "{\"answered\": %" PRIu64 ", \"aborted\": %" PRIu64 ", \"uncertain\": %" PRIu64
                  ", \"unexpected\": %" PRIu64 ", \"rows\": %" PRIu64 ", \"imported\": %" PRIu64
                  ", \"updated\": %" PRIu64 ", \"rejected\": %" PRIu64 ", \"by_status\": {",
                  counts->answered, counts->aborted, counts->uncertain, counts->unexpected, counts->rows,
                  counts->imported, counts->updated, counts->rejected);
    const char *separator = "";
    for (int i = 0; i < 600; i++) {
        if (counts->by_status[i]) {
            (void)fprintf(file, "%s\"%d\": %" PRIu64, separator, i, counts->by_status[i]);
            separator = ", ";
        }
    }
    (void)fputs("}}\n", file);
    int bad = ferror(file);
    return fclose(file) || bad ? -1 : rename(temporary, path);
}
