/* SPDX-License-Identifier: Apache-2.0 */
/** @file http/wire.h Reads and writes a connected, non-blocking socket, plain or TLS. */
#ifndef INGEST_HTTP_WIRE_H
#define INGEST_HTTP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct gnutls_session_int;

struct wire {
    int fd;
    struct gnutls_session_int *tls; /**< NULL: plain */
    size_t taken;                   /**< bytes that GnuTLS has encrypted and could not send yet */
};

enum { WIRE_AGAIN = -1, WIRE_BROKEN = -2 };

/** @param tls use TLS, see http/tls.h. @return false: no memory; the descriptor stays open. */
bool wire_open(struct wire *wire, int fd, bool tls);
/** @return 1: done (at once without TLS); or WIRE_AGAIN or WIRE_BROKEN. */
int wire_handshake(struct wire *wire);
/** After WIRE_AGAIN from the handshake: does it wait until the socket is writable? */
bool wire_wants_write(const struct wire *wire);
/** @return bytes read; 0: the peer has closed its side; or WIRE_AGAIN or WIRE_BROKEN. */
long wire_read(struct wire *wire, void *buffer, size_t size);
/** Read bytes only to discard them, without decrypting. @return as wire_read(). */
long wire_discard(struct wire *wire, void *buffer, size_t size);
/** Does GnuTLS have decrypted bytes, which polling the socket does not report? */
bool wire_has_more(const struct wire *wire);
/**
 * Write one or two pieces, in order. After WIRE_AGAIN the next call must offer the same bytes
 * again (more may follow them).
 * @return bytes written, > 0, or WIRE_AGAIN or WIRE_BROKEN.
 */
long wire_write(struct wire *wire, const struct iovec *pieces, int count);
/** Close our side: nothing more is sent, reading is still possible. */
void wire_end(struct wire *wire);
void wire_close(struct wire *wire);

#endif
