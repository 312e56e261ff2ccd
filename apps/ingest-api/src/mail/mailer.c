/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/mailer.h"
#include "base/backends.h"
#include "base/directory.h"
#include "base/host_name.h"
#include "base/libcurl.h"
#include "base/log.h"
#include "base/settings.h"
#include "mail/file.h"
#include "mail/smtp.h"

#define NOBODY "ProspectFlow <no-reply@prospectflow.invalid>" /* the sender of e-mails that stay in a folder */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mailer {
    const struct mail_transport *transport;
    const struct settings *settings;
    struct mail_sender from;
    char target[600]; /* the outbox, or HOST:PORT */
    char url[1200];   /* the server's address, with our EHLO name as its path */
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
    log_error("the outbox directory cannot be created or written", "s:component", "mailer", "s:directory",
              mailer->target, "s:error", strerror(errno));
    return -1;
}

/* libcurl takes our EHLO name from the URL's path: `name`, or if that is "", the path in MAIL or this host's name. */
static CURLUcode add_name(CURLU *url, const char *name)
{
    char *path = NULL, found[HOST_NAME_SIZE];
    CURLUcode rc = libcurl.url_get(url, CURLUPART_PATH, &path, 0);
    bool given = rc == CURLUE_OK && path && path[0] && path[1];

    libcurl.free(path);
    if (rc != CURLUE_OK || (given && !*name))
        return rc;
    if (*name)
        (void)snprintf(found, sizeof(found), "%s", name);
    else
        host_name(found);
    return libcurl.url_set(url, CURLUPART_PATH, found, CURLU_URLENCODE);
}

/*
 * Make the URL with our name, and the HOST:PORT to show, because the rest may contain a password. A URL that libcurl
 * would refuse for each e-mail is refused here.
 */
static CURLUcode read_address(struct mailer *mailer, const struct settings *settings)
{
    CURLU *url = libcurl.url();
    char *host = NULL, *port = NULL, *whole = NULL;
    CURLUcode rc = url ? libcurl.url_set(url, CURLUPART_URL, settings->mail_url, 0) : CURLUE_OUT_OF_MEMORY;

    if (rc == CURLUE_OK)
        rc = libcurl.url_get(url, CURLUPART_HOST, &host, 0);
    if (rc == CURLUE_OK)
        rc = libcurl.url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    if (rc == CURLUE_OK)
        rc = add_name(url, settings->mail_ehlo);
    if (rc == CURLUE_OK)
        rc = libcurl.url_get(url, CURLUPART_URL, &whole, 0);
    if (rc == CURLUE_OK) {
        (void)snprintf(mailer->target, sizeof(mailer->target), "%s:%s", host, port);
        (void)snprintf(mailer->url, sizeof(mailer->url), "%s", whole);
    }
    libcurl.free(host);
    libcurl.free(port);
    libcurl.free(whole);
    libcurl.url_cleanup(url);
    return rc;
}

static int open_smtp(struct mailer *mailer, const struct settings *settings)
{
    mailer->transport = &mail_smtp;
    mailer->settings = settings;
    if (libcurl_open() < 0)
        return -1;
    CURLUcode rc = read_address(mailer, settings);
    if (rc == CURLUE_OK)
        return 0;
    log_error("MAIL is not the address of a mail server", "s:component", "mailer", "s:error", libcurl.url_strerror(rc));
    libcurl_close();
    return -1;
}

static int open_transport(struct mailer *mailer, const struct settings *settings)
{
    const char *directory;

    const char *from = *settings->mail_from ? settings->mail_from : NOBODY;
    if (mail_sender_parse(&mailer->from, from) < 0) {
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
    session->self = mailer->transport == &mail_file ? mail_file_open(mailer->target)
                                                    : mail_smtp_open(mailer->settings, mailer->url);
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

enum mail_outcome mailer_send(struct mailer_session *session, const struct mail *mail, struct mail_answer *answer)
{
    const struct mailer *mailer = session->mailer;
    const struct mail_sender *from = mail->from ? mail->from : &mailer->from;
    struct mail_parcel parcel = {
        .key = mail->key, .from = from->address, .to = mail->to, .organisation_id = mail->organisation_id};
    char *message;

    *answer = (struct mail_answer){.error = ""};
    int rc = mail_message_write(mail, from, &message, &parcel.length);
    if (rc < 0) {
        (void)snprintf(answer->error, sizeof(answer->error), "%s", mail_message_error_text(rc));
        return rc == MAIL_MESSAGE_E_NOMEM ? MAIL_UNAVAILABLE : MAIL_REFUSED;
    }
    parcel.data = message;
    enum mail_outcome outcome = mailer->transport->send(session->self, &parcel, answer);
    free(message);
    return outcome;
}

int mailer_compose(const struct mailer *mailer, const struct mail *mail, char **out, size_t *length)
{
    return mail_message_write(mail, mail->from ? mail->from : &mailer->from, out, length);
}

const struct mail_sender *mailer_sender(const struct mailer *mailer)
{
    return &mailer->from;
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
