/* SPDX-License-Identifier: Apache-2.0 */
#include "transport.h"
#include "exporter_internal.h"
#include "sockets.h"

#include <errno.h>
#include <stdlib.h>

#ifdef PROMC_EXPORTER_TLS
#include <gnutls/gnutls.h>
#include <string.h>
#include <sys/stat.h>

#define LOOK_EVERY_NS UINT64_C(1000000000)

/* The loaded credentials. Sessions that use them keep a reference. */
struct credentials {
    gnutls_certificate_credentials_t handle;
    unsigned users;
};

/* Detects that a file was replaced or changed. */
struct stamp {
    struct timespec changed;
    off_t bytes;
    ino_t inode;
};

enum { CERTIFICATE, KEY, CLIENT_CA, FILES };

struct promc_tls {
    struct credentials *credentials;
    gnutls_priority_t priorities;
    char *files[FILES]; /* the last may be NULL */
    struct stamp stamps[FILES];
    uint64_t looked_ns;
};

struct promc_tls_session {
    gnutls_session_t session;
    struct credentials *credentials;
    bool shaken;
};

static void let_go(struct credentials *credentials)
{
    if (credentials && --credentials->users == 0) {
        gnutls_certificate_free_credentials(credentials->handle);
        free(credentials);
    }
}

static int tls_fail(const char *what, int error)
{
    int code = error == GNUTLS_E_MEMORY_ERROR ? PROMC_E_NOMEM
               : error == GNUTLS_E_FILE_ERROR ? PROMC_E_IO
                                              : PROMC_E_INVALID;
    return promc_exporter_fail(code, "%s: %s", what, gnutls_strerror(error));
}

static void look(struct promc_tls *tls, struct stamp stamps[FILES])
{
    memset(stamps, 0, FILES * sizeof(*stamps));
    for (int i = 0; i < FILES; i++) {
        struct stat st;
        if (tls->files[i] && stat(tls->files[i], &st) == 0) {
            stamps[i].changed = st.st_mtim;
            stamps[i].bytes = st.st_size;
            stamps[i].inode = st.st_ino;
        }
    }
}

/* Load the files and replace the previous credentials. 0, or a negative code with the error text. */
static int load(struct promc_tls *tls)
{
    struct stamp stamps[FILES];
    look(tls, stamps); /* before reading: a change during the read is seen the next time */
    struct credentials *new = calloc(1, sizeof(*new));
    if (!new || gnutls_certificate_allocate_credentials(&new->handle) < 0) {
        free(new);
        return promc_exporter_fail(PROMC_E_NOMEM, "no memory for TLS");
    }
    new->users = 1;
    const char *file = tls->files[CERTIFICATE];
    int error = gnutls_certificate_set_x509_key_file(new->handle, file, tls->files[KEY], GNUTLS_X509_FMT_PEM);
    if (error >= 0 && tls->files[CLIENT_CA]) {
        file = tls->files[CLIENT_CA];
        error = gnutls_certificate_set_x509_trust_file(new->handle, file, GNUTLS_X509_FMT_PEM);
        error = error == 0 ? GNUTLS_E_NO_CERTIFICATE_FOUND : error;
    }
    if (error < 0) {
        let_go(new);
        return tls_fail(file, error);
    }
    let_go(tls->credentials);
    tls->credentials = new;
    memcpy(tls->stamps, stamps, sizeof(stamps));
    return 0;
}

/* If the files changed and are valid, use them from now on. */
static void look_again(struct promc_tls *tls)
{
    struct stamp stamps[FILES];
    uint64_t now = promc_now_ns();
    if (now - tls->looked_ns < LOOK_EVERY_NS)
        return;
    tls->looked_ns = now;
    look(tls, stamps);
    if (memcmp(stamps, tls->stamps, sizeof(stamps)) != 0)
        (void)load(tls);
}

static int tls_start(struct promc_tls *tls, const promc_exporter_settings *settings)
{
    const char *const files[FILES] = {settings->tls_certificate_file, settings->tls_key_file,
                                      settings->tls_client_ca_file};
    for (int i = 0; i < FILES; i++) {
        tls->files[i] = files[i] ? strdup(files[i]) : NULL;
        if (files[i] && !tls->files[i])
            return promc_exporter_fail(PROMC_E_NOMEM, "no memory for TLS");
    }
    int error = gnutls_priority_init(&tls->priorities, "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1", NULL);
    tls->looked_ns = promc_now_ns();
    return error < 0 ? tls_fail("TLS", error) : load(tls);
}

