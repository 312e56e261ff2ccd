/* SPDX-License-Identifier: Apache-2.0 */
/* A client over real sockets, for the tests of the exporter. */
#ifndef PROMC_EXPORTER_TESTS_CLIENT_H
#define PROMC_EXPORTER_TESTS_CLIENT_H

#include <promc-exporter/exporter.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

struct reply {
    unsigned status;
    char head[4096];
    char *body; /* dechunked, NUL-terminated */
    size_t length;
};

static inline int open_connection(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct timeval timeout = {.tv_sec = 300};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static inline void send_text(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Everything until the server closes the connection. */
static inline char *receive_all(int fd, size_t *length)
{
    size_t capacity = 1 << 16;
    char *data = malloc(capacity + 1);
    *length = 0;
    for (ssize_t n; (n = recv(fd, data + *length, capacity - *length, 0)) > 0;) {
        *length += (size_t)n;
        if (*length == capacity)
            data = realloc(data, (capacity *= 2) + 1);
    }
    data[*length] = '\0';
    return data;
}

static inline void dechunk(struct reply *reply)
{
    char *in = reply->body, *out = reply->body;
    size_t size;
    while ((size = strtoul(in, &in, 16)) > 0) {
        in += 2;
        assert_true(in + size <= reply->body + reply->length);
        memmove(out, in, size);
        out += size;
        in += size + 2;
    }
    reply->length = (size_t)(out - reply->body);
    *out = '\0';
}

static inline struct reply request_raw(unsigned port, const char *text)
{
    struct reply reply = {0};
    size_t length;
    int fd = open_connection(port);
    send_text(fd, text);
    char *data = receive_all(fd, &length);
    close(fd);
    char *split = strstr(data, "\r\n\r\n");
    assert_non_null(split);
    snprintf(reply.head, sizeof(reply.head), "%.*s", (int)(split + 2 - data), data);
    reply.status = (unsigned)strtoul(data + 9, NULL, 10);
    reply.length = length - (size_t)(split + 4 - data);
    reply.body = malloc(reply.length + 1);
    memcpy(reply.body, split + 4, reply.length + 1);
    free(data);
    if (strcasestr(reply.head, "Transfer-Encoding: chunked"))
        dechunk(&reply);
    return reply;
}

static inline struct reply get(unsigned port, const char *path, const char *headers)
{
    char text[2048];
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", path, headers);
    return request_raw(port, text);
}

static inline promc_exporter *start(promc_exporter_settings settings)
{
    promc_exporter *exporter;
    settings.address = settings.address ? settings.address : "127.0.0.1:0";
    if (promc_exporter_create(&exporter, &settings) != 0)
        fail_msg("%s", promc_exporter_error());
    return exporter;
}

#endif
