/* SPDX-License-Identifier: Apache-2.0 */
/* Non-blocking, close-on-exec sockets, created in one step if the system supports it. */
#ifndef PROMC_EXPORTER_SOCKETS_H
#define PROMC_EXPORTER_SOCKETS_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>

#ifndef SOCK_CLOEXEC /* macOS: an exec in another thread between the steps inherits the descriptor */
#define SOCK_CLOEXEC 0
#define SOCK_NONBLOCK 0
#define PROMC_SOCKETS_IN_STEPS
#endif
#ifndef MSG_NOSIGNAL /* SO_NOSIGPIPE is set instead */
#define MSG_NOSIGNAL 0
#endif

/* @return fd */
static inline int promc_socket_prepared(int fd)
{
#ifdef PROMC_SOCKETS_IN_STEPS
    int yes = 1;
    if (fd >= 0) {
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
        (void)fcntl(fd, F_SETFL, O_NONBLOCK);
        (void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof(yes));
    }
#endif
    return fd;
}

static inline int promc_socket(int family, int type, int protocol)
{
    return promc_socket_prepared(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}

static inline int promc_accept(int listener)
{
#ifdef PROMC_SOCKETS_IN_STEPS
    return promc_socket_prepared(accept(listener, NULL, NULL));
#else
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
#endif
}

#endif
