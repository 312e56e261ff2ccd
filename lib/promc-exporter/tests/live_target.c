/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program with a family of every type, for tests/test_live_view.py: it updates all of them until standard input ends. Its first line
 * of output is the port of its exporter.
 */
#include <promc-exporter/exporter.h>

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define EVERY_MS 20

static const char *const phases[] = {"idle", "busy"};

struct target {
    promc_family *jobs, *paths, *depth, *in_flight, *classic, *native, *summary, *items, *odd, *name, *unused;
};

static int make_families(promc_registry *registry, struct target *t)
{
    promc_family *build;
    int rc = promc_counter_register(
        registry, &(promc_family_settings){.name = "live_jobs_total", .help = "Jobs done.", .labels = {"queue"}},
        &t->jobs);
    if (rc == 0)
        rc = promc_counter_register(registry, &(promc_family_settings){.name = "live_paths_total", .labels = {"path"}},
                                    &t->paths);
    if (rc == 0)
        rc = promc_gauge_register(registry, &(promc_family_settings){.name = "live_depth", .labels = {"queue"}},
                                  &t->depth);
    if (rc == 0)
        rc = promc_updown_register(registry, &(promc_family_settings){.name = "live_in_flight"}, &t->in_flight);
    if (rc == 0)
        rc = promc_histogram_register(
            registry, &(promc_histogram_settings){.family = {.name = "live_classic_seconds", .labels = {"le_x"}}},
            &t->classic);
    if (rc == 0)
        rc = promc_histogram_register(
            registry,
            &(promc_histogram_settings){.family = {.name = "live_native_seconds"}, .kind = PROMC_HISTOGRAM_NATIVE},
            &t->native);
    if (rc == 0)
        rc = promc_histogram_register(
            registry, &(promc_histogram_settings){.family = {.name = "live_unused_seconds", .labels = {"zone"}}},
            &t->unused);
    if (rc == 0)
        rc = promc_summary_register(
            registry, &(promc_summary_settings){.family = {.name = "live_summary_seconds", .labels = {"step"}}},
            &t->summary);
    if (rc == 0)
        rc = promc_gauge_register(
            registry, &(promc_family_settings){.name = "live_items", .help = "So many zebras.", .labels = {"item"}},
            &t->items);
    if (rc == 0)
        rc = promc_gauge_register(registry, &(promc_family_settings){.name = "live_odd_bytes", .labels = {"is"}},
                                  &t->odd);
    if (rc == 0)
        rc = promc_gauge_register(registry, &(promc_family_settings){.name = "live.name/\xc3\xa4"}, &t->name);
    if (rc == 0)
        rc = promc_info_register(registry, &(promc_family_settings){.name = "live_build", .labels = {"version"}},
                                 &build);
    if (rc == 0)
        rc = promc_info_set(build, (const char *const[]){"1.2 \"quoted\\\""});
    return rc;
}

static void stand_still(const struct target *t)
{
    promc_gauge name;
    char item[16];
    for (int i = 0; i < 40; i++) {
        snprintf(item, sizeof(item), "%d", i);
        promc_gauge_set(promc_gauge_with(t->items, item), i);
    }
    promc_gauge_set(promc_gauge_with(t->items, "nan"), NAN);
    promc_gauge_set(promc_gauge_with(t->items, "inf"), INFINITY);
    promc_histogram_with(t->unused, "north");
    promc_gauge_set(promc_gauge_with(t->odd, "nan"), NAN);
    promc_gauge_set(promc_gauge_with(t->odd, "inf"), INFINITY);
    promc_gauge_set(promc_gauge_with(t->odd, "3 MiB"), 3 << 20);
    if (promc_gauge_get(t->name, NULL, &name) == 0)
        promc_gauge_set(name, 7);
}

static void move(const struct target *t, unsigned turn)
{
    promc_updown in_flight;
    promc_histogram native;
    char path[16];
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(path, sizeof(path), "%u", i);
        promc_counter_add_u64(promc_counter_with(t->paths, path), i);
    }
    promc_counter_inc(promc_counter_with(t->jobs, "mail"));
    promc_counter_add_u64(promc_counter_with(t->jobs, "odd,le=\"0.5\"} 7 \xc3\xa4"), 3);
    promc_gauge_set(promc_gauge_with(t->depth, "mail"), turn % 100);
    promc_histogram_observe(promc_histogram_with(t->classic, "a,le=\"9\""), 0.3); /* between the bounds 0.25 and 0.5 */
    promc_summary_observe(promc_summary_with(t->summary, phases[turn % 2]), 0.3);
    if (promc_updown_get(t->in_flight, NULL, &in_flight) == 0)
        promc_updown_inc(in_flight);
    if (promc_histogram_get(t->native, NULL, &native) == 0)
        promc_histogram_observe(native, 0.3);
}

int main(void)
{
    struct target target;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    promc_registry *registry = NULL;
    promc_exporter *exporter = NULL;
    int rc = promc_registry_create(&registry, &(promc_registry_settings){.utf8_names = true});
    if (rc == 0)
        rc = promc_collect_process(registry);
    if (rc == 0)
        rc = promc_collect_malloc(registry);
    if (rc == 0)
        rc = make_families(registry, &target);
    if (rc == 0)
        rc = promc_exporter_create(
            &exporter,
            &(promc_exporter_settings){.address = "127.0.0.1:0", .registry = registry, .history_seconds = 600});
    if (rc < 0) {
        fprintf(stderr, "live-target: %s\n", promc_error_detail());
        return 1;
    }
    stand_still(&target);
    printf("%u\n", promc_exporter_port(exporter));
    fflush(stdout);
    for (unsigned turn = 0; poll(&input, 1, EVERY_MS) == 0; turn++)
        move(&target, turn);
    promc_exporter_stop(exporter);
    promc_registry_destroy(registry);
    return 0;
}
