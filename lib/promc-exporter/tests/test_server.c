/* SPDX-License-Identifier: Apache-2.0 */
/* The exporter's server: deadlines, limits, descriptors, fork, addresses, the token. */
#include "client.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static bool names_twice;

/* Used by the exporter instead of the C library's: the result can have each address twice, as with a repeated line in /etc/hosts. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the header's names are reserved */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    int error = real(node, service, hints, out);
    if (error != 0 || !names_twice)
        return error;
    struct addrinfo *last = *out;
    while (last->ai_next)
        last = last->ai_next;
    return real(node, service, hints, &last->ai_next);
}

#ifdef __linux__ /* elsewhere a library's calls may not come here */
static pid_t *forked_by_opendir;

/* The exporter's own registry reads /proc while it is being made, when the listeners are open already. Another thread may fork then. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
DIR *opendir(const char *name)
{
    static DIR *(*real)(const char *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "opendir");
    if (forked_by_opendir) {
        pid_t *child = forked_by_opendir;
        forked_by_opendir = NULL;
        if ((*child = fork()) == 0) {
            pause();
            _exit(1);
        }
    }
    return real(name);
}
#endif

static void fill(promc_registry *registry, int count)
{
    promc_family *family;
    assert_int_equal(
        promc_counter_register(registry, &(promc_family_settings){.name = "many_total", .labels = {"key"}}, &family),
        0);
    for (int i = 0; i < count; i++) {
        char key[32];
        snprintf(key, sizeof(key), "key number %d", i);
        promc_counter_inc(promc_counter_with(family, key));
    }
}

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/*
 * Waits until a scrape is answered with 200. The first answer must be 503, unless `seconds` have passed since `asked`: on a busy machine
 * the client that holds the place may already have been cut off.
 */
static void wait_for_the_place(unsigned port, double asked, double seconds)
{
    bool refused = false;
    for (int patience = 0; patience < 9000; patience++) {
        struct reply reply = get(port, "/metrics?name[]=process_threads", "");
        free(reply.body);
        if (reply.status == 200) {
            assert_true(refused || now_seconds() - asked >= seconds);
            return;
        }
        assert_int_equal(reply.status, 503);
        refused = true;
        usleep(20000);
    }
    fail_msg("the client that stopped reading still holds its scrape");
}

/* Sends a request and reads only one byte of the answer. */
static int stop_reading(unsigned port, const char *headers)
{
    char byte, text[256];
    int fd = open_connection(port), small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    snprintf(text, sizeof(text), "GET /metrics HTTP/1.1\r\nHost: x\r\n%s\r\n", headers);
    send_text(fd, text);
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    return fd;
}

/* The server has closed this connection: after the remaining bytes there is an end or a reset. */
static void expect_closed(int fd)
{
    char buffer[65536];
    while (recv(fd, buffer, sizeof(buffer), 0) > 0) {
    }
    close(fd);
}

/* After the announced time, or 10 s without one. So does a client that sends nothing, or half of a request. */
static void test_a_client_that_stops_reading_frees_its_place(void **state)
{
    (void)state;
    promc_registry *registry;
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.max_series_per_family = 400000,
                                                                                 .arena_bytes = 256 << 20}),
                     0);
    fill(registry, 200000);
    promc_exporter *exporter = start((promc_exporter_settings){.registry = registry, .max_scrapes = 1});
    unsigned port = promc_exporter_port(exporter);
    int silent = open_connection(port), half = open_connection(port);
    send_text(half, "GET /metrics HTTP/1.1\r\nHost:");
    double asked = now_seconds();
    int stuck = stop_reading(port, "X-Prometheus-Scrape-Timeout-Seconds: 0.5\r\n");
    wait_for_the_place(port, asked, 0.5);
    expect_closed(stuck);
    asked = now_seconds();
    stuck = stop_reading(port, "");
    wait_for_the_place(port, asked, 10);
    expect_closed(stuck);
    expect_closed(silent);
    expect_closed(half);
    promc_exporter_stop(exporter);
    promc_registry_destroy(registry);
}

