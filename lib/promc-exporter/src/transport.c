/* SPDX-License-Identifier: Apache-2.0 */
#include "transport.h"
#include "exporter_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#ifdef PROMC_EXPORTER_TLS
#include <gnutls/gnutls.h>

struct promc_tls {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
    bool asks_for_certificate;
};

struct promc_tls_session {
    gnutls_session_t session;
    bool shaken;
};

static int tls_fail(struct promc_tls *tls, const char *what, int error)
{
    promc_tls_destroy(tls);
    int code = error == GNUTLS_E_MEMORY_ERROR ? PROMC_E_NOMEM
               : error == GNUTLS_E_FILE_ERROR ? PROMC_E_IO
                                              : PROMC_E_INVALID;
    return promc_exporter_fail(code, "%s: %s", what, gnutls_strerror(error));
}

int promc_tls_create(struct promc_tls **out, const promc_exporter_settings *settings)
{
    *out = NULL;
    if (settings->tls_certificate_file == NULL && settings->tls_key_file == NULL &&
        settings->tls_client_ca_file == NULL) {
        return 0;
    }
    if (settings->tls_certificate_file == NULL || settings->tls_key_file == NULL) {
        return promc_exporter_fail(PROMC_E_INVALID, "TLS needs a certificate and its key");
    }
    struct promc_tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL || gnutls_certificate_allocate_credentials(&tls->credentials) < 0) {
        free(tls);
        return promc_exporter_fail(PROMC_E_NOMEM, "no memory for TLS");
    }
    int error = gnutls_certificate_set_x509_key_file(tls->credentials, settings->tls_certificate_file,
                                                     settings->tls_key_file, GNUTLS_X509_FMT_PEM);
    if (error < 0) {
        return tls_fail(tls, settings->tls_certificate_file, error);
    }
    if (settings->tls_client_ca_file != NULL) {
        tls->asks_for_certificate = true;
        error =
            gnutls_certificate_set_x509_trust_file(tls->credentials, settings->tls_client_ca_file, GNUTLS_X509_FMT_PEM);
        if (error <= 0) {
            return tls_fail(tls, settings->tls_client_ca_file, error < 0 ? error : GNUTLS_E_NO_CERTIFICATE_FOUND);
        }
    }
    error = gnutls_priority_init(&tls->priorities, "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1", NULL);
    if (error < 0) {
        return tls_fail(tls, "TLS", error);
    }
    *out = tls;
    return 0;
}

void promc_tls_destroy(struct promc_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    gnutls_certificate_free_credentials(tls->credentials);
    if (tls->priorities != NULL) {
        gnutls_priority_deinit(tls->priorities);
    }
    free(tls);
}

static void tls_session_free(struct promc_tls_session *session)
{
    if (session != NULL && session->session != NULL) {
        gnutls_deinit(session->session);
    }
    free(session);
}

static struct promc_tls_session *tls_session(const struct promc_tls *tls, int fd)
{
    struct promc_tls_session *session = calloc(1, sizeof(*session));
    if (session == NULL || gnutls_init(&session->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0 ||
        gnutls_priority_set(session->session, tls->priorities) < 0 ||
        gnutls_credentials_set(session->session, GNUTLS_CRD_CERTIFICATE, tls->credentials) < 0) {
        tls_session_free(session);
        return NULL;
    }
    if (tls->asks_for_certificate) {
        gnutls_certificate_server_set_request(session->session, GNUTLS_CERT_REQUIRE);
        gnutls_session_set_verify_cert(session->session, NULL, 0);
    }
    gnutls_transport_set_int(session->session, fd);
    return session;
}

/* What a call of GnuTLS gave, as ours. */
static ssize_t tls_result(struct promc_transport *transport, ssize_t result)
{
    if (result >= 0) {
        return result;
    }
    if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED) {
        transport->wants_write = gnutls_record_get_direction(transport->session->session) == 1;
        return PROMC_TRANSPORT_AGAIN;
    }
    /* A warning is passed over, and so is a wish to agree anew. */
    return gnutls_error_is_fatal((int)result) ? PROMC_TRANSPORT_BROKEN : PROMC_TRANSPORT_AGAIN;
}

