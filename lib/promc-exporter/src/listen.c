/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter_internal.h"
#include "sockets.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

/* Split "host:port" or "[host]:port"; the last colon counts. @return false if there is none, or a part is too long. */
static bool split(const char *address, char *host, size_t host_size, char *port, size_t port_size)
{
    const char *colon = strrchr(address, ':');
    if (!colon)
        return false;
    size_t length = (size_t)(colon - address);
    const char *start = address;
    if (length >= 2 && address[0] == '[' && colon[-1] == ']') {
        start++;
        length -= 2;
    } else if (memchr(address, ':', length)) {
        return false; /* an IPv6 address without brackets */
    }
    if (length >= host_size || strlen(colon + 1) >= port_size || colon[1] == '\0' ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1) || strtol(colon + 1, NULL, 10) > UINT16_MAX)
        return false; /* getaddrinfo() would take a greater port modulo 65,536 */
    memcpy(host, start, length);
    host[length] = '\0';
    strcpy(port, colon + 1);
    return true;
}

/* A bound and listening socket; -1 with errno. IPv4 and IPv6 have a socket each, and an IPv6 socket does not accept IPv4. */
static int open_socket(const struct addrinfo *info)
{
    int yes = 1;
    int fd = promc_socket(info->ai_family, info->ai_socktype, info->ai_protocol);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (info->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
    if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static unsigned port_of(int fd)
{
    union address address = {.v6 = {0}};
    socklen_t size = sizeof(address);
    if (getsockname(fd, &address.any, &size) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static void set_port(struct sockaddr *address, unsigned port)
{
    union address *any = (union address *)address;
    if (address->sa_family == AF_INET6)
        any->v6.sin6_port = htons((in_port_t)port);
    else
        any->v4.sin_port = htons((in_port_t)port);
}

/* Is the address earlier in the list too? A name that has two lines in /etc/hosts is found twice. */
static bool is_repeated(const struct addrinfo *list, const struct addrinfo *info)
{
    const union address *this = (const union address *)info->ai_addr;
    for (; list != info; list = list->ai_next) {
        const union address *other = (const union address *)list->ai_addr;
        if (list->ai_family != info->ai_family)
            continue;
        if (info->ai_family == AF_INET && this->v4.sin_addr.s_addr == other->v4.sin_addr.s_addr)
            return true;
        if (info->ai_family == AF_INET6 && this->v6.sin6_scope_id == other->v6.sin6_scope_id &&
            memcmp(&this->v6.sin6_addr, &other->v6.sin6_addr, sizeof(this->v6.sin6_addr)) == 0)
            return true;
    }
    return false;
}

static void close_listeners(promc_exporter *exporter)
{
    int why = errno;
    promc_exporter_lock_fds();
    for (size_t i = 0; i < PROMC_LISTENERS; i++) {
        if (exporter->listeners[i] >= 0)
            close(exporter->listeners[i]);
        exporter->listeners[i] = -1;
    }
    promc_exporter_unlock_fds();
    errno = why;
}

/*
 * One listener for each address: an address family that the machine lacks is skipped, an address in use is an error.
 * With port 0 the first listener chooses the port for all. @return 0, or -1 with errno.
 */
static int listen_on_all(promc_exporter *exporter, struct addrinfo *list)
{
    size_t count = 0;
    int why = EADDRNOTAVAIL;
    exporter->port = 0;
    for (const struct addrinfo *info = list; info && count < PROMC_LISTENERS; info = info->ai_next) {
        if ((info->ai_family != AF_INET && info->ai_family != AF_INET6) || is_repeated(list, info))
            continue;
        if (count > 0)
            set_port(info->ai_addr, exporter->port);
        promc_exporter_lock_fds();
        int fd = exporter->listeners[count] = open_socket(info);
        promc_exporter_unlock_fds();
        if (fd >= 0) {
            count++;
            exporter->port = port_of(fd);
        } else if (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL || errno == EPROTONOSUPPORT) {
            why = errno;
        } else {
            close_listeners(exporter);
            return -1;
        }
    }
    errno = why;
    return count > 0 ? 0 : -1;
}

/* The port chosen for the first family may be in use in the other: then choose another. */
static int listen_tcp(promc_exporter *exporter, struct addrinfo *list, bool any_port)
{
    for (int attempt = 0;; attempt++) {
        int error = listen_on_all(exporter, list);
        if (error == 0 || !any_port || errno != EADDRINUSE || attempt == 20)
            return error;
        for (const struct addrinfo *info = list; info != NULL; info = info->ai_next)
            set_port(info->ai_addr, 0);
    }
}

static int fail_to_listen(const char *address)
{
    int why = errno;
    promc_exporter_fail(PROMC_E_IO, "%s: %s", address, strerror(why));
    errno = why;
    return PROMC_E_IO;
}

/*
 * Is it a socket, left over from a dead program? Then nobody listens on it and it may be replaced. This does not wait: if the queue of a program that
 * hangs is full, connect() fails with EAGAIN.
 */
static bool is_left_over(const struct sockaddr_un *name)
{
    struct stat status;
    if (lstat(name->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) /* connect() refuses a file too */
        return false;
    int fd = promc_socket(AF_UNIX, SOCK_STREAM, 0);
    bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)name, sizeof(*name)) != 0 && errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return refused;
}

static int open_unix(const struct sockaddr_un *name, unsigned mode)
{
    int fd = promc_socket(AF_UNIX, SOCK_STREAM, 0);
    int bound = fd >= 0 ? bind(fd, (const struct sockaddr *)name, sizeof(*name)) : -1;
    if (bound != 0 && fd >= 0 && errno == EADDRINUSE) {
        if (is_left_over(name) && unlink(name->sun_path) == 0)
            bound = bind(fd, (const struct sockaddr *)name, sizeof(*name));
        else
            errno = EADDRINUSE;
    }
    /* No client can connect before listen(), so the mode is set in time. */
    if (bound == 0 && (mode == 0 || chmod(name->sun_path, (mode_t)mode) == 0) && listen(fd, BACKLOG) == 0)
        return fd;
    int why = errno;
    if (bound == 0)
        unlink(name->sun_path);
    if (fd >= 0)
        close(fd);
    errno = why;
    return -1;
}

static int listen_unix(promc_exporter *exporter, const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (path[0] == '\0' || strlen(path) >= sizeof(name.sun_path)) {
        return promc_exporter_fail(PROMC_E_INVALID, "unix:%s: the path must have 1 to %zu bytes", path,
                                   sizeof(name.sun_path) - 1);
    }
    strcpy(name.sun_path, path);
    exporter->unix_path = strdup(path);
    if (!exporter->unix_path)
        return promc_exporter_fail(PROMC_E_NOMEM, "no memory for an exporter");
    promc_exporter_lock_fds();
    exporter->listeners[0] = open_unix(&name, exporter->settings.unix_mode);
    promc_exporter_unlock_fds();
    if (exporter->listeners[0] < 0) {
        free(exporter->unix_path); /* the path is not ours: do not unlink it */
        exporter->unix_path = NULL;
        return fail_to_listen(path);
    }
    struct stat status;
    if (lstat(path, &status) == 0) {
        exporter->unix_device = status.st_dev;
        exporter->unix_inode = status.st_ino;
    }
    return 0;
}

void promc_exporter_unlink(const promc_exporter *exporter)
{
    struct stat status;
    if (exporter->unix_path && lstat(exporter->unix_path, &status) == 0 && status.st_dev == exporter->unix_device &&
        status.st_ino == exporter->unix_inode)
        unlink(exporter->unix_path);
}

int promc_exporter_listen(promc_exporter *exporter)
{
    char host[256], service[8];
    const char *address = exporter->settings.address;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *list;
    if (address && strncmp(address, "unix:", 5) == 0)
        return listen_unix(exporter, address + 5);
    if (!address || !split(address, host, sizeof(host), service, sizeof(service))) {
        return promc_exporter_fail(PROMC_E_INVALID, "address \"%s\" is not of the form host:port",
                                   address ? address : "");
    }
    int error = getaddrinfo(host[0] != '\0' ? host : NULL, service, &hints, &list);
    if (error != 0)
        return promc_exporter_fail(PROMC_E_INVALID, "%s: %s", address, gai_strerror(error));
    error = listen_tcp(exporter, list, strtol(service, NULL, 10) == 0);
    int why = errno;
    freeaddrinfo(list);
    errno = why;
    return error == 0 ? 0 : fail_to_listen(address);
}