static void test_idle_connections_go_first(void **state)
{
    (void)state;
    promc_exporter *exporter = start((promc_exporter_settings){.max_connections = 3, .idle_seconds = 3600});
    unsigned port = promc_exporter_port(exporter);
    int idle[3];
    for (int i = 0; i < 3; i++) {
        char answer[512];
        idle[i] = open_connection(port);
        send_text(idle[i], "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_true(recv(idle[i], answer, sizeof(answer), 0) > 0);
    }
    struct reply reply = get(port, "/metrics", "");
    assert_int_equal(reply.status, 200);
    free(reply.body);
    expect_closed(idle[0]); /* the longest idle one; the next one still works */
    send_text(idle[1], "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    size_t length;
    char *text = receive_all(idle[1], &length);
    assert_non_null(strstr(text, "HTTP/1.1 404"));
    free(text);
    close(idle[1]);
    close(idle[2]);
    promc_exporter_stop(exporter);
}

/* Many names are either all used, or refused with an error. */
static void test_many_names(void **state)
{
    (void)state;
    static char text[400000];
    promc_exporter *exporter = start((promc_exporter_settings){0});
    unsigned port = promc_exporter_port(exporter);
    static const struct {
        int count;
        unsigned status;
    } cases[] = {{300, 200}, {4096, 200}, {4097, 400}, {20000, 414}};
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        size_t length = (size_t)sprintf(text, "GET /metrics?");
        for (int i = 1; i < cases[c].count; i++)
            length += (size_t)sprintf(text + length, "name[]=a%d&", i);
        (void)sprintf(text + length, "name[]=process_threads HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        struct reply reply = request_raw(port, text);
        assert_int_equal(reply.status, cases[c].status);
        if (reply.status == 200) {
            assert_non_null(strstr(reply.body, "\nprocess_threads "));
            assert_null(strstr(reply.body, "process_open_fds"));
        }
        free(reply.body);
    }
    promc_exporter_stop(exporter);
}

static void test_both_address_families(void **state)
{
    (void)state;
    promc_exporter *exporter = start((promc_exporter_settings){.address = ":0"});
    unsigned port = promc_exporter_port(exporter);
    struct reply reply = get(port, "/metrics", "");
    assert_int_equal(reply.status, 200);
    free(reply.body);
    struct sockaddr_in6 address = {
        .sin6_family = AF_INET6, .sin6_port = htons((in_port_t)port), .sin6_addr = in6addr_loopback};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        int error = connect(fd, (struct sockaddr *)&address, sizeof(address));
        if (error != 0 && errno == EADDRNOTAVAIL) {
            print_message("this machine has no IPv6: half of the test is left out\n");
        } else {
            char answer[16] = "";
            assert_int_equal(error, 0);
            send_text(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            assert_int_equal(recv(fd, answer, 12, MSG_WAITALL), 12);
            assert_string_equal(answer, "HTTP/1.1 200");
        }
        close(fd);
    }
    /* If the port is in use in one address family, it is an error: no listener on only the other one. */
    char taken[32];
    promc_exporter *second;
    snprintf(taken, sizeof(taken), ":%u", port);
    assert_int_equal(promc_exporter_create(&second, &(promc_exporter_settings){.address = taken}), PROMC_E_IO);
    assert_int_equal(errno, EADDRINUSE);
    promc_exporter_stop(exporter);
}

#ifndef __SANITIZE_THREAD__ /* under it a forked child may not start threads */
static void *wait_for_byte(void *fd)
{
    char byte;
    ssize_t n = read(*(const int *)fd, &byte, 1);
    return n == 1 ? fd : NULL;
}

static void *return_at_once(void *data)
{
    return data;
}

/*
 * In qemu-user 7.2, a forked child of a process with several threads fails an assertion of qemu (qemu_plugin_vcpu_init_hook) if it
 * starts a thread. This checks for that, so that the test runs wherever it can.
 */
static bool emulator_ends_children_that_start_threads(void)
{
    if (!getenv("PROMC_EMULATOR"))
        return false;
    int gate[2], status;
    pthread_t thread;
    assert_int_equal(pipe(gate), 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_byte, &gate[0]), 0);
    pid_t child = fork();
    if (child == 0) {
        pthread_t own;
        alarm(60); /* if an assertion fails in two threads of qemu at once, qemu may hang */
        _exit(pthread_create(&own, NULL, return_at_once, NULL) != 0 || pthread_join(own, NULL) != 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(write(gate[1], "x", 1), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    close(gate[0]);
    close(gate[1]);
    return status != 0;
}

/* A forked child that outlives its parent, like a worker after its master's crash, holds neither the port nor a connection. */
static void test_a_child_does_not_hold_the_port(void **state)
{
    (void)state;
    if (emulator_ends_children_that_start_threads()) {
        print_message("skipped: a forked child cannot start a thread under this emulator\n");
        skip();
    }
    int told[2];
    promc_exporter *exporter = start((promc_exporter_settings){0});
    unsigned port = promc_exporter_port(exporter);
    int fd = open_connection(port);
    send_text(fd, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        promc_exporter_stop(exporter); /* only frees it */
        promc_exporter *own = promc_exporter_start("127.0.0.1:0");
        ssize_t n = own ? write(told[1], "x", 1) : 0;
        (void)n;
        pause();
        _exit(0);
    }
    close(told[1]);
    assert_int_equal(read(told[0], &byte, 1), 1); /* the child can start its own exporter */
    promc_exporter_stop(exporter);
    expect_closed(fd);
    char again[32];
    snprintf(again, sizeof(again), "127.0.0.1:%u", port);
    exporter = promc_exporter_start(again);
    if (!exporter)
        fail_msg("%s", promc_exporter_error());
    struct reply reply = get(port, "/metrics", "");
    assert_int_equal(reply.status, 200);
    free(reply.body);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    promc_exporter_stop(exporter);
    close(told[0]);
}
#endif

#ifndef __SANITIZE_THREAD__ /* closing another owner's descriptor is a race, and it reports that */
static int open_descriptors(int *out, int most)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    for (const struct dirent *entry; (entry = readdir(dir)) && count < most;) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd != dirfd(dir))
            out[count++] = fd;
    }
    closedir(dir);
    return count;
}

/* A program that closes unknown descriptors (as daemons did) loses its /metrics but keeps running. */
static void test_closed_descriptors_do_not_end_the_process(void **state)
{
    (void)state;
    int before[256], after[256];
    pid_t child = fork();
    if (child == 0) {
        int count = open_descriptors(before, 256);
        promc_exporter *exporter = promc_exporter_start("127.0.0.1:0");
        int fd = open_connection(promc_exporter_port(exporter));
        send_text(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        char byte;
        if (recv(fd, &byte, 1, 0) != 1)
            _exit(1);
        int now = open_descriptors(after, 256);
        for (int i = 0; i < now; i++) {
            bool known = false;
            for (int j = 0; j < count; j++)
                known |= after[i] == before[j];
            if (!known)
                close(after[i]);
        }
        promc_exporter_stop(exporter);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}
#endif

#ifdef __linux__
/* A child that another thread forks while the exporter is being made. */
static void test_a_child_of_the_start_does_not_hold_the_port(void **state)
{
    (void)state;
    pid_t child = 0;
    char address[32];
    forked_by_opendir = &child;
    promc_exporter *exporter = start((promc_exporter_settings){0});
    assert_true(child > 0);
    snprintf(address, sizeof(address), "127.0.0.1:%u", promc_exporter_port(exporter));
    promc_exporter_stop(exporter);
    exporter = promc_exporter_start(address);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_non_null(exporter);
    promc_exporter_stop(exporter);
}
#endif

/* The client is another process, since this one has no descriptor left. */
static pid_t start_client(unsigned port, const int go[2])
{
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(go[1]);
        if (read(go[0], &byte, 1) != 1)
            _exit(3);
        for (int i = 0; i < 3; i++) {
            struct reply reply = get(port, "/metrics", "");
            if (reply.status != 200 || !strstr(reply.body, "process_threads"))
                _exit(1);
        }
        _exit(0);
    }
    return child;
}

static void test_metrics_without_descriptors(void **state)
{
    (void)state;
    int go[2], status, taken[1024], count = 0;
    struct rlimit before, small;
    assert_int_equal(pipe(go), 0);
    promc_exporter *exporter = start((promc_exporter_settings){.max_connections = 8});
    pid_t client = start_client(promc_exporter_port(exporter), go);
    getrlimit(RLIMIT_NOFILE, &before);
    small = before;
    small.rlim_cur = 256;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
    while (count < 1024 && (taken[count] = dup(go[0])) >= 0)
        count++;
    assert_int_equal(errno, EMFILE);
    assert_int_equal(write(go[1], "x", 1), 1);
    assert_int_equal(waitpid(client, &status, 0), client);
    for (int i = 0; i < count; i++)
        close(taken[i]);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    promc_exporter_stop(exporter);
    close(go[0]);
    close(go[1]);
}

static double cpu_seconds(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* A program that gives up its descriptors (a sandbox): poll() fails at once for more descriptors than the limit. */
static void test_a_limit_below_the_open_descriptors(void **state)
{
    (void)state;
    struct rlimit before, none;
    promc_exporter *exporter = start((promc_exporter_settings){0});
    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    double used = cpu_seconds(), begun = now_seconds();
    usleep(500000);
    used = cpu_seconds() - used;
    double passed = now_seconds() - begun;
    setrlimit(RLIMIT_NOFILE, &before);
    assert_true(used < passed / 10);
    struct reply reply = get(promc_exporter_port(exporter), "/metrics", "");
    assert_int_equal(reply.status, 200);
    free(reply.body);
    promc_exporter_stop(exporter);
}

static long content_length(const struct reply *reply)
{
    const char *field = strstr(reply->head, "\r\nContent-Length: ");
    return field ? strtol(field + 18, NULL, 10) : -1;
}

static void test_head(void **state)
{
    (void)state;
    static const char *const paths[] = {"/", "/nothing", "/metrics"};
    promc_exporter *exporter = start((promc_exporter_settings){0});
    unsigned port = promc_exporter_port(exporter);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char text[128];
        struct reply whole = get(port, paths[i], "");
        snprintf(text, sizeof(text), "HEAD %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", paths[i]);
        struct reply head = request_raw(port, text);
        assert_int_equal(head.status, whole.status);
        assert_int_equal(head.length, 0);
        assert_int_equal(content_length(&head), content_length(&whole));
        assert_true(i == 2 ? content_length(&head) == -1 : content_length(&head) == (long)whole.length);
        free(whole.body);
        free(head.body);
    }
    promc_exporter_stop(exporter);
}

static void test_requests(void **state)
{
    (void)state;
#define END "Host: x\r\nConnection: close\r\n\r\n"
    static const struct {
        const char *request;
        unsigned status;
        const char *head;
    } cases[] = {
        {"GET http://other:80/metrics?name[]=process_threads HTTP/1.1\r\n" END, 200, "text/plain"},
        {"GET /%6detrics HTTP/1.1\r\n" END, 200, "text/plain"},
        {"GET /metrics HTTP/1.1\r\nHost: x\r\n" END, 400, "Connection: close"},
        {"GET /metrics HTTP/1.1\r\nAccept: text/html\r\nAccept: application/openmetrics-text;version=1.0.0\r\n" END,
         200, "application/openmetrics-text"},
        {"GET /metrics HTTP/1.1\r\nHost: x\n\r\n", 400, "Connection: close"},
        {"GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" END "0\r\n\r\n", 411, "Connection: close"},
        {"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" END "3\r\nabc\r\n0\r\n\r\n", 405, "Allow"},
        {"POST /metrics HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 100000000\r\nHost: x\r\n\r\n", 405,
         "close"},
        {"GET /metrics HTTP/2.0\r\n" END, 505, "Connection: close"},
    };
    promc_exporter *exporter = start((promc_exporter_settings){0});
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reply reply = request_raw(promc_exporter_port(exporter), cases[i].request);
        if (reply.status != cases[i].status || !strstr(reply.head, cases[i].head))
            fail_msg("%s gave %s", cases[i].request, reply.head);
        assert_non_null(strstr(reply.head, "\r\nDate: "));
        free(reply.body);
    }
    promc_exporter_stop(exporter);
}

/* Bodies are skipped, pipelined requests are answered in order, a request in many segments once. */
static void test_a_connection_is_reused(void **state)
{
    (void)state;
    promc_exporter *exporter = start((promc_exporter_settings){0});
    int fd = open_connection(promc_exporter_port(exporter));
    static const char text[] = "\r\nGET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n"
                               "GET /x HTTP/1.1\r\nHost: y\r\n\r\n.."
                               "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
                               "GET /metrics HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    for (const char *at = text; *at != '\0'; at++)
        assert_int_equal(send(fd, at, 1, MSG_NOSIGNAL), 1);
    size_t length;
    char *answer = receive_all(fd, &length);
    int ok = 0, missing = 0;
    for (char *p = answer; (p = strstr(p, "HTTP/1.1 ")) != NULL; p++) {
        ok += strncmp(p, "HTTP/1.1 200", 12) == 0;
        missing += strncmp(p, "HTTP/1.1 404", 12) == 0;
    }
    assert_int_equal(missing, 1);
    assert_int_equal(ok, 2);
    assert_non_null(strstr(answer, "\nprocess_threads "));
    free(answer);
    close(fd);
    promc_exporter_stop(exporter);
}

/* Requests that arrive together are all answered, wherever among them the others get their turn. */
static void test_pipelined_requests(void **state)
{
    (void)state;
    promc_exporter *exporter = start((promc_exporter_settings){0});
    for (int pages = 0; pages < 4; pages++) {
        char text[1024] = "";
        int fd = open_connection(promc_exporter_port(exporter)), answers = 0;
        for (int i = 0; i < 10; i++) {
            strcat(text, i < pages ? "GET / HTTP/1.1\r\nHost: x\r\n" : "GET /x HTTP/1.1\r\nHost: x\r\n");
            strcat(text, i < 9 ? "\r\n" : "Connection: close\r\n\r\n");
        }
        send_text(fd, text);
        size_t length;
        char *answer = receive_all(fd, &length);
        for (char *p = answer; (p = strstr(p, "HTTP/1.1 ")) != NULL; p++)
            answers++;
        assert_int_equal(answers, 10);
        free(answer);
        close(fd);
    }
    promc_exporter_stop(exporter);
}

static void test_a_name_with_an_address_twice(void **state)
{
    (void)state;
    static const char *const addresses[] = {"localhost:0", "127.0.0.1:0", ":0"};
    names_twice = true;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        promc_exporter *exporter = start((promc_exporter_settings){.address = addresses[i]});
        struct reply reply = get(promc_exporter_port(exporter), "/metrics", "");
        assert_int_equal(reply.status, 200);
        free(reply.body);
        promc_exporter_stop(exporter);
    }
    names_twice = false;
}

