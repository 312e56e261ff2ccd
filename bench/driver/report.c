/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "table.h"

#include <math.h>
#include <stdio.h>

static void print_value(double v, int width)
{
    if (isnan(v))
        printf(" %*s", width, "-");
    else
        printf(" %*.*f", width, v < 10 ? 2 : v < 1000 ? 1 : 0, v);
}

/* How many times better promc is than the best peer. */
static double peer_ratio(const row *r)
{
    int best = table_best_peer(r);
    if (best < 0)
        return NAN;
    double promc = r->value[PROGRAM_PROMC], peer = r->value[best];
    return r->more_is_better ? promc / peer : peer / promc;
}

static double limit_ratio(const row *r)
{
    return r->value[PROGRAM_PROMC] / r->value[PROGRAM_LIMIT];
}

static bool absolute_met(const row *r)
{
    double promc = r->value[PROGRAM_PROMC];
    bool met = r->more_is_better ? promc >= r->absolute : promc <= r->absolute;
    return met || (r->min_limit_share != 0 && limit_ratio(r) >= r->min_limit_share);
}

static void print_fault(bool *first, const char *format, double is, double target)
{
    printf("%s", *first ? "MISSED: " : ", ");
    printf(format, is, target);
    *first = false;
}

/* A figure better than its limit means that the measurement is wrong (5 % are allowed for noise). */
static bool beyond_limit(const row *r)
{
    return r->more_is_better ? limit_ratio(r) > 1.05 : limit_ratio(r) < 0.95;
}

static double times_worse(const row *r, const char *than)
{
    double other = table_find(than)->value[PROGRAM_PROMC], own = r->value[PROGRAM_PROMC];
    return r->more_is_better ? other / own : own / other;
}

static void print_verdict(const row *r)
{
    bool none = true;
    if (isnan(r->value[PROGRAM_PROMC])) {
        puts(r->extra ? "" : "not measured");
        return;
    }
    if (beyond_limit(r)) {
        printf("SUSPECT: beyond the physical limit, do not use\n");
        return;
    }
    if (r->max_limit_ratio != 0 && limit_ratio(r) > r->max_limit_ratio)
        print_fault(&none, "%.2f x limit, target %.1f", limit_ratio(r), r->max_limit_ratio);
    if (r->min_peer_ratio != 0 && peer_ratio(r) < r->min_peer_ratio)
        print_fault(&none, "%.2f x best peer, target %.1f", peer_ratio(r), r->min_peer_ratio);
    if (r->absolute != 0 && !absolute_met(r))
        print_fault(&none, "%.0f, target %.0f", r->value[PROGRAM_PROMC], r->absolute);
    double worse = r->same_as ? times_worse(r, r->same_as) : 0;
    double shared = r->same_apart ? times_worse(r, r->same_apart) : worse;
    double most = r->same_most != 0 ? r->same_most : 1.1;
    if (worse > most && !(shared <= most))
        print_fault(&none, "%.2f x the row it must equal, target %.1f", worse, most);
    printf("%s", none && !r->extra ? "met" : "");
    if (r->same_apart)
        printf(" (%.2f x 1 thread, %.2f x two threads apart)", worse, shared);
    puts("");
}

void report_table(void)
{
    printf("%-40s %-5s %9s %9s %7s %8s", "", "unit", "promc", "limit", "x limit", "x peer");
    for (int p = PROGRAM_PEERS; p < PROGRAMS; p++)
        printf(" %15s", program_names[p]);
    puts("  target");
    for (size_t i = 0; i < row_count; i++) {
        const row *r = &rows[i];
        printf("%-40s %-5s", r->label, r->unit);
        print_value(r->value[PROGRAM_PROMC], 9);
        print_value(r->value[PROGRAM_LIMIT], 9);
        print_value(limit_ratio(r), 7);
        print_value(peer_ratio(r), 8);
        for (int p = PROGRAM_PEERS; p < PROGRAMS; p++)
            print_value(r->value[p], 15);
        printf("  ");
        print_verdict(r);
    }
    puts("x limit: promc / limit.  x peer: how many times better than the best peer.  -: no such thing there.\n"
         "two threads apart: the same two cores at once, sharing nothing; what is beyond one thread there, the machine "
         "costs.");
}

static void json_number(FILE *file, const char *key, double v)
{
    if (isnan(v))
        fprintf(file, "\"%s\": null, ", key);
    else
        fprintf(file, "\"%s\": %.6g, ", key, v);
}

int report_json(const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return -1;
    const char *separator = "{\n";
    for (size_t i = 0; i < row_count; i++) {
        const row *r = &rows[i];
        if (r->extra)
            continue;
        int best = table_best_peer(r);
        fprintf(file, "%s  \"%s\": {", separator, r->key);
        json_number(file, "promc", r->value[PROGRAM_PROMC]);
        json_number(file, "best_peer", best < 0 ? NAN : r->value[best]);
        fprintf(file, best < 0 ? "\"best_peer_name\": null, " : "\"best_peer_name\": \"%s\", ",
                program_names[best < 0 ? 0 : best]);
        json_number(file, "limit", r->value[PROGRAM_LIMIT]);
        fprintf(file, "\"unit\": \"%s\"}", r->unit);
        separator = ",\n";
    }
    fputs("\n}\n", file);
    return fclose(file);
}
