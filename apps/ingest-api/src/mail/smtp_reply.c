/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/smtp_reply.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SERVICE_NOT_AVAILABLE 421 /* RFC 5321: the server closes the channel, after any command */

const char *const smtp_stage_names[SMTP_STAGES] = {"connection", "MAIL", "RCPT", "DATA", "message"};

/* ---- reading ---- */

/* Add a word of the server's reply, but never an address, because replies are stored with the campaign and logged. */
static void add_word(struct smtp_reply *reply, const char *word, size_t n)
{
    static const char left_out[] = "[address]";
    size_t used = strlen(reply->words);

    if (memchr(word, '@', n)) {
        word = left_out;
        n = sizeof(left_out) - 1;
    }
    if (used + 1 + n >= sizeof(reply->words))
        return;
    (void)snprintf(reply->words + used, sizeof(reply->words) - used, "%s%.*s", used ? " " : "", (int)n, word);
}

/* Count printable ASCII only: a reply may be in any encoding. */
static size_t word_length(const char *p, const char *end)
{
    size_t n = 0;
    while (p + n < end && p[n] > ' ' && p[n] <= '~')
        n++;
    return n;
}

static void add_words(struct smtp_reply *reply, const char *p, const char *end)
{
    while (p < end) {
        size_t n = word_length(p, end);
        if (n > 0)
            add_word(reply, p, n);
        p += n > 0 ? n : 1;
    }
}

static void begin_reply(struct smtp_reply *reply, const char *line, int code)
{
    int a, b, c;

    *reply = (struct smtp_reply){.code = code};
    if (strlen(line) > 4 && sscanf(line + 4, "%1d.%3d.%3d", &a, &b, &c) == 3) /* NOLINT(cert-err34-c) */
        (void)snprintf(reply->enhanced, sizeof(reply->enhanced), " %d.%d.%d", a, b, c);
    (void)snprintf(reply->words, sizeof(reply->words), "%d", code);
}

static void add_line(struct smtp_reply *reply, const char *line, size_t length)
{
    char text[32];
    int code;

    (void)snprintf(text, sizeof(text), "%.*s", (int)(length < sizeof(text) ? length : sizeof(text) - 1), line);
    if (sscanf(text, "%3d", &code) != 1) /* NOLINT(cert-err34-c): three digits cannot overflow */
        return;
    if (reply->ended || code != reply->code)
        begin_reply(reply, text, code);
    reply->ended = length < 4 || line[3] != '-';
    if (length > 4)
        add_words(reply, line + 4, line + length);
}

void smtp_reply_add(struct smtp_reply *reply, const char *lines, size_t length)
{
    const char *end = lines + length;

    while (lines < end) {
        const char *newline = memchr(lines, '\n', (size_t)(end - lines));
        size_t n = (size_t)((newline ? newline : end) - lines);
        add_line(reply, lines, n);
        lines += n + 1;
    }
}

/* ---- judging ---- */

static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (; *text; text++)
        if (strncasecmp(text, word, n) == 0)
            return true;
    return false;
}

/* Does the enhanced status (" 5.7.1") after its class begin with `rest` (".7.")? */
static bool status_is(const struct smtp_reply *reply, const char *rest)
{
    return strlen(reply->enhanced) > 2 && strncmp(reply->enhanced + 2, rest, strlen(rest)) == 0;
}

/* Is it about a quota of ours? A full mailbox is the recipient's: x.2.2. */
static bool is_our_quota(const struct smtp_reply *reply)
{
    return status_is(reply, ".4.5") ||
           (!status_is(reply, ".2.") && has_word(reply->words, "quota") &&
            (has_word(reply->words, "sending") || has_word(reply->words, "sender") || has_word(reply->words, "daily")));
}

static bool is_about_sender(const struct smtp_reply *reply, enum smtp_stage stage)
{
    int code = reply->code;

    return stage <= SMTP_MAIL || code == SERVICE_NOT_AVAILABLE || code == 530 || code == 534 || code == 535 ||
           code == 538 || (code >= 500 && status_is(reply, ".7.")) || is_our_quota(reply);
}

enum mail_outcome smtp_reply_judge(const struct smtp_reply *reply, enum smtp_stage stage, struct mail_answer *answer)
{
    (void)snprintf(answer->error, sizeof(answer->error), "the server answered %d%s (%s)", reply->code, reply->enhanced,
                   smtp_stage_names[stage]);
    (void)snprintf(answer->words, sizeof(answer->words), "%s", reply->words);
    if (is_about_sender(reply, stage)) {
        answer->this_email = stage > SMTP_MAIL && reply->code != SERVICE_NOT_AVAILABLE;
        return MAIL_REFUSED_SENDER;
    }
    answer->no_mailbox = stage == SMTP_RCPT && strcmp(reply->enhanced, " 5.1.1") == 0;
    return reply->code >= 500 ? MAIL_REFUSED : MAIL_RETRY;
}
