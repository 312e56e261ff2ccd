/* SPDX-License-Identifier: Apache-2.0 */
#include "http/tls.h"

#include "base/log.h"
#include "metrics/metrics.h"

#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdlib.h>

#define CHAIN_MAX 16

struct identity {
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned length;
    gnutls_privkey_t key;
    struct identity *previous; /* kept until tls_unload(): a handshake may still use it, and they are few */
};

static _Atomic(struct identity *) current;
/* created by the first tls_load(), before any loop runs, then constant. They hold no certificate: retrieve() has it. */
static gnutls_certificate_credentials_t credentials;
static gnutls_priority_t priorities;

static int fail(const char *what, const char *path, int rc)
{
    log_error(what, "s:component", "tls", "s:path", path, "s:error", gnutls_strerror(rc));
    return -1;
}

/* Do certificate and key belong together? GnuTLS checks that here, not when they are used. */
static int check_pair(const gnutls_datum_t *certificate, const gnutls_datum_t *key)
{
    gnutls_certificate_credentials_t both;
    int rc = gnutls_certificate_allocate_credentials(&both);
    if (rc < 0)
        return rc;
    rc = gnutls_certificate_set_x509_key_mem(both, certificate, key, GNUTLS_X509_FMT_PEM);
    gnutls_certificate_free_credentials(both);
    return rc;
}

static void destroy(struct identity *identity)
{
    for (unsigned i = 0; i < identity->length; i++)
        gnutls_pcert_deinit(&identity->chain[i]);
    if (identity->key)
        gnutls_privkey_deinit(identity->key);
    free(identity);
}

static int import(struct identity *identity, const gnutls_datum_t *certificate, const gnutls_datum_t *key)
{
    unsigned n = CHAIN_MAX;
    int rc = check_pair(certificate, key);
    if (rc == 0)
        rc = gnutls_pcert_list_import_x509_raw(identity->chain, &n, certificate, GNUTLS_X509_FMT_PEM, 0);
    if (rc < 0)
        return rc;
    identity->length = n;
    rc = gnutls_privkey_init(&identity->key);
    return rc < 0 ? rc
                  : gnutls_privkey_import_x509_raw(identity->key, key, GNUTLS_X509_FMT_PEM, NULL,
                                                   GNUTLS_PRIVKEY_IMPORT_COPY);
}

static int retrieve(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
                    const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **chain,
                    unsigned *chain_length, gnutls_privkey_t *key)
{
    struct identity *identity = atomic_load_explicit(&current, memory_order_acquire);
    (void)session;
    (void)authorities;
    (void)authority_count;
    (void)algorithms;
    (void)algorithm_count;
    if (!identity)
        return -1;
    *chain = identity->chain;
    *chain_length = identity->length;
    *key = identity->key;
    return 0;
}

/* When the first certificate of the chain expires: from then on clients refuse the chain. */
static int64_t expiry(const struct identity *identity)
{
    int64_t first = INT64_MAX;
    for (unsigned i = 0; i < identity->length; i++) {
        gnutls_x509_crt_t certificate;
        if (gnutls_x509_crt_init(&certificate) < 0)
            continue;
        if (gnutls_x509_crt_import(certificate, &identity->chain[i].cert, GNUTLS_X509_FMT_DER) == 0) {
            int64_t at = gnutls_x509_crt_get_expiration_time(certificate);
            first = at >= 0 && at < first ? at : first;
        }
        gnutls_x509_crt_deinit(certificate);
    }
    return first == INT64_MAX ? 0 : first;
}

/* Create what all sessions share, once. */
static int prepare_sessions(void)
{
    if (credentials)
        return 0;
    int rc = gnutls_priority_init(&priorities, TLS_PRIORITIES, NULL);
    if (rc == 0)
        rc = gnutls_certificate_allocate_credentials(&credentials);
    if (rc == 0)
        gnutls_certificate_set_retrieve_function2(credentials, retrieve);
    return rc;
}

int tls_load(const char *certificate_path, const char *key_path)
{
    gnutls_datum_t certificate = {0}, key = {0};
    struct identity *identity = calloc(1, sizeof(*identity));
    if (!identity)
        return fail("the certificate cannot be read", certificate_path, GNUTLS_E_MEMORY_ERROR);
    int result = -1, rc = gnutls_load_file(certificate_path, &certificate);
    if (rc < 0)
        (void)fail("the certificate cannot be read", certificate_path, rc);
    else if ((rc = gnutls_load_file(key_path, &key)) < 0)
        (void)fail("the certificate's key cannot be read", key_path, rc);
    else if ((rc = import(identity, &certificate, &key)) < 0 || (rc = prepare_sessions()) < 0)
        (void)fail("the certificate and its key cannot be used", certificate_path, rc);
    else
        result = 0;
    gnutls_free(certificate.data);
    if (key.data)
        gnutls_memset(key.data, 0, key.size);
    gnutls_free(key.data);
    if (result < 0) {
        destroy(identity);
        return -1;
    }
    identity->previous = atomic_load_explicit(&current, memory_order_relaxed);
    atomic_store_explicit(&current, identity, memory_order_release);
    metrics_certificate(expiry(identity));
    return 0;
}

void tls_unload(void)
{
    struct identity *identity = atomic_exchange_explicit(&current, NULL, memory_order_acquire);
    while (identity) {
        struct identity *previous = identity->previous;
        destroy(identity);
        identity = previous;
    }
    if (credentials)
        gnutls_certificate_free_credentials(credentials);
    if (priorities)
        gnutls_priority_deinit(priorities);
    credentials = NULL;
    priorities = NULL;
}

gnutls_session_t tls_session(int fd)
{
    gnutls_session_t session;
    if (!credentials || gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0)
        return NULL;
    if (gnutls_priority_set(session, priorities) < 0 ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials) < 0) {
        gnutls_deinit(session);
        return NULL;
    }
    gnutls_transport_set_int(session, fd);
    gnutls_handshake_set_timeout(session, GNUTLS_INDEFINITE_TIMEOUT); /* the connection has a deadline of its own */
    return session;
}
