/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SMTP by libcurl. A reply of 4xx is for later, one of 5xx to MAIL, RCPT or DATA is final; whatever fails before MAIL
 * (connection, greeting, EHLO, AUTH), and a 421 at any time, is about this server or our account and not about the message:
 * MAIL_UNAVAILABLE. The debug
 * callback is how libcurl tells which command was the last and what exactly was answered.
 */
#include "mail/smtp.h"

#include "base/backends.h"
#include "base/libcurl.h"
#include "base/settings.h"
#include "metrics/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_S 10
#define SERVICE_NOT_AVAILABLE 421 /* RFC 5321: the server closes the channel, whatever was asked */

enum stage { STAGE_CONNECT, STAGE_MAIL, STAGE_RCPT, STAGE_DATA };
static const char *const stage_names[] = {"connection", "MAIL", "RCPT", "DATA"};

struct smtp {
    CURL *curl;
    /* of the message under way */
    const struct mail_parcel *parcel;
    size_t sent;
    bool all_sent; /* libcurl has been told that the message ends: what follows is the dot and the server's verdict */
    enum stage stage;
    bool quitting;     /* what is answered to QUIT is no verdict */
    int reply;         /* code of the last reply line, 0: none */
    char enhanced[16]; /* its enhanced status behind a blank (" 5.1.1"), or "" */
};

static size_t read_message(char *buffer, size_t size, size_t count, void *arg)
{
    struct smtp *smtp = arg;
    size_t left = smtp->parcel->length - smtp->sent, n = size * count < left ? size * count : left;

    memcpy(buffer, smtp->parcel->data + smtp->sent, n);
    smtp->sent += n;
    smtp->all_sent |= n == 0;
    return n;
}

/* A connection that turns out dead is opened again and the message read from the start. */
static int seek_message(void *arg, curl_off_t offset, int origin)
{
    struct smtp *smtp = arg;

    if (origin != SEEK_SET || offset < 0 || (size_t)offset > smtp->parcel->length)
        return CURL_SEEKFUNC_FAIL;
    smtp->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static void note_command(struct smtp *smtp, const char *line, size_t length)
{
    for (enum stage stage = STAGE_MAIL; stage <= STAGE_DATA; stage++) {
        size_t n = strlen(stage_names[stage]);
        if (length >= n && memcmp(line, stage_names[stage], n) == 0)
            smtp->stage = stage;
    }
    smtp->quitting = length >= 4 && memcmp(line, "QUIT", 4) == 0;
}

static void note_reply(struct smtp *smtp, const char *line, size_t length)
{
    char text[32];
    int code, a, b, c;

    (void)snprintf(text, sizeof(text), "%.*s", (int)(length < sizeof(text) ? length : sizeof(text) - 1), line);
    if (smtp->quitting || sscanf(text, "%3d", &code) != 1) /* NOLINT(cert-err34-c): three digits cannot overflow */
        return;
    smtp->reply = code;
    smtp->enhanced[0] = '\0';
    if (strlen(text) > 4 && sscanf(text + 4, "%1d.%3d.%3d", &a, &b, &c) == 3) /* NOLINT(cert-err34-c) */
        (void)snprintf(smtp->enhanced, sizeof(smtp->enhanced), " %d.%d.%d", a, b, c);
}

static int debug(CURL *curl, curl_infotype type, char *data, size_t size, void *arg)
{
    (void)curl;
    if (type == CURLINFO_HEADER_OUT)
        note_command(arg, data, size);
    else if (type == CURLINFO_HEADER_IN)
        note_reply(arg, data, size);
    return 0;
}

static size_t discard(char *data, size_t size, size_t count, void *arg)
{
    (void)data;
    (void)arg;
    return size * count;
}

static void set_security(CURL *curl, const struct settings *settings)
{
    static const long use_ssl[] = {[STARTTLS_OPPORTUNISTIC] = CURLUSESSL_TRY,
                                   [STARTTLS_REQUIRED] = CURLUSESSL_ALL,
                                   [STARTTLS_OFF] = CURLUSESSL_NONE};
    bool implicit = backend_of_mail(settings->mail_url, NULL) == MAIL_IS_SMTPS;
    long verify = implicit || settings->smtp_starttls == STARTTLS_REQUIRED || settings->smtp_ca[0];

    (void)libcurl.easy_setopt(curl, CURLOPT_USE_SSL, use_ssl[settings->smtp_starttls]);
    (void)libcurl.easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)libcurl.easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, verify);
    (void)libcurl.easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
    if (settings->smtp_ca[0])
        (void)libcurl.easy_setopt(curl, CURLOPT_CAINFO, settings->smtp_ca);
    if (settings->smtp_user[0]) {
        (void)libcurl.easy_setopt(curl, CURLOPT_USERNAME, settings->smtp_user);
        (void)libcurl.easy_setopt(curl, CURLOPT_PASSWORD, settings->smtp_password);
    }
}

