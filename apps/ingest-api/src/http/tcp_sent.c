/* SPDX-License-Identifier: Apache-2.0 */
/* In a file of its own: the kernel's header has the field, libc's has not, and they exclude each other. */
#include "http/tcp_sent.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

uint64_t tcp_bytes_sent(int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
        size < offsetof(struct tcp_info, tcpi_bytes_sent) + sizeof(info.tcpi_bytes_sent))
        return 0;
    return info.tcpi_bytes_sent;
}
