/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes to and from a client: a socket, with TLS if configured. Nothing here blocks. */
#ifndef PROMC_EXPORTER_TRANSPORT_H
#define PROMC_EXPORTER_TRANSPORT_H

#include <promc-exporter/exporter.h>

#include <sys/types.h>

/* Loaded certificate, key and trusted CAs. */
struct promc_tls;
/* One client's session. */
struct promc_tls_session;

/* 0, PROMC_E_INVALID (also when this build has no TLS), PROMC_E_IO, PROMC_E_NOMEM, with the error text. *out NULL: the settings do not ask for TLS. */
int promc_tls_create(struct promc_tls **out, const promc_exporter_settings *settings);
void promc_tls_destroy(struct promc_tls *tls);

struct promc_transport {
    int fd;
    struct promc_tls_session *session; /* NULL: plain */
    bool wants_write;                  /* a read needs a write first, or the other way round */
};

/* NULL `tls`: plain. @return false: no memory. The descriptor stays the caller's until it succeeds. */
bool promc_transport_open(struct promc_transport *transport, struct promc_tls *tls, int fd);
/* The descriptor stays open. */
void promc_transport_close(struct promc_transport *transport);

enum { PROMC_TRANSPORT_AGAIN = -1, PROMC_TRANSPORT_BROKEN = -2 };
/* Number of bytes, 0: the peer has closed, or one of the two above. */
ssize_t promc_transport_read(struct promc_transport *transport, char *buffer, size_t capacity);
ssize_t promc_transport_write(struct promc_transport *transport, const char *data, size_t length);
/* Are there decrypted bytes in the buffer, which poll() cannot see? */
bool promc_transport_pending(const struct promc_transport *transport);
/* Shut down the sending side. */
void promc_transport_shutdown(struct promc_transport *transport);

#endif
