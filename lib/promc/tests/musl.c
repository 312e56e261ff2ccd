/* SPDX-License-Identifier: Apache-2.0 */
/* Threads, fork, a shared arena and the ready-made collectors with another C library: see musl.sh. */
#include <promc/promc.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUST(what)                                                                          \
    do {                                                                                    \
        if (!(what)) {                                                                      \
            fprintf(stderr, "musl.c:%d: %s (%s)\n", __LINE__, #what, promc_error_detail()); \
            exit(1);                                                                        \
        }                                                                                   \
    } while (0)

enum { THREADS = 4, UPDATES = 100000 };

static promc_counter counter;
static promc_histogram histogram;

static void *update(void *unused)
{
    for (int i = 0; i < UPDATES; i++) {
        promc_counter_inc(counter);
        promc_histogram_observe(histogram, i % 3);
    }
    return unused;
}

static void update_in_threads(void)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        MUST(pthread_create(&threads[i], NULL, update, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    promc_registry *registry;
    promc_family *family;
    char *text;
    MUST(argc == 2);
    MUST(promc_registry_create(&registry, &(promc_registry_settings){.shared_path = argv[1]}) == 0);
    MUST(promc_counter_register(registry, &(promc_family_settings){.name = "a"}, &family) == 0);
    MUST(promc_counter_get(family, NULL, &counter) == 0);
    MUST(promc_histogram_register(registry, &(promc_histogram_settings){.family = {.name = "h"}}, &family) == 0);
    MUST(promc_histogram_get(family, NULL, &histogram) == 0);
    MUST(promc_gauge_register(registry, &(promc_family_settings){.name = "bad name"}, &family) == PROMC_E_NAME);
    MUST(strstr(promc_error_detail(), "bad name") != NULL);
    MUST(promc_collect_process(registry) == 0 && promc_collect_malloc(registry) == 0);
    pid_t child = fork();
    if (child == 0) {
        update_in_threads();
        _exit(0);
    }
    update_in_threads();
    int status;
    MUST(waitpid(child, &status, 0) == child && status == 0);
    MUST(promc_scrape_string(registry, NULL, &text, NULL) == 0);
    MUST(strstr(text, "\na_total 800000\n") != NULL);
    MUST(strstr(text, "\nh_count 800000\n") != NULL);
    MUST(strstr(text, "\nprocess_open_fds ") != NULL);
    free(text);
    promc_registry_destroy(registry);
    promc_counter_inc(counter);
    return 0;
}
