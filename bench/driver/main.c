/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs promc, the limits and the peers in turn and prints one table.
 *
 *     bench-driver DIRECTORY JSON [CASE...]     DIRECTORY holds one executable per program, or NAME.missing with the reason
 *
 * Every run is a new process with one case. The programs alternate within each round, and the best round of each
 * counts: on a shared machine this compares their quiet moments with each other.
 */
#include "report.h"
#include "table.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct bench_case {
    const char *name;
    int rounds; /* of promc and the limit */
    int peer_rounds;
} bench_case;

static const bench_case cases[] = {
    {"counter", 10, 4},
    {"observe", 10, 4},
    {"summary", 6, 0},
    {"lookup", 10, 4},
    {"text_counters_10k", 6, 3},
    {"text_counters_100k", 6, 2},
    {"text_histograms_1k", 6, 3},
    {"protobuf_histograms_1k", 6, 3},
    {"memory", 2, 1},
    {"slices", 3, 1},
};

/* Does the program have this case? If it has, a failure is an error. */
static bool knows(enum program p, const char *name)
{
    bool protobuf = strcmp(name, "protobuf_histograms_1k") == 0;
    if (strcmp(name, "summary") == 0) /* the peers have none, or one that sorts samples, which is not comparable */
        return p == PROGRAM_PROMC;
    if (p == PROGRAM_LIMIT)
        return !protobuf && strcmp(name, "memory") != 0;
    if (protobuf) /* prom-client has no protobuf; Debian's builds of the others write only text */
        return p == PROGRAM_PROMC || strcmp(program_names[p], "client_golang") == 0;
    return true;
}

static char directory[512];
static char missing[PROGRAMS][256]; /* the reason, or "" */

static void find_programs(void)
{
    for (int p = 0; p < PROGRAMS; p++) {
        char path[1024];
        snprintf(path, sizeof(path), "%s/%s", directory, program_names[p]);
        if (access(path, X_OK) == 0)
            continue;
        snprintf(missing[p], sizeof(missing[p]), "not built");
        strncat(path, ".missing", sizeof(path) - strlen(path) - 1);
        FILE *file = fopen(path, "r");
        if (file && fgets(missing[p], sizeof(missing[p]), file))
            missing[p][strcspn(missing[p], "\n")] = '\0';
        if (file)
            fclose(file);
    }
}

static FILE *start(const char *path, const char *name, pid_t *pid)
{
    int out[2];
    if (pipe(out) != 0)
        return NULL;
    *pid = fork();
    if (*pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        execl(path, path, name, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    return *pid > 0 ? fdopen(out[0], "r") : NULL;
}

static void run(enum program p, const char *name)
{
    char path[1024], line[256];
    pid_t pid;
    snprintf(path, sizeof(path), "%s/%s", directory, program_names[p]);
    FILE *out = start(path, name, &pid);
    if (!out) {
        perror("bench: cannot start a program");
        exit(1);
    }
    while (fgets(line, sizeof(line), out)) {
        char key[64];
        double value;
        if (sscanf(line, "%63s %lf", key, &value) == 2)
            table_put(p, key, value);
    }
    fclose(out);
    int status;
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "bench: \"%s %s\" failed (status %#x)\n", path, name, (unsigned)status);
        exit(1);
    }
}

static void run_case(const bench_case *c)
{
    fprintf(stderr, "%s\n", c->name);
    for (int round = 0; round < c->rounds; round++)
        for (int p = 0; p < PROGRAMS; p++)
            if (!missing[p][0] && knows((enum program)p, c->name) &&
                round < (p < PROGRAM_PEERS ? c->rounds : c->peer_rounds))
                run((enum program)p, c->name);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: bench-driver DIRECTORY JSON [CASE...]\n");
        return 2;
    }
    (void)setpriority(PRIO_PROCESS, 0, -10); /* if allowed: for all programs alike, before other work on this machine */
    snprintf(directory, sizeof(directory), "%s", argv[1]);
    table_clear();
    find_programs();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool wanted = argc == 3;
        for (int a = 3; a < argc; a++)
            wanted |= strcmp(argv[a], cases[i].name) == 0;
        if (wanted)
            run_case(&cases[i]);
    }
    report_table();
    for (int p = 0; p < PROGRAMS; p++)
        if (missing[p][0])
            printf("%s: not installable: %s\n", program_names[p], missing[p]);
    if (report_json(argv[2]) != 0) {
        fprintf(stderr, "bench: cannot write %s: %s\n", argv[2], strerror(errno));
        return 1;
    }
    printf("written: %s\n", argv[2]);
    return 0;
}
