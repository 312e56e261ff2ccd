/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter_internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Split "host:port" or "[host]:port"; the last colon counts. @return false if there is none, or a part is too long. */
static bool split(const char *address, char *host, size_t host_size, char *port, size_t port_size)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL) {
        return false;
    }
    size_t length = (size_t)(colon - address);
    const char *start = address;
    if (length >= 2 && address[0] == '[' && colon[-1] == ']') {
        start++;
        length -= 2;
    } else if (memchr(address, ':', length) != NULL) {
        return false; /* an IPv6 address without brackets */
    }
    if (length >= host_size || strlen(colon + 1) >= port_size || colon[1] == '\0' ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1) || strtol(colon + 1, NULL, 10) > UINT16_MAX) {
        return false; /* getaddrinfo() would take a greater port modulo 65,536 */
    }
    memcpy(host, start, length);
    host[length] = '\0';
    strcpy(port, colon + 1);
    return true;
}

static int open_socket(const struct addrinfo *info)
{
    int yes = 1;
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, info->ai_protocol);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, 128) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static unsigned port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {0}};
    socklen_t size = sizeof(address);
    if (getsockname(fd, &address.any, &size) != 0) {
        return 0;
    }
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

int promc_exporter_listen(const char *address, unsigned *port)
{
    char host[256], service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *list;
    if (address == NULL || !split(address, host, sizeof(host), service, sizeof(service))) {
        return promc_exporter_fail(PROMC_E_INVALID, "address \"%s\" is not of the form host:port",
                                   address != NULL ? address : "");
    }
    int error = getaddrinfo(host[0] != '\0' ? host : NULL, service, &hints, &list);
    if (error != 0) {
        return promc_exporter_fail(PROMC_E_INVALID, "%s: %s", address, gai_strerror(error));
    }
    int fd = -1;
    for (const struct addrinfo *info = list; info != NULL && fd < 0; info = info->ai_next) {
        fd = open_socket(info);
    }
    int why = errno;
    freeaddrinfo(list);
    if (fd < 0) {
        promc_exporter_fail(PROMC_E_IO, "%s: %s", address, strerror(why));
        errno = why;
        return PROMC_E_IO;
    }
    *port = port_of(fd);
    return fd;
}
