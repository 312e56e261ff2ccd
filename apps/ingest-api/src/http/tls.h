/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/tls.h
 * The certificate that the listeners show, and its renewal while they run. One for the process: GnuTLS asks for it by a
 * function that is given nothing of ours. And the sessions of connections.
 */
#ifndef INGEST_HTTP_TLS_H
#define INGEST_HTTP_TLS_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

/** TLS 1.3, and of 1.2 what has forward secrecy and authenticates as it encrypts (AEAD); GnuTLS's own order. */
#define TLS_PRIORITIES                                                                                     \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:+AES-256-GCM:" \
    "+CHACHA20-POLY1305:+AES-128-GCM:-MAC-ALL:+AEAD"

/**
 * Read the certificate (PEM, behind it those up to the authority's) and its key (PEM, without a password), and use them
 * for every connection from now on; connections that are open keep what they have.
 * @return 0; or -1 after one clear line in the log, and what was used before stays.
 * Thread safe, but for one caller at a time.
 */
int tls_load(const char *certificate_path, const char *key_path);
/** Forget them all. After the last connection is gone. */
void tls_unload(void);

/**
 * A server's session on a connected socket that does not block; freed with gnutls_deinit(). On any loop.
 * @return NULL: no memory, or nothing was loaded.
 */
gnutls_session_t tls_session(int fd);

#endif