/* A folder of a test's own, with a path for a Unix socket in it. */
struct place {
    char directory[32], path[64], address[80];
    struct sockaddr_un name;
};

static struct place new_place(void)
{
    struct place place = {.directory = "/tmp/promc-exporter-XXXXXX", .name = {.sun_family = AF_UNIX}};
    assert_non_null(mkdtemp(place.directory));
    snprintf(place.path, sizeof(place.path), "%s/metrics.sock", place.directory);
    snprintf(place.address, sizeof(place.address), "unix:%s", place.path);
    strcpy(place.name.sun_path, place.path);
    return place;
}

static int connect_unix(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strcpy(name.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&name, sizeof(name)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void test_unix_socket(void **state)
{
    (void)state;
    const struct place place = new_place();
    /* The socket of a dead program is replaced. */
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(dead, (const struct sockaddr *)&place.name, sizeof(place.name)), 0);
    close(dead);
    promc_exporter *exporter = start((promc_exporter_settings){.address = place.address, .unix_mode = 0600}), *second;
    struct stat status;
    assert_int_equal(stat(place.path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    int fd = connect_unix(place.path);
    assert_true(fd >= 0);
    send_text(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    size_t length;
    char *answer = receive_all(fd, &length);
    assert_non_null(strstr(answer, "\nprocess_threads "));
    free(answer);
    close(fd);
    assert_int_equal(promc_exporter_create(&second, &(promc_exporter_settings){.address = place.address}), PROMC_E_IO);
    assert_int_equal(errno, EADDRINUSE);
    fd = connect_unix(place.path); /* the failed start has not removed the socket */
    assert_true(fd >= 0);
    close(fd);
    promc_exporter_stop(exporter);
    assert_int_equal(access(place.path, F_OK), -1);
    assert_int_equal(promc_exporter_create(&second, &(promc_exporter_settings){.address = "unix:"}), PROMC_E_INVALID);
    rmdir(place.directory);
}

#ifdef __linux__ /* elsewhere the queue has another length */
/* The program before this one hangs, and more clients wait for it than its queue holds. */
static void test_unix_socket_of_a_program_that_hangs(void **state)
{
    (void)state;
    const struct place place = new_place();
    int hung = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), waiting[16], count = 0;
    assert_int_equal(bind(hung, (const struct sockaddr *)&place.name, sizeof(place.name)), 0);
    assert_int_equal(listen(hung, 0), 0);
    do {
        assert_true(count < 16);
        waiting[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    } while (connect(waiting[count++], (const struct sockaddr *)&place.name, sizeof(place.name)) == 0);
    assert_int_equal(errno, EAGAIN);
    promc_exporter *exporter;
    alarm(60); /* or it waits for ever */
    assert_int_equal(promc_exporter_create(&exporter, &(promc_exporter_settings){.address = place.address}),
                     PROMC_E_IO);
    assert_int_equal(errno, EADDRINUSE);
    alarm(0);
    assert_int_equal(access(place.path, F_OK), 0); /* it may recover */
    while (count > 0)
        close(waiting[--count]);
    close(hung);
    unlink(place.path);
    rmdir(place.directory);
}
#endif

/* Somebody has removed the socket, and another program has taken its path. */
static void test_stop_leaves_the_socket_of_another(void **state)
{
    (void)state;
    const struct place place = new_place();
    promc_exporter *first = start((promc_exporter_settings){.address = place.address});
    assert_int_equal(unlink(place.path), 0);
    promc_exporter *second = start((promc_exporter_settings){.address = place.address});
    promc_exporter_stop(first);
    int fd = connect_unix(place.path);
    assert_true(fd >= 0);
    close(fd);
    promc_exporter_stop(second);
    assert_int_equal(access(place.path, F_OK), -1);
    rmdir(place.directory);
}

/* A wrong path: Linux refuses to connect to a file, with the same error as to a left-over socket. */
static void test_a_file_is_no_left_over_socket(void **state)
{
    (void)state;
    char path[] = "/tmp/promc-exporter-XXXXXX", link[64], address[80], text[8] = "";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "kept", 4), 4);
    snprintf(link, sizeof(link), "%s.link", path);
    assert_int_equal(symlink("/nowhere", link), 0);
    const char *const taken[] = {path, link, "/tmp"};
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        promc_exporter *exporter;
        snprintf(address, sizeof(address), "unix:%s", taken[i]);
        assert_int_equal(promc_exporter_create(&exporter, &(promc_exporter_settings){.address = address}), PROMC_E_IO);
        assert_int_equal(errno, EADDRINUSE);
        struct stat status;
        assert_int_equal(lstat(taken[i], &status), 0);
        assert_false(S_ISSOCK(status.st_mode));
    }
    assert_int_equal(pread(fd, text, 4, 0), 4);
    assert_string_equal(text, "kept");
    close(fd);
    unlink(path);
    unlink(link);
}

static void test_token(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        unsigned status;
    } cases[] = {
        {"", 401},
        {"Authorization: Bearer s3cret\r\n", 200},
        {"Authorization: bearer   s3cret\r\n", 200},
        {"Authorization: Bearer s3cre\r\n", 401},
        {"Authorization: Bearer s3crets3cret\r\n", 401},
        {"Authorization: Bearer \r\n", 401},
        {"Authorization: s3cret\r\n", 401},
        {"Authorization: Basic s3cret\r\n", 401},
        {"Authorization: Bearer s3cret\r\nAuthorization: Bearer s3cret\r\n", 400},
    };
    promc_exporter *exporter = start((promc_exporter_settings){.token = "s3cret"}), *second;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reply reply = get(promc_exporter_port(exporter), "/metrics", cases[i].header);
        if (reply.status != cases[i].status)
            fail_msg("%s gave %u", cases[i].header, reply.status);
        assert_true((strstr(reply.head, "WWW-Authenticate: Bearer") != NULL) == (reply.status == 401));
        assert_true((strstr(reply.body, "process_threads") != NULL) == (reply.status == 200));
        free(reply.body);
    }
    promc_exporter_stop(exporter);
    assert_int_equal(promc_exporter_create(&second, &(promc_exporter_settings){.address = "127.0.0.1:0", .token = ""}),
                     PROMC_E_INVALID);
}

