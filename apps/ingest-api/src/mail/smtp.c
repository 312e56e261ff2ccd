/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SMTP through libcurl. smtp_reply.c interprets the server's replies. A failure without a reply before MAIL says
 * something about the server and nothing about the e-mail: MAIL_UNAVAILABLE. libcurl's debug callback tells which
 * command was the last, and the exact reply to it.
 */
#include "mail/smtp.h"
#include "mail/smtp_reply.h"

#include "base/backends.h"
#include "base/libcurl.h"
#include "base/settings.h"
#include "metrics/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_S 10

struct smtp {
    CURL *curl;
    /* of the e-mail in progress */
    const struct mail_parcel *parcel;
    size_t sent;
    bool all_sent; /* libcurl has read the whole e-mail: the final dot and the server's reply come next */
    enum smtp_stage stage;
    bool quitting;           /* QUIT was sent: ignore its reply */
    struct smtp_reply reply; /* the last one */
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

/* libcurl reads the e-mail again from its start if it must reopen a dead connection. */
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
    for (enum smtp_stage stage = SMTP_MAIL; stage <= SMTP_DATA; stage++) {
        size_t n = strlen(smtp_stage_names[stage]);
        if (length >= n && memcmp(line, smtp_stage_names[stage], n) == 0)
            smtp->stage = stage;
    }
    smtp->quitting = length >= 4 && memcmp(line, "QUIT", 4) == 0;
}

static int debug(CURL *curl, curl_infotype type, char *data, size_t size, void *arg)
{
    (void)curl;
    if (type == CURLINFO_HEADER_OUT)
        note_command(arg, data, size);
    else if (type == CURLINFO_HEADER_IN && !((struct smtp *)arg)->quitting)
        smtp_reply_add(&((struct smtp *)arg)->reply, data, size);
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

void *mail_smtp_open(const struct settings *settings, const char *url)
{
    struct smtp *smtp = calloc(1, sizeof(*smtp));
    CURL *curl = libcurl.easy_init();

    if (!smtp || !curl) {
        free(smtp);
        libcurl.easy_cleanup(curl);
        return NULL;
    }
    smtp->curl = curl;
    (void)libcurl.easy_setopt(curl, CURLOPT_URL, url);
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

static enum mail_outcome judge(const struct smtp *smtp, CURLcode rc, struct mail_answer *answer)
{
    enum smtp_stage stage = smtp->all_sent ? SMTP_MESSAGE : smtp->stage;
    const struct smtp_reply *reply = &smtp->reply;

    if (rc == CURLE_OK)
        return MAIL_SENT;
    if (reply->code >= 400) {
        enum mail_outcome outcome = smtp_reply_judge(reply, stage, answer);
        bool of_the_email = outcome == MAIL_RETRY || outcome == MAIL_REFUSED;
        metrics_email_bounce(of_the_email ? smtp->parcel->organisation_id : NULL, reply->code, reply->enhanced);
        return outcome;
    }
    (void)snprintf(answer->error, sizeof(answer->error), "%s (%s)", libcurl.easy_strerror(rc),
                   smtp->all_sent ? "no reply to the e-mail" : smtp_stage_names[stage]);
    return smtp->all_sent ? MAIL_IN_DOUBT : stage == SMTP_CONNECTION ? MAIL_UNAVAILABLE : MAIL_RETRY;
}

static enum mail_outcome smtp_send(void *self, const struct mail_parcel *parcel, struct mail_answer *answer)
{
    struct smtp *smtp = self;
    char from[320], to[320];

    (void)snprintf(from, sizeof(from), "<%s>", parcel->from);
    (void)snprintf(to, sizeof(to), "<%s>", parcel->to);
    struct curl_slist *recipients = libcurl.slist_append(NULL, to);
    if (!recipients) {
        (void)snprintf(answer->error, sizeof(answer->error), "out of memory");
        return MAIL_UNAVAILABLE;
    }
    smtp->parcel = parcel;
    smtp->sent = 0;
    smtp->all_sent = false;
    smtp->stage = SMTP_CONNECTION;
    smtp->quitting = false;
    smtp->reply = (struct smtp_reply){.code = 0};
    (void)libcurl.easy_setopt(smtp->curl, CURLOPT_MAIL_FROM, from);
    (void)libcurl.easy_setopt(smtp->curl, CURLOPT_MAIL_RCPT, recipients);
    CURLcode rc = libcurl.easy_perform(smtp->curl);
    (void)libcurl.easy_setopt(smtp->curl, CURLOPT_MAIL_RCPT, NULL);
    libcurl.slist_free_all(recipients);
    return judge(smtp, rc, answer);
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