void *mail_smtp_open(const struct settings *settings)
{
    struct smtp *smtp = calloc(1, sizeof(*smtp));
    CURL *curl = libcurl.easy_init();

    if (!smtp || !curl) {
        free(smtp);
        libcurl.easy_cleanup(curl);
        return NULL;
    }
    smtp->curl = curl;
    (void)libcurl.easy_setopt(curl, CURLOPT_URL, settings->mail_url);
    set_security(curl, settings);
    (void)libcurl.easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    (void)libcurl.easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    (void)libcurl.easy_setopt(curl, CURLOPT_READFUNCTION, read_message);
    (void)libcurl.easy_setopt(curl, CURLOPT_READDATA, smtp);
    (void)libcurl.easy_setopt(curl, CURLOPT_SEEKFUNCTION, seek_message);
    (void)libcurl.easy_setopt(curl, CURLOPT_SEEKDATA, smtp);
    (void)libcurl.easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
    (void)libcurl.easy_setopt(curl, CURLOPT_VERBOSE, 1L);
    (void)libcurl.easy_setopt(curl, CURLOPT_DEBUGFUNCTION, debug);
    (void)libcurl.easy_setopt(curl, CURLOPT_DEBUGDATA, smtp);
    (void)libcurl.easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)libcurl.easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    (void)libcurl.easy_setopt(curl, CURLOPT_TIMEOUT, (long)MAILER_TIMEOUT_S);
    (void)libcurl.easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)MAILER_TIMEOUT_S);
    return smtp;
}

static enum mail_outcome judge(const struct smtp *smtp, CURLcode rc, char error[MAIL_ERROR_MAX])
{
    bool unavailable = smtp->stage == STAGE_CONNECT || smtp->reply == SERVICE_NOT_AVAILABLE;

    if (rc == CURLE_OK)
        return MAIL_SENT;
    if (smtp->reply >= 400) {
        metrics_email_bounce(smtp->reply, smtp->enhanced);
        (void)snprintf(error, MAIL_ERROR_MAX, "the server answered %d%s (%s)", smtp->reply, smtp->enhanced,
                       smtp->all_sent ? "message" : stage_names[smtp->stage]);
        return unavailable ? MAIL_UNAVAILABLE : smtp->reply >= 500 ? MAIL_REFUSED : MAIL_RETRY;
    }
    (void)snprintf(error, MAIL_ERROR_MAX, "%s (%s)", libcurl.easy_strerror(rc),
                   smtp->all_sent ? "no answer to the message" : stage_names[smtp->stage]);
    return smtp->all_sent ? MAIL_IN_DOUBT : unavailable ? MAIL_UNAVAILABLE : MAIL_RETRY;
}

static enum mail_outcome smtp_send(void *self, const struct mail_parcel *parcel, char error[MAIL_ERROR_MAX])
{
    struct smtp *smtp = self;
    char from[320], to[320];

    (void)snprintf(from, sizeof(from), "<%s>", parcel->from);
    (void)snprintf(to, sizeof(to), "<%s>", parcel->to);
    struct curl_slist *recipients = libcurl.slist_append(NULL, to);
    if (!recipients) {
        (void)snprintf(error, MAIL_ERROR_MAX, "out of memory");
        return MAIL_RETRY;
    }
    smtp->parcel = parcel;
    smtp->sent = 0;
    smtp->all_sent = false;
    smtp->stage = STAGE_CONNECT;
    smtp->quitting = false;
    smtp->reply = 0;
    smtp->enhanced[0] = '\0';
    (void)libcurl.easy_setopt(smtp->curl, CURLOPT_MAIL_FROM, from);
    (void)libcurl.easy_setopt(smtp->curl, CURLOPT_MAIL_RCPT, recipients);
    CURLcode rc = libcurl.easy_perform(smtp->curl);
    (void)libcurl.easy_setopt(smtp->curl, CURLOPT_MAIL_RCPT, NULL);
    libcurl.slist_free_all(recipients);
    return judge(smtp, rc, error);
}

static int smtp_flush(void *self)
{
    (void)self;
    return 0;
}

static enum mail_found smtp_find(void *self, const char *key)
{
    (void)self;
    (void)key;
    return MAIL_FOUND_UNKNOWN;
}

static void smtp_close(void *self)
{
    struct smtp *smtp = self;

    libcurl.easy_cleanup(smtp->curl);
    free(smtp);
}

const struct mail_transport mail_smtp = {smtp_send, smtp_flush, smtp_find, smtp_close};