int promc_tls_create(struct promc_tls **out, const promc_exporter_settings *settings)
{
    *out = NULL;
    if (!settings->tls_certificate_file && !settings->tls_key_file && !settings->tls_client_ca_file)
        return 0;
    if (!settings->tls_certificate_file || !settings->tls_key_file)
        return promc_exporter_fail(PROMC_E_INVALID, "TLS needs a certificate and its key");
    struct promc_tls *tls = calloc(1, sizeof(*tls));
    int error = tls ? tls_start(tls, settings) : promc_exporter_fail(PROMC_E_NOMEM, "no memory for TLS");
    if (error != 0) {
        promc_tls_destroy(tls);
        return error;
    }
    *out = tls;
    return 0;
}

void promc_tls_destroy(struct promc_tls *tls)
{
    if (!tls)
        return;
    let_go(tls->credentials);
    if (tls->priorities)
        gnutls_priority_deinit(tls->priorities);
    for (int i = 0; i < FILES; i++)
        free(tls->files[i]);
    free(tls);
}

static void tls_session_free(struct promc_tls_session *session)
{
    if (session) {
        if (session->session)
            gnutls_deinit(session->session);
        let_go(session->credentials);
    }
    free(session);
}

static struct promc_tls_session *tls_session(struct promc_tls *tls, int fd)
{
    struct promc_tls_session *session = calloc(1, sizeof(*session));
    look_again(tls);
    if (!session || gnutls_init(&session->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0 ||
        gnutls_priority_set(session->session, tls->priorities) < 0 ||
        gnutls_credentials_set(session->session, GNUTLS_CRD_CERTIFICATE, tls->credentials->handle) < 0) {
        tls_session_free(session);
        return NULL;
    }
    session->credentials = tls->credentials;
    session->credentials->users++;
    if (tls->files[CLIENT_CA]) {
        gnutls_certificate_server_set_request(session->session, GNUTLS_CERT_REQUIRE);
        gnutls_session_set_verify_cert(session->session, NULL, 0);
    }
    gnutls_transport_set_int(session->session, fd);
    return session;
}

/* Map the result of a GnuTLS call to ours. */
static ssize_t tls_result(struct promc_transport *transport, ssize_t result)
{
    if (result >= 0)
        return result;
    if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED) {
        transport->wants_write = gnutls_record_get_direction(transport->session->session) == 1;
        return PROMC_TRANSPORT_AGAIN;
    }
    /* Ignore warnings and requests for renegotiation. */
    return gnutls_error_is_fatal((int)result) ? PROMC_TRANSPORT_BROKEN : PROMC_TRANSPORT_AGAIN;
}

/* The TLS handshake. @return 0: complete. */
static ssize_t tls_shake(struct promc_transport *transport)
{
    struct promc_tls_session *session = transport->session;
    if (!session->shaken) {
        int error = gnutls_handshake(session->session);
        if (error < 0)
            return tls_result(transport, error);
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
    if (transport->session->shaken)
        (void)gnutls_bye(transport->session->session, GNUTLS_SHUT_WR);
}

#else

struct promc_tls {
    char none;
};

int promc_tls_create(struct promc_tls **out, const promc_exporter_settings *settings)
{
    *out = NULL;
    if (settings->tls_certificate_file || settings->tls_key_file || settings->tls_client_ca_file)
        return promc_exporter_fail(PROMC_E_INVALID, "this promc-exporter was built without TLS (GnuTLS)");
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

static struct promc_tls_session *tls_session(struct promc_tls *tls, int fd)
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
    if (!tls)
        return true;
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
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? PROMC_TRANSPORT_AGAIN : PROMC_TRANSPORT_BROKEN;
}

ssize_t promc_transport_read(struct promc_transport *transport, char *buffer, size_t capacity)
{
    transport->wants_write = false;
    return transport->session ? tls_read(transport, buffer, capacity)
                              : transport_result(recv(transport->fd, buffer, capacity, 0));
}

ssize_t promc_transport_write(struct promc_transport *transport, const char *data, size_t length)
{
    transport->wants_write = true;
    return transport->session ? tls_write(transport, data, length)
                              : transport_result(send(transport->fd, data, length, MSG_NOSIGNAL));
}

bool promc_transport_pending(const struct promc_transport *transport)
{
    return transport->session && tls_pending(transport);
}

void promc_transport_shutdown(struct promc_transport *transport)
{
    if (transport->session)
        tls_bye(transport);
    (void)shutdown(transport->fd, SHUT_WR);
}
