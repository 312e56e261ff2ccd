/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connects to "http://host:port". @return the socket, or -1 with errno. */
static int connect_to(const char *url)
{
    char host[100] = "", port[8] = "80";
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *address = NULL;
    if (sscanf(url, "http://%99[^:/]:%7[0-9]", host, port) < 1 || getaddrinfo(host, port, &hints, &address)) {
        errno = EINVAL;
        return -1;
    }
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, address->ai_addr, address->ai_addrlen) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        fd = -1;
    }
    freeaddrinfo(address);
    return fd;
}

static int write_all(int fd, const char *data, size_t length)
{
    while (length) {
        ssize_t n = send(fd, data, length, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        length -= (size_t)n;
    }
    return 0;
}

/* Whether the server sends "100 Continue" within ten seconds. On a busy machine it may need some of them. */
static int await_continue(int fd)
{
    static const char expected[] = "HTTP/1.1 100 ";
    char answer[sizeof(expected)] = "";
    size_t have = 0;
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    while (have < sizeof(expected) - 1) {
        int n = poll(&readable, 1, 10000);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        ssize_t got = recv(fd, answer + have, sizeof(expected) - 1 - have, 0);
        if (got <= 0)
            return 0;
        have += (size_t)got;
    }
    return memcmp(answer, expected, sizeof(expected) - 1) == 0;
}

int client_hang_up(const char *url, const char *path, const char *key)
{
    static const char part[] = "email,first_name\r\nsomebody@example.invalid,Some";
    char head[1024];
    int n = snprintf(head, sizeof(head),
                     "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: text/csv\r\n"
                     "Content-Length: 4096\r\nExpect: 100-continue\r\n\r\n",
                     path, url + strlen("http://"), key);
    if (n < 0 || (size_t)n >= sizeof(head)) {
        errno = EINVAL;
        return -1;
    }
    int fd = connect_to(url);
    if (fd < 0)
        return -1;
    int known = write_all(fd, head, (size_t)n) == 0 && await_continue(fd);
    if (known)
        (void)write_all(fd, part, sizeof(part) - 1);
    /* A reset, as from a machine that was switched off. */
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    return known;
}
