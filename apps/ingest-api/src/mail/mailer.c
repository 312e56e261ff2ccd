/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/mailer.h"
#include "base/backends.h"
#include "base/directory.h"
#include "base/libcurl.h"
#include "base/log.h"
#include "base/settings.h"
#include "mail/file.h"
#include "mail/smtp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mailer {
    const struct mail_transport *transport;
    const struct settings *settings;
    struct mail_sender from;
    char target[600]; /* the outbox, or HOST:PORT */
};

struct mailer_session {
    const struct mailer *mailer;
    void *self;
};

static int open_file(struct mailer *mailer, const struct settings *settings, const char *directory)
{
    if (directory[0])
        (void)snprintf(mailer->target, sizeof(mailer->target), "%s", directory);
    else
        (void)snprintf(mailer->target, sizeof(mailer->target), "%s/outbox", settings->data_dir);
    mailer->transport = &mail_file;
    if (directory_make(mailer->target, 0700) == 0)
        return 0;
    log_error("the outbox directory cannot be made or written to", "s:component", "mailer", "s:directory",
              mailer->target, "s:error", strerror(errno));
    return -1;
}

/* HOST:PORT of an address; the rest of it may be a password. What libcurl would refuse at each e-mail is refused here. */
static CURLUcode read_address(const char *text, char *target, size_t size)
{
    CURLU *url = libcurl.url();
    char *host = NULL, *port = NULL;
    CURLUcode rc = url ? libcurl.url_set(url, CURLUPART_URL, text, 0) : CURLUE_OUT_OF_MEMORY;

    if (rc == CURLUE_OK)
        rc = libcurl.url_get(url, CURLUPART_HOST, &host, 0);
    if (rc == CURLUE_OK)
        rc = libcurl.url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    if (rc == CURLUE_OK)
        (void)snprintf(target, size, "%s:%s", host, port);
    libcurl.free(host);
    libcurl.free(port);
    libcurl.url_cleanup(url);
    return rc;
}

static int open_smtp(struct mailer *mailer, const struct settings *settings)
{
    mailer->transport = &mail_smtp;
    mailer->settings = settings;
    if (libcurl_open() < 0)
        return -1;
    CURLUcode rc = read_address(settings->mail_url, mailer->target, sizeof(mailer->target));
    if (rc == CURLUE_OK)
        return 0;
    log_error("MAIL is not the address of a mail server", "s:component", "mailer", "s:error", libcurl.url_strerror(rc));
    libcurl_close();
    return -1;
}

static int open_transport(struct mailer *mailer, const struct settings *settings)
{
    const char *directory;

    if (mail_sender_parse(&mailer->from, settings->mail_from) < 0) {
        log_error("MAIL_FROM must be \"Name <local@domain>\" or \"local@domain\"", "s:component", "mailer");
        return -1;
    }
    switch (backend_of_mail(settings->mail_url, &directory)) {
    case MAIL_IS_FILE:
        return open_file(mailer, settings, directory);
    case MAIL_IS_SMTP:
    case MAIL_IS_SMTPS:
        return open_smtp(mailer, settings);
    case MAIL_IS_INVALID:
        break;
    }
    log_error("MAIL must be file, file:DIR, smtp://HOST:PORT or smtps://HOST:PORT", "s:component", "mailer");
    return -1;
}

int mailer_open(struct mailer **out, const struct settings *settings)
{
    struct mailer *mailer = calloc(1, sizeof(*mailer));

    *out = NULL;
    if (!mailer) {
        log_error("out of memory", "s:component", "mailer");
        return -1;
    }
    if (open_transport(mailer, settings) < 0) {
        free(mailer);
        return -1;
    }
    *out = mailer;
    return 0;
}

void mailer_close(struct mailer *mailer)
{
    if (mailer && mailer->transport == &mail_smtp)
        libcurl_close();
    free(mailer);
}

struct mailer_session *mailer_session_open(struct mailer *mailer)
{
    struct mailer_session *session = calloc(1, sizeof(*session));

    if (!session)
        return NULL;
    session->mailer = mailer;
    session->self = mailer->transport == &mail_file ? mail_file_open(mailer->target) : mail_smtp_open(mailer->settings);
    if (!session->self) {
        free(session);
        return NULL;
    }
    return session;
}

void mailer_session_close(struct mailer_session *session)
{
    if (!session)
        return;
    session->mailer->transport->close(session->self);
    free(session);
}

enum mail_outcome mailer_send(struct mailer_session *session, const struct mail *mail, char error[MAIL_ERROR_MAX])
{
    const struct mailer *mailer = session->mailer;
    struct mail_parcel parcel = {.key = mail->key, .from = mailer->from.address, .to = mail->to};
    char *message;

    error[0] = '\0';
    int rc = mail_message_write(mail, &mailer->from, &message, &parcel.length);
    if (rc < 0) {
        (void)snprintf(error, MAIL_ERROR_MAX, "%s", mail_message_error_text(rc));
        return rc == MAIL_MESSAGE_E_NOMEM ? MAIL_RETRY : MAIL_REFUSED;
    }
    parcel.data = message;
    enum mail_outcome outcome = mailer->transport->send(session->self, &parcel, error);
    free(message);
    return outcome;
}

int mailer_flush(struct mailer_session *session)
{
    return session->mailer->transport->flush(session->self);
}

enum mail_found mailer_find(struct mailer_session *session, const char *key)
{
    return session->mailer->transport->find(session->self, key);
}

const char *mailer_target(const struct mailer_session *session)
{
    return session->mailer->target;
}

bool mailer_finds(const struct mailer_session *session)
{
    return session->mailer->transport == &mail_file;
}
