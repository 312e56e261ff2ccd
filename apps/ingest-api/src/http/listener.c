/* SPDX-License-Identifier: Apache-2.0 */
#include "http/listener.h"

#include "base/log.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024

static int fail(const char *what, const char *host, const char *port, const char *reason)
{
    char line[256];
    snprintf(line, sizeof(line), "cannot %s %s port %s: %s", what, host, port, reason);
    log_write(LOG_FATAL, line, "s:host", host, "s:port", port, "s:reason", reason, (const char *)0);
    return -1;
}

/* A bound socket; with `share` it shares its port and listens. @return the descriptor, or -errno. */
static int open_socket(const struct addrinfo *address, int share)
{
    int on = 1;
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);
    if (fd < 0)
        return -errno;
    /* accepted sockets inherit TCP_NODELAY */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
        (!share || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && (!share || listen(fd, BACKLOG) == 0))
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

static const char *bind_error(int error, char *buffer, size_t size)
{
    if (error == EADDRINUSE)
        return "another process is using this port";
    return strerror_r(error, buffer, size);
}

int listener_open(const char *host, uint16_t port, int *fds, size_t count)
{
    char service[8], buffer[128];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *address = NULL;
    snprintf(service, sizeof(service), "%u", port);
    int rc = getaddrinfo(host, service, &hints, &address);
    if (rc != 0)
        return fail("listen on", host, service, rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));

    /* SO_REUSEPORT would silently share the port with a second copy of this program: first try to bind without it */
    int probe = open_socket(address, 0);
    size_t opened = 0;
    rc = probe < 0 ? probe : 0;
    if (probe >= 0)
        close(probe);
    while (rc == 0 && opened < count) {
        int fd = open_socket(address, 1);
        if (fd < 0)
            rc = fd;
        else
            fds[opened++] = fd;
    }
    freeaddrinfo(address);
    if (rc == 0)
        return 0;
    while (opened > 0)
        close(fds[--opened]);
    return fail("listen on", host, service, bind_error(-rc, buffer, sizeof(buffer)));
}

unsigned long listener_raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {limit.rlim_max, limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    return limit.rlim_cur > 1UL << 30 ? 1UL << 30 : (unsigned long)limit.rlim_cur;
}
