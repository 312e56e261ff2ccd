/* SPDX-License-Identifier: Apache-2.0 */
/** @file http/wire.h A connected socket that does not block, in the clear or under TLS. */
#ifndef INGEST_HTTP_WIRE_H
#define INGEST_HTTP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct gnutls_session_int;

struct wire {
    int fd;
    struct gnutls_session_int *tls; /**< NULL: in the clear */
    size_t taken;                   /**< bytes that TLS has encrypted and not sent yet */
};

enum { WIRE_AGAIN = -1, WIRE_BROKEN = -2 };

/** @param tls whether it speaks TLS, see http/tls.h. @return false: no memory; the descriptor is not closed. */
bool wire_open(struct wire *wire, int fd, bool tls);
/** @return 1 when it is done (at once in the clear), or WIRE_AGAIN or WIRE_BROKEN. */
int wire_handshake(struct wire *wire);
/** After WIRE_AGAIN from the handshake: does it wait to write? */
bool wire_wants_write(const struct wire *wire);
/** @return bytes read; 0: the peer sends no more; or WIRE_AGAIN or WIRE_BROKEN. */
long wire_read(struct wire *wire, void *buffer, size_t size);
/** What the socket has, past TLS, to be thrown away. @return as wire_read(). */
long wire_discard(struct wire *wire, void *buffer, size_t size);
/** Does TLS hold bytes that no event will announce? */
bool wire_has_more(const struct wire *wire);
/**
 * One or two pieces, the second only behind the whole of the first. After WIRE_AGAIN the same bytes must be offered
 * again (more may follow them). @return bytes written, > 0, or WIRE_AGAIN or WIRE_BROKEN.
 */
long wire_write(struct wire *wire, const struct iovec *pieces, int count);
/** Say that nothing more is sent; reading goes on. */
void wire_end(struct wire *wire);
void wire_close(struct wire *wire);

#endif
