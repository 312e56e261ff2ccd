/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/tls.h
 * The server's certificate, its renewal without a restart, and the TLS sessions of connections. There is one
 * certificate for the process, in a static variable, because GnuTLS asks for it through a callback without user data.
 */
#ifndef INGEST_HTTP_TLS_H
#define INGEST_HTTP_TLS_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

/** TLS 1.3, and the suites of 1.2 with forward secrecy and AEAD, in GnuTLS's order. */
#define TLS_PRIORITIES                                                                                     \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:+AES-256-GCM:" \
    "+CHACHA20-POLY1305:+AES-128-GCM:-MAC-ALL:+AEAD"

/**
 * Read the certificate (PEM, followed by its intermediate ones) and its key (PEM, no password), and use them for all
 * new connections. Open connections keep theirs.
 * @return 0; or -1 after one clear line in the log, and the old ones stay in use.
 * One caller at a time, beside any number of tls_session().
 */
int tls_load(const char *certificate_path, const char *key_path);
/** Free everything, after the last connection has ended. */
void tls_unload(void);

/**
 * A server session on a connected, non-blocking socket; free it with gnutls_deinit(). On any loop.
 * @return NULL: no memory, or no certificate is loaded.
 */
gnutls_session_t tls_session(int fd);

#endif
