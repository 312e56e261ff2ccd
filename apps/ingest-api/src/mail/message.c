/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/message.h"
#include "base/text.h"
#include "base/utf8.h"

#include <gnutls/gnutls.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_WIDTH 76
#define MESSAGE_EXPECTED 1024 /* bytes around the body */

const char *mail_message_error_text(int error)
{
    switch (error) {
    case MAIL_MESSAGE_E_KEY:
        return "the key does not match [A-Za-z0-9._:-]{1,128}";
    case MAIL_MESSAGE_E_ADDRESS:
        return "an address cannot be used in a header field";
    case MAIL_MESSAGE_E_SUBJECT:
        return "the subject is empty, too long or contains a control character";
    case MAIL_MESSAGE_E_BODY:
        return "the body is empty or not valid UTF-8";
    default:
        return "out of memory";
    }
}

static void __attribute__((format(printf, 2, 3))) put_format(struct text *t, const char *format, ...)
{
    char line[1024];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof(line))
        t->overflow = true; /* cannot happen: the text of every caller is much shorter */
    else
        text_add_n(t, line, (size_t)n);
}

/* Append base64 without line breaks. */
static void put_base64(struct text *t, const char *p, size_t n)
{
    gnutls_datum_t in = {.data = (unsigned char *)p, .size = (unsigned)n}, out;

    if (gnutls_base64_encode2(&in, &out) < 0) {
        t->overflow = true;
        return;
    }
    text_add_n(t, (const char *)out.data, out.size);
    gnutls_free(out.data);
}

static bool all_printable_ascii(const char *s)
{
    for (; *s; s++)
        if (*s < 0x20 || *s > 0x7e)
            return false;
    return true;
}