static void test_tls_files(void **state)
{
    (void)state;
    promc_exporter *exporter;
    assert_int_equal(promc_exporter_create(&exporter, &(promc_exporter_settings){.address = "127.0.0.1:0",
                                                                                 .tls_certificate_file = "/none"}),
                     PROMC_E_INVALID);
    assert_true(promc_exporter_create(&exporter, &(promc_exporter_settings){.address = "127.0.0.1:0",
                                                                            .tls_certificate_file = "/none",
                                                                            .tls_key_file = "/none"}) < 0);
    assert_true(strlen(promc_error_detail()) > 5);
}

/* The settings of a program that was compiled when they ended with no_compression. */
int create_as_before(promc_exporter **out, const void *settings) __asm__("promc_exporter_create");

static void test_settings_of_an_older_program(void **state)
{
    (void)state;
    struct {
        struct {
            const char *address;
            promc_registry *registry;
            unsigned max_scrapes, max_connections, idle_seconds;
            bool no_live_view, no_compression;
        } settings;
        char behind[256];
    } before = {.settings = {.address = "127.0.0.1:0", .no_live_view = true}};
    memset(before.behind, 0xAA, sizeof(before.behind));
    promc_exporter *exporter;
    assert_int_equal(create_as_before(&exporter, &before.settings), 0);
    struct reply reply = get(promc_exporter_port(exporter), "/metrics", "");
    assert_int_equal(reply.status, 200);
    free(reply.body);
    reply = get(promc_exporter_port(exporter), "/", "");
    assert_int_equal(reply.status, 404);
    free(reply.body);
    promc_exporter_stop(exporter);
    promc_exporter_settings odd = {.address = "127.0.0.1:0", .reserved = {1}};
    assert_int_equal(promc_exporter_create(&exporter, &odd), PROMC_E_VERSION);
}

