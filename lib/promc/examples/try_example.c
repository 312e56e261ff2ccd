/* SPDX-License-Identifier: Apache-2.0 */
/* The examples' test: start PROGRAM on a free port, scrape it twice in each format, look for a counter that moves, stop it. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child;

static _Noreturn void give_up(const char *why, const char *what)
{
    fprintf(stderr, "%s: %s\n", why, what);
    if (child > 0)
        kill(child, SIGKILL);
    exit(1);
}

/* A port that was free a moment ago. It is passed to the example, because some examples do not print their port. */
static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        give_up("no free port", strerror(errno));
    close(fd);
    return ntohs(address.sin_port);
}

static int connect_to(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int attempt = 0; attempt < 10000; attempt++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            return fd;
        close(fd);
        if (waitpid(child, NULL, WNOHANG) == child) {
            child = 0;
            give_up("the example", "ended at once");
        }
        usleep(20000);
    }
    give_up("cannot connect", strerror(errno));
    return -1;
}

/* The whole response; the caller frees it. */
static char *get(unsigned port, const char *path, const char *accept)
{
    char request[512];
    size_t length = 0, capacity = 1 << 20;
    char *reply = malloc(capacity + 1);
    int fd = connect_to(port);
    struct timeval timeout = {.tv_sec = 300};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    int n = snprintf(request, sizeof(request),
                     "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: %s\r\nConnection: close\r\n\r\n", path, accept);
    if (!reply || send(fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        give_up("cannot send", strerror(errno));
    for (ssize_t got; length < capacity && (got = recv(fd, reply + length, capacity - length, 0)) > 0;)
        length += (size_t)got;
    reply[length] = '\0';
    close(fd);
    if (strncmp(reply, "HTTP/1.1 200", 12) != 0)
        give_up("no 200", reply);
    return reply;
}

static void expect(const char *reply, const char *text)
{
    if (!strstr(reply, text)) {
        fprintf(stderr, "missing: %s\n", text);
        give_up("in", reply);
    }
}

static void try_formats(unsigned port)
{
    char *reply = get(port, "/metrics", "*/*");
    expect(reply, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    expect(reply, "# TYPE process_cpu_seconds_total counter\n");
    free(reply);
    reply = get(port, "/metrics", "application/openmetrics-text;version=1.0.0");
    expect(reply, "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n");
    expect(reply, "\n# EOF\n");
    free(reply);
}

/* The counter of the example, in a text exposition. */
static double counter(unsigned port, const char *series)
{
    char *reply = get(port, "/metrics", "text/plain");
    const char *line = strstr(reply, series);
    if (!line) {
        give_up(series, "is not exposed");
        return 0;
    }
    double value = strtod(line + strlen(series), NULL);
    free(reply);
    return value;
}

int main(int argc, char **argv)
{
    char text[32];
    int status;
    if (argc != 2) {
        fprintf(stderr, "usage: try_example PROGRAM\n");
        return 2;
    }
    unsigned port = free_port();
    const char *name = strrchr(argv[1], '/') ? strrchr(argv[1], '/') + 1 : argv[1];
    int minimal = strcmp(name, "minimal") == 0; /* takes an address instead of a port, and counts without requests */
    snprintf(text, sizeof(text), minimal ? "127.0.0.1:%u" : "%u", port);
    child = fork();
    if (child == 0) {
        const char *emulator = getenv("PROMC_EMULATOR"); /* scripts/test-platform */
        execlp(emulator ? emulator : argv[1], argv[1], emulator ? argv[1] : text, emulator ? text : NULL, (char *)NULL);
        _exit(127);
    }
    try_formats(port);
    const char *series = minimal ? "\njobs_total{queue=\"mail\"} " : "\nrequests_total{path=\"other\"} ";
    if (!minimal)
        free(get(port, "/", "*/*"));
    double before = counter(port, series);
    if (!minimal)
        free(get(port, "/", "*/*"));
    for (int attempt = 0; counter(port, series) <= before; attempt++) {
        if (attempt == 3000)
            give_up(series, "does not move");
        usleep(100000);
    }
    kill(child, SIGTERM);
    waitpid(child, &status, 0);
    if (!minimal && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
        child = 0;
        give_up(argv[1], "failed at its end");
    }
    return 0;
}