/* RFC 2047: words of at most 75 characters, cut between code points, folded with CRLF and a space. */
static void put_encoded_words(struct text *t, const char *s)
{
    size_t left = strlen(s);

    for (bool first = true; left > 0; first = false) {
        size_t n = left < 39 ? left : 39; /* fits in 76 columns even after "Subject: " */
        while (n < left && ((unsigned char)s[n] & 0xc0) == 0x80)
            n--;
        text_add(t, first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
        put_base64(t, s, n);
        text_add(t, "?=");
        s += n;
        left -= n;
    }
}

/* Unstructured text after `used` columns of its line: folded at spaces if plain ASCII, encoded words if not. */
static void put_unstructured(struct text *t, const char *s, size_t used)
{
    size_t longest = 0;

    for (const char *p = s; *p;) {
        size_t n = strcspn(p, " ");
        longest = n > longest ? n : longest;
        p += n + (p[n] == ' ');
    }
    /* A space at either end, or two together, would be lost or changed by folding: they are encoded as well. */
    if (!all_printable_ascii(s) || longest > LINE_WIDTH - 2 || strstr(s, "=?") || strstr(s, "  ") || *s == ' ' ||
        s[strlen(s) - 1] == ' ') {
        text_add(t, " ");
        put_encoded_words(t, s);
        return;
    }
    while (*s) {
        size_t n = strcspn(s, " ");
        if (used + 1 + n > LINE_WIDTH) {
            text_add(t, "\r\n");
            used = 0;
        }
        text_add(t, " ");
        text_add_n(t, s, n);
        used += n + 1;
        s += n + (s[n] == ' ');
    }
}

static void put_from(struct text *t, const struct mail_sender *from)
{
    text_add(t, "From: ");
    if (from->name[0] && all_printable_ascii(from->name) && strlen(from->name) < 60) {
        text_add(t, "\"");
        for (const char *p = from->name; *p; p++) {
            if (*p == '"' || *p == '\\')
                text_add(t, "\\");
            text_add_n(t, p, 1);
        }
        text_add(t, "\" ");
    } else if (from->name[0]) {
        put_encoded_words(t, from->name);
        text_add(t, "\r\n ");
    }
    put_format(t, "<%s>\r\n", from->address);
}

/* Own names, because strftime()'s depend on the locale. */
static void put_date(struct text *t, int64_t date_ms)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(date_ms / 1000);
    struct tm tm;

    if (!gmtime_r(&seconds, &tm)) {
        t->overflow = true;
        return;
    }
    put_format(t, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
               tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* @return the length of the line at p. @param[out] next after the line end (LF, CRLF or CR). */
static size_t body_line(const char *p, const char **next)
{
    size_t n = strcspn(p, "\r\n");

    *next = p + n;
    if (**next == '\r')
        (*next)++;
    if (**next == '\n')
        (*next)++;
    return n;
}

static void put_plain(struct text *t, const char *body)
{
    while (*body) {
        const char *next;
        size_t n = body_line(body, &next);
        text_add_n(t, body, n);
        text_add(t, "\r\n");
        body = next;
    }
}

/* RFC 2045 section 6.7, with soft line breaks. */
static void put_quoted_printable(struct text *t, const char *body)
{
    static const char hex[] = "0123456789ABCDEF";

    while (*body) {
        const char *next;
        size_t n = body_line(body, &next), column = 0;
        for (size_t i = 0; i < n; i++) {
            unsigned char c = (unsigned char)body[i];
            bool literal = (c >= 0x21 && c <= 0x7e && c != '=') || ((c == ' ' || c == '\t') && i + 1 < n);
            size_t width = literal ? 1 : 3;
            if (column + width > LINE_WIDTH - 1) {
                text_add(t, "=\r\n");
                column = 0;
            }
            char escaped[3] = {'=', hex[c >> 4], hex[c & 15]};
            text_add_n(t, literal ? (const char *)&body[i] : escaped, width);
            column += width;
        }
        text_add(t, "\r\n");
        body = next;
    }
}

static void put_body_base64(struct text *t, const char *body)
{
    struct text canonical; /* with CRLF, because base64 encodes the line ends too */

    text_init_growing(&canonical, strlen(body));
    put_plain(&canonical, body);
    t->overflow |= canonical.overflow;
    for (size_t at = 0; at < canonical.length && !t->overflow; at += 57) {
        size_t n = canonical.length - at < 57 ? canonical.length - at : 57;
        put_base64(t, canonical.data + at, n);
        text_add(t, "\r\n");
    }
    free(canonical.data);
}

enum encoding { ENCODING_7BIT, ENCODING_QUOTED_PRINTABLE, ENCODING_BASE64 };

static enum encoding choose_encoding(const char *body)
{
    size_t total = 0, high = 0, longest = 0;
    bool trailing = false, control = false;

    while (*body) {
        const char *next;
        size_t n = body_line(body, &next);
        for (size_t i = 0; i < n; i++) {
            high += (unsigned char)body[i] >= 0x80;
            control |= (unsigned char)body[i] < 0x20 && body[i] != '\t';
        }
        trailing |= n > 0 && (body[n - 1] == ' ' || body[n - 1] == '\t');
        longest = n > longest ? n : longest;
        total += n;
        body = next;
    }
    if (high == 0 && longest <= 78 && !trailing && !control)
        return ENCODING_7BIT;
    return high * 6 <= total ? ENCODING_QUOTED_PRINTABLE : ENCODING_BASE64;
}

static void put_body(struct text *t, const char *body)
{
    static const char *const names[] = {"7bit", "quoted-printable", "base64"};
    enum encoding encoding = choose_encoding(body);

    put_format(t, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=%s\r\nContent-Transfer-Encoding: %s\r\n\r\n",
               encoding == ENCODING_7BIT ? "us-ascii" : "utf-8", names[encoding]);
    if (encoding == ENCODING_7BIT)
        put_plain(t, body);
    else if (encoding == ENCODING_QUOTED_PRINTABLE)
        put_quoted_printable(t, body);
    else
        put_body_base64(t, body);
}

static bool valid_key(const char *key)
{
    size_t n = strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-");

    return n > 0 && n <= 128 && key[n] == '\0';
}

/* Is the address safe between < and > in a header field or an envelope? import/prospect.c has checked its syntax. */
static bool valid_address(const char *address)
{
    const char *at = strchr(address, '@');
    size_t n = strlen(address);

    return at && at > address && at[1] && n < 255 && utf8_check(address, n) == UTF8_VALID &&
           strcspn(address, " \t\r\n<>\"(),:;\\[]") == n && !utf8_has_control(address, n);
}

/* Copy an address with its domain as an A-label. The part before the @ must be ASCII. */
static bool copy_address(char *out, size_t size, const char *address, size_t length)
{
    const char *at = memchr(address, '@', length);
    gnutls_datum_t domain = {NULL, 0};
    size_t local = at ? (size_t)(at - address) : length;

    for (size_t i = 0; i < local; i++)
        if ((unsigned char)address[i] >= 0x80)
            return false;
    if (!at || gnutls_idna_map(at + 1, (unsigned)(length - local - 1), &domain, 0) < 0)
        return false;
    int n = snprintf(out, size, "%.*s@%.*s", (int)local, address, (int)domain.size, (const char *)domain.data);
    gnutls_free(domain.data);
    return n > 0 && (size_t)n < size;
}

int mail_sender_parse(struct mail_sender *sender, const char *text)
{
    const char *open = strchr(text, '<');
    const char *address = open ? open + 1 : text;
    size_t length = open ? strcspn(address, ">") : strlen(text);
    size_t name = open ? (size_t)(open - text) : 0;

    memset(sender, 0, sizeof(*sender));
    if (open && (address[length] != '>' || address[length + 1] != '\0'))
        return MAIL_MESSAGE_E_ADDRESS;
    while (name > 0 && text[name - 1] == ' ')
        name--;
    if (name >= 2 && text[0] == '"' && text[name - 1] == '"') {
        text++;
        name -= 2;
    }
    if (length >= sizeof(sender->address) || name >= sizeof(sender->name))
        return MAIL_MESSAGE_E_ADDRESS;
    memcpy(sender->name, text, name);
    if (!copy_address(sender->address, sizeof(sender->address), address, length))
        return MAIL_MESSAGE_E_ADDRESS;
    if (utf8_check(sender->name, name) != UTF8_VALID || utf8_has_control(sender->name, name) ||
        !valid_address(sender->address))
        return MAIL_MESSAGE_E_ADDRESS;
    return 0;
}

static int check(const struct mail *mail, const struct mail_sender *from)
{
    size_t subject = strlen(mail->subject), body = strlen(mail->body);

    if (!valid_key(mail->key))
        return MAIL_MESSAGE_E_KEY;
    if (!valid_address(mail->to) || !valid_address(from->address))
        return MAIL_MESSAGE_E_ADDRESS;
    if (subject == 0 || subject > MAIL_SUBJECT_MAX || utf8_check(mail->subject, subject) != UTF8_VALID ||
        utf8_has_control(mail->subject, subject))
        return MAIL_MESSAGE_E_SUBJECT;
    if (body == 0 || utf8_check(mail->body, body) != UTF8_VALID)
        return MAIL_MESSAGE_E_BODY;
    return 0;
}

int mail_message_write(const struct mail *mail, const struct mail_sender *from, char **out, size_t *length)
{
    struct text t;

    *out = NULL;
    int rc = check(mail, from);
    if (rc < 0)
        return rc;
    text_init_growing(&t, MESSAGE_EXPECTED + 2 * strlen(mail->body));
    put_date(&t, mail->date_ms);
    put_from(&t, from);
    put_format(&t, "To: <%s>\r\n", mail->to);
    text_add(&t, "Subject:");
    put_unstructured(&t, mail->subject, 8);
    text_add(&t, "\r\nMessage-ID: <");
    for (const char *p = mail->key; *p; p++)
        text_add_n(&t, *p == ':' ? "." : p, 1);
    put_format(&t, "@%s>\r\n", strrchr(from->address, '@') + 1);
    if (valid_key(mail->campaign_id))
        put_format(&t, "X-Campaign-ID: %s\r\n", mail->campaign_id);
    text_add(&t, "Auto-Submitted: auto-generated\r\n");
    if (mail->unsubscribe && *mail->unsubscribe)
        put_format(&t, "List-Unsubscribe: <%s>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
                   mail->unsubscribe);
    put_body(&t, mail->body);
    *length = t.length;
    *out = text_take(&t);
    return *out ? 0 : MAIL_MESSAGE_E_NOMEM;
}
