/* SPDX-License-Identifier: Apache-2.0 */
#include "http/wire.h"

#include "http/tls.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* most bytes of a TLS record */
#define RECORD 16384

bool wire_open(struct wire *wire, int fd, bool tls)
{
    *wire = (struct wire){.fd = fd};
    if (tls)
        wire->tls = tls_session(fd);
    return !tls || wire->tls;
}

static int tls_result(ssize_t rc)
{
    return rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED ? WIRE_AGAIN : WIRE_BROKEN;
}

int wire_handshake(struct wire *wire)
{
    int rc = 0;
    if (!wire->tls)
        return 1;
    do {
        rc = gnutls_handshake(wire->tls);
    } while (rc < 0 && rc != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(rc));
    return rc == GNUTLS_E_SUCCESS ? 1 : tls_result(rc);
}

bool wire_wants_write(const struct wire *wire)
{
    return wire->tls && gnutls_record_get_direction(wire->tls) == 1;
}

static long read_tls(struct wire *wire, void *buffer, size_t size)
{
    ssize_t n = gnutls_record_recv(wire->tls, buffer, size);
    if (n >= 0)
        return n;
    /* many peers close without close_notify; that is safe, because HTTP messages have their own end */
    return n == GNUTLS_E_PREMATURE_TERMINATION ? 0 : tls_result(n);
}

long wire_discard(struct wire *wire, void *buffer, size_t size)
{
    for (;;) {
        ssize_t n = recv(wire->fd, buffer, size, 0);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return errno == EAGAIN ? WIRE_AGAIN : WIRE_BROKEN;
    }
}

long wire_read(struct wire *wire, void *buffer, size_t size)
{
    return wire->tls ? read_tls(wire, buffer, size) : wire_discard(wire, buffer, size);
}

bool wire_has_more(const struct wire *wire)
{
    return wire->tls && gnutls_record_check_pending(wire->tls) > 0;
}

/* Write at most one record. After GNUTLS_E_AGAIN GnuTLS has the record already, and wants a call without data. */
static long write_tls(struct wire *wire, const struct iovec *pieces, int count)
{
    char record[RECORD];
    const void *data = pieces[0].iov_base;
    size_t n = pieces[0].iov_len;
    if (wire->taken) {
        data = NULL;
        n = 0;
    } else if (count > 1 && n < RECORD) { /* head and beginning of the body in one record */
        size_t more = pieces[1].iov_len < RECORD - n ? pieces[1].iov_len : RECORD - n;
        memcpy(record, data, n);
        memcpy(record + n, pieces[1].iov_base, more);
        data = record;
        n += more;
    } else if (n > RECORD) {
        n = RECORD;
    }
    ssize_t rc = gnutls_record_send(wire->tls, data, n);
    if (rc > 0) {
        wire->taken = 0;
        return rc;
    }
    if (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED) {
        if (!wire->taken)
            wire->taken = n;
        return WIRE_AGAIN;
    }
    return WIRE_BROKEN;
}

long wire_write(struct wire *wire, const struct iovec *pieces, int count)
{
    if (wire->tls)
        return write_tls(wire, pieces, count);
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = (size_t)count};
    for (;;) {
        ssize_t n = sendmsg(wire->fd, &message, MSG_NOSIGNAL);
        if (n > 0)
            return n;
        if (errno != EINTR)
            return errno == EAGAIN ? WIRE_AGAIN : WIRE_BROKEN;
    }
}

void wire_end(struct wire *wire)
{
    if (wire->tls)
        (void)gnutls_bye(wire->tls, GNUTLS_SHUT_WR);
    (void)shutdown(wire->fd, SHUT_WR);
}

void wire_close(struct wire *wire)
{
    if (wire->tls)
        gnutls_deinit(wire->tls);
    wire->tls = NULL;
    if (wire->fd >= 0)
        close(wire->fd);
    wire->fd = -1;
}