/* Before the first byte: @return 0 when both sides have agreed. */
static ssize_t tls_shake(struct promc_transport *transport)
{
    struct promc_tls_session *session = transport->session;
    if (!session->shaken) {
        int error = gnutls_handshake(session->session);
        if (error < 0) {
            return tls_result(transport, error);
        }
        session->shaken = true;
    }
    return 0;
}

static ssize_t tls_read(struct promc_transport *transport, char *buffer, size_t capacity)
{
    ssize_t n = tls_shake(transport);
    return n < 0 ? n : tls_result(transport, gnutls_record_recv(transport->session->session, buffer, capacity));
}

static ssize_t tls_write(struct promc_transport *transport, const char *data, size_t length)
{
    ssize_t n = tls_shake(transport);
    return n < 0 ? n : tls_result(transport, gnutls_record_send(transport->session->session, data, length));
}

static bool tls_pending(const struct promc_transport *transport)
{
    return gnutls_record_check_pending(transport->session->session) > 0;
}

static void tls_bye(struct promc_transport *transport)
{
    if (transport->session->shaken) {
        (void)gnutls_bye(transport->session->session, GNUTLS_SHUT_WR);
    }
}

#else

struct promc_tls {
    char none;
};

int promc_tls_create(struct promc_tls **out, const promc_exporter_settings *settings)
{
    *out = NULL;
    if (settings->tls_certificate_file != NULL || settings->tls_key_file != NULL ||
        settings->tls_client_ca_file != NULL) {
        return promc_exporter_fail(PROMC_E_INVALID, "this promc-exporter was built without TLS (GnuTLS)");
    }
    return 0;
}

void promc_tls_destroy(struct promc_tls *tls)
{
    (void)tls;
}

static void tls_session_free(struct promc_tls_session *session)
{
    (void)session;
}

static struct promc_tls_session *tls_session(const struct promc_tls *tls, int fd)
{
    (void)tls, (void)fd;
    return NULL;
}

static ssize_t tls_read(struct promc_transport *transport, char *buffer, size_t capacity)
{
    (void)transport, (void)buffer, (void)capacity;
    return PROMC_TRANSPORT_BROKEN;
}

static ssize_t tls_write(struct promc_transport *transport, const char *data, size_t length)
{
    (void)transport, (void)data, (void)length;
    return PROMC_TRANSPORT_BROKEN;
}

static bool tls_pending(const struct promc_transport *transport)
{
    (void)transport;
    return false;
}

static void tls_bye(struct promc_transport *transport)
{
    (void)transport;
}
#endif

bool promc_transport_open(struct promc_transport *transport, struct promc_tls *tls, int fd)
{
    *transport = (struct promc_transport){.fd = fd};
    if (tls == NULL) {
        return true;
    }
    transport->session = tls_session(tls, fd);
    return transport->session != NULL;
}

void promc_transport_close(struct promc_transport *transport)
{
    tls_session_free(transport->session);
    transport->session = NULL;
    transport->fd = -1;
}

static ssize_t transport_result(ssize_t n)
{
    if (n >= 0) {
        return n;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? PROMC_TRANSPORT_AGAIN : PROMC_TRANSPORT_BROKEN;
}

ssize_t promc_transport_read(struct promc_transport *transport, char *buffer, size_t capacity)
{
    transport->wants_write = false;
    return transport->session != NULL ? tls_read(transport, buffer, capacity)
                                      : transport_result(recv(transport->fd, buffer, capacity, 0));
}

ssize_t promc_transport_write(struct promc_transport *transport, const char *data, size_t length)
{
    transport->wants_write = true;
    return transport->session != NULL ? tls_write(transport, data, length)
                                      : transport_result(send(transport->fd, data, length, MSG_NOSIGNAL));
}

bool promc_transport_pending(const struct promc_transport *transport)
{
    return transport->session != NULL && tls_pending(transport);
}

void promc_transport_shutdown(struct promc_transport *transport)
{
    if (transport->session != NULL) {
        tls_bye(transport);
    }
    (void)shutdown(transport->fd, SHUT_WR);
}
