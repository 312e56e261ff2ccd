/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program for prometheus-client-c, written by its documentation, without anything of promc. tests/test_libprom.py scrapes it.
 * usage: prom-target PORT USERS; ends at SIGTERM.
 */
#include <microhttpd.h>
#include <prom.h>
#include <promhttp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static prom_counter_t *my_counter;
static prom_gauge_t *my_gauge;
static prom_histogram_t *my_histogram;
static prom_counter_t *traffic;

static void metric_init(void)
{
    my_counter = prom_collector_registry_must_register_metric(prom_counter_new("my_counter", "counts things", 0, NULL));
    my_gauge = prom_collector_registry_must_register_metric(
        prom_gauge_new("my_gauge", "a level of things", 2, (const char *[]){"one", "two"}));
    my_histogram = prom_collector_registry_must_register_metric(
        prom_histogram_new("my_histogram", "sizes of things", prom_histogram_buckets_linear(5.0, 5.0, 10), 0, NULL));
    traffic = prom_collector_registry_must_register_metric(
        prom_counter_new("traffic", "by user", 2, (const char *[]){"realm", "user"}));
}

static int count(long users)
{
    int r = 0;
    for (int i = 0; i < 100; i++) {
        r |= prom_counter_inc(my_counter, NULL);
        r |= prom_gauge_add(my_gauge, 2, (const char *[]){"bar", "bang"});
        r |= prom_histogram_observe(my_histogram, i % 2 ? 3 : 7, NULL);
    }
    for (long i = 0; i < users; i++) {
        char user[32];
        snprintf(user, sizeof(user), "user%ld", i);
        r |= prom_counter_add(traffic, 5, (const char *[]){"realm", user});
    }
    return r;
}

int main(int argc, char **argv)
{
    int number;
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, NULL); /* before the daemon's thread exists */
    prom_collector_registry_default_init();
    metric_init();
    promhttp_set_active_collector_registry(NULL);
    if (argc != 3 || count(strtol(argv[2], NULL, 10)) != 0)
        return 1;
    struct MHD_Daemon *daemon =
        promhttp_start_daemon(MHD_USE_SELECT_INTERNALLY, (unsigned short)strtol(argv[1], NULL, 10), NULL, NULL);
    if (!daemon)
        return 1;
    sigwait(&stop, &number);
    prom_collector_registry_destroy(PROM_COLLECTOR_REGISTRY_DEFAULT);
    MHD_stop_daemon(daemon);
    return 0;
}