int main(void)
{
    signal(SIGPIPE, SIG_DFL); /* the exporter must also work if the program does not ignore it */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_that_stops_reading_frees_its_place),
        cmocka_unit_test(test_idle_connections_go_first),
        cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_both_address_families),
#ifndef __SANITIZE_THREAD__
        cmocka_unit_test(test_a_child_does_not_hold_the_port),
#endif
#ifndef __SANITIZE_THREAD__
        cmocka_unit_test(test_closed_descriptors_do_not_end_the_process),
#endif
#ifdef __linux__
        cmocka_unit_test(test_a_child_of_the_start_does_not_hold_the_port),
#endif
        cmocka_unit_test(test_metrics_without_descriptors),
        cmocka_unit_test(test_a_limit_below_the_open_descriptors),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_a_connection_is_reused),
        cmocka_unit_test(test_pipelined_requests),
        cmocka_unit_test(test_a_name_with_an_address_twice),
        cmocka_unit_test(test_unix_socket),
        cmocka_unit_test(test_stop_leaves_the_socket_of_another),
        cmocka_unit_test(test_a_file_is_no_left_over_socket),
#ifdef __linux__
        cmocka_unit_test(test_unix_socket_of_a_program_that_hangs),
#endif
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_tls_files),
        cmocka_unit_test(test_settings_of_an_older_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
