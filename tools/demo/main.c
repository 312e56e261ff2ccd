/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo-traffic: simulates the users of `make demo` through the public API, at a steady rate until it is stopped.
 *
 * It checks every answer and keeps its own counts in counts.json, so that they can be compared with the service's counters.
 */
#include "campaigns.h"
#include "prospects.h"
#include "traffic.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define IN_FLIGHT_MAX 64u
#define STATUS_SECONDS 5.0
#define LINES_SECONDS 60.0 /* if standard output is not a terminal, where each line stays */
#define FINISH_SECONDS 15.0

struct options {
    const char *url, *directory, *key;
    double rate; /* requests a second */
    unsigned long seed;
    double duration; /* seconds; 0: until stopped */
};

static volatile sig_atomic_t stopped;

static void on_signal(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char usage[] =
    "usage: demo-traffic [--url http://127.0.0.1:3000] [--directory var/demo] [--rate 50] [--seed 1] [--duration 0]\n"
    "\n"
    "  --url        of ingest-api\n"
    "  --directory  an existing folder for prospects.csv and counts.json\n"
    "  --rate       requests a second, 0.1 to 5000\n"
    "  --seed       the same seed gives the same requests\n"
    "  --duration   seconds; 0: until SIGINT or SIGTERM\n"
    "\n"
    "The API key is read from the environment: API_KEY.\n";

static int number(const char *name, const char *text, double low, double high, double *out)
{
    char *end;
    errno = 0;
    *out = strtod(text, &end);
    if (errno || end == text || *end || !(*out >= low && *out <= high)) {
        (void)fprintf(stderr, "demo-traffic: --%s %s: must be a number from %g to %g\n", name, text, low, high);
        return -1;
    }
    return 0;
}

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {{"url", 1, NULL, 'u'},  {"directory", 1, NULL, 'd'}, {"rate", 1, NULL, 'r'},
                                          {"seed", 1, NULL, 's'}, {"duration", 1, NULL, 't'},  {"help", 0, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    double value;
    *o = (struct options){.url = "http://127.0.0.1:3000", .directory = "var/demo", .rate = 50, .seed = 1};
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'u':
            o->url = optarg;
            break;
        case 'd':
            o->directory = optarg;
            break;
        case 'r':
            if (number("rate", optarg, 0.1, 5000, &o->rate))
                return 2;
            break;
        case 's':
            if (number("seed", optarg, 0, 1e9, &value))
                return 2;
            o->seed = (unsigned long)value;
            break;
        case 't':
            if (number("duration", optarg, 0, 1e9, &o->duration))
                return 2;
            break;
        case 'h':
            (void)fputs(usage, stdout);
            exit(0);
        default:
            (void)fputs(usage, stderr);
            return 2;
        }
    }
    o->key = getenv("API_KEY");
    if (optind < argc || !o->key || !*o->key || strncmp(o->url, "http://", 7) != 0) {
        (void)fprintf(stderr, "demo-traffic: %s\n%s",
                      optind < argc         ? "too many arguments"
                      : !o->key || !*o->key ? "API_KEY is not set"
                                            : "--url must begin with http://",
                      usage);
        return 2;
    }
    return 0;
}

/* The CSV file that is imported first. It stays in the folder for people to look at. */
static char *make_file(const struct options *o, size_t *length)
{
    char path[512], *content = NULL;
    FILE *memory = open_memstream(&content, length), *file;
    (void)snprintf(path, sizeof(path), "%s/prospects.csv", o->directory);
    if (!memory || prospects_write_csv(memory, 0, PROSPECTS_IN_FILE, o->seed) < 0 || fclose(memory)) {
        (void)fprintf(stderr, "demo-traffic: out of memory\n");
        return NULL;
    }
    file = fopen(path, "w");
    if (!file || fwrite(content, 1, *length, file) != *length) {
        (void)fprintf(stderr, "demo-traffic: %s: %s\n", path, strerror(errno));
        if (file)
            (void)fclose(file);
        free(content);
        return NULL;
    }
    if (fclose(file)) {
        (void)fprintf(stderr, "demo-traffic: %s: %s\n", path, strerror(errno));
        free(content);
        return NULL;
    }
    return content;
}

static void save(const struct traffic *traffic, const struct options *o)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/counts.json", o->directory);
    if (counts_save(&traffic->counts, path) < 0)
        (void)fprintf(stderr, "demo-traffic: %s: %s\n", path, strerror(errno));
}

/* One step every 1/rate seconds. Steps that are missed because the service is slow are not made up for later. */
static void run(struct traffic *traffic, const struct options *o, const char *content, size_t length)
{
    double start = seconds_now(), next = 0, status = STATUS_SECONDS, last_status = 0;
    double interval = isatty(STDOUT_FILENO) ? STATUS_SECONDS : LINES_SECONDS;
    traffic_import_file(traffic, content, length, PROSPECTS_IN_FILE);
    while (!stopped && (o->duration <= 0 || traffic->now < o->duration)) {
        traffic->now = seconds_now() - start;
        if (next < traffic->now - 1)
            next = traffic->now - 1;
        while (!stopped && next <= traffic->now && client_in_flight(traffic->client) < IN_FLIGHT_MAX) {
            traffic_step(traffic);
            next += 1 / o->rate;
        }
        if (traffic->now >= status) {
            if (traffic->now - last_status >= interval - 0.5) {
                counts_print(&traffic->counts, traffic->now, traffic->now - last_status, false);
                last_status = traffic->now;
            }
            save(traffic, o);
            status = traffic->now + STATUS_SECONDS;
        }
        double wait = next - traffic->now;
        client_turn(traffic->client, wait <= 0 ? 1 : wait > 0.1 ? 100 : (int)(wait * 1000) + 1);
    }
    double until = seconds_now() + FINISH_SECONDS;
    while (client_in_flight(traffic->client) && seconds_now() < until)
        client_turn(traffic->client, 50);
    traffic->counts.uncertain += client_in_flight(traffic->client);
    traffic->now = seconds_now() - start;
    counts_print(&traffic->counts, traffic->now, traffic->now - last_status, true);
}

int main(int argc, char **argv)
{
    struct options o;
    struct traffic traffic = {0};
    size_t length = 0;
    int status = parse(argc, argv, &o);
    if (status)
        return status;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);

    traffic.url = o.url;
    traffic.key = o.key;
    traffic.random.state = o.seed;
    char *content = make_file(&o, &length);
    traffic.campaigns = campaigns_new();
    if (!content || !traffic.campaigns || client_open(&traffic.client, o.url) < 0) {
        (void)fprintf(stderr, "demo-traffic: could not start\n");
        free(content);
        campaigns_free(traffic.campaigns);
        return 1;
    }
    run(&traffic, &o, content, length);
    save(&traffic, &o);
    client_close(traffic.client);
    campaigns_free(traffic.campaigns);
    free(content);
    return traffic.counts.unexpected || traffic.counts.uncertain ? 1 : 0;
}
