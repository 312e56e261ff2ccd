/* SPDX-License-Identifier: Apache-2.0 */
#include "http/head.h"

#include <string.h>
#include <strings.h>

static void refuse(struct head_walk *walk, int status, const char *fault)
{
    if (walk->status == 0) {
        walk->status = status;
        walk->fault = fault;
    }
}

/* RFC 9110 token characters */
static bool is_token(const char *text, size_t n)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < n; i++) {
        char c = text[i], lower = (char)(c | 0x20);
        if (!((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || (c && strchr(marks, c))))
            return false;
    }
    return n > 0;
}

/* visible, blank, tab, or beyond ASCII (obs-text) */
static bool is_field_value(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool is_host(const char *text, size_t n)
{
    static const char marks[] = ".-_:[]~%!$&'()*+,;=";
    for (size_t i = 0; i < n; i++) {
        char c = text[i], lower = (char)(c | 0x20);
        if (!((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || strchr(marks, c)))
            return false;
    }
    return true;
}

bool head_is_target(const char *uri, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)uri[i];
        if (c <= 0x20 || c == 0x7f)
            return false;
    }
    return true;
}

void head_begin(struct head_walk *walk, struct head *head, const char *method, const char *uri, size_t uri_length,
                const char *version, bool in_place)
{
    *head = (struct head){0};
    *walk = (struct head_walk){.head = head};
    size_t version_length = strlen(version);
    if (!is_token(method, strlen(method)))
        refuse(walk, 400, "The method is not a token.");
    if (version_length != 8 || memcmp(version, "HTTP/1.", 7) != 0 || version[7] < '0' || version[7] > '9')
        refuse(walk, 505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
    head->is_1_0 = version_length == 8 && version[7] == '0';
    if (!in_place || walk->status)
        return;
    /* method NUL target NUL version NUL NUL: one blank each, and CR LF at the end */
    if (uri != method + strlen(method) + 1 || version != uri + uri_length + 1)
        refuse(walk, 400, "The request line is not METHOD TARGET VERSION with one blank between them.");
    else if (version[version_length + 1] != '\0')
        refuse(walk, 400, "The request line does not end in CR LF.");
    walk->at = version + version_length + 2;
}

/** Is the header where it must be, if the line before it ended in CR LF and it is one line itself? */
static bool check_place(struct head_walk *walk, const char *name, size_t name_length, const char *value,
                        size_t value_length)
{
    if (!walk->at)
        return true;
    if (name != walk->at || value <= name + name_length) {
        refuse(walk, 400, "A header line is folded, holds a NUL, or does not end in CR LF.");
        return false;
    }
    for (const char *p = name + name_length + 1; p < value; p++) {
        if (*p != ' ' && *p != '\t') {
            refuse(walk, 400, "A header line is folded, holds a NUL, or does not end in CR LF.");
            return false;
        }
    }
    if (value[value_length] != '\0' || value[value_length + 1] != '\0') {
        refuse(walk, 400, "A header line holds a NUL or does not end in CR LF.");
        return false;
    }
    walk->at = value + value_length + 2;
    return true;
}

static void set_once(struct head_walk *walk, const char **field, const char *value, const char *fault)
{
    if (*field)
        refuse(walk, 400, fault);
    *field = value;
}

static void set_content_length(struct head_walk *walk, const char *value, size_t n)
{
    struct head *head = walk->head;
    if (head->has_content_length)
        refuse(walk, 400, "Content-Length stands twice.");
    head->has_content_length = true;
    uint64_t length = 0;
    for (size_t i = 0; i < n; i++) {
        if (value[i] < '0' || value[i] > '9' || length > (UINT64_MAX - 9) / 10) {
            refuse(walk, 400, "Content-Length is not a number.");
            return;
        }
        length = length * 10 + (uint64_t)(value[i] - '0');
    }
    if (n == 0)
        refuse(walk, 400, "Content-Length is empty.");
    head->content_length = length;
}

static void set_transfer_encoding(struct head_walk *walk, const char *value)
{
    if (walk->head->chunked)
        refuse(walk, 400, "Transfer-Encoding stands twice.");
    if (walk->head->is_1_0)
        refuse(walk, 400, "HTTP/1.0 has no Transfer-Encoding.");
    else if (strcasecmp(value, "chunked") != 0)
        refuse(walk, 501, "The only Transfer-Encoding understood here is chunked.");
    walk->head->chunked = true;
}

static void take(struct head_walk *walk, const char *name, size_t name_length, const char *value, size_t n)
{
    struct head *head = walk->head;
    switch (name_length) {
    case 4:
        if (strcasecmp(name, "Host") == 0) {
            set_once(walk, &head->host, value, "Host stands twice.");
            if (!is_host(value, n))
                refuse(walk, 400, "Host is not a host name.");
        }
        break;
    case 6:
        if (strcasecmp(name, "Accept") == 0 && !head->accept) {
            head->accept = value;
        } else if (strcasecmp(name, "Expect") == 0) {
            if (strcasecmp(value, "100-continue") != 0)
                refuse(walk, 417, "The only expectation understood here is 100-continue.");
            head->expect_continue = !head->is_1_0;
        }
        break;
    case 12:
        if (strcasecmp(name, "Content-Type") == 0)
            set_once(walk, &head->content_type, value, "Content-Type stands twice.");
        else if (strcasecmp(name, "X-Request-Id") == 0 && !head->request_id)
            head->request_id = value;
        break;
    case 13:
        if (strcasecmp(name, "Authorization") == 0)
            set_once(walk, &head->authorization, value, "Authorization stands twice.");
        break;
    case 14:
        if (strcasecmp(name, "Content-Length") == 0)
            set_content_length(walk, value, n);
        break;
    case 16:
        if (strcasecmp(name, "Content-Encoding") == 0)
            set_once(walk, &head->content_encoding, value, "Content-Encoding stands twice.");
        break;
    case 17:
        if (strcasecmp(name, "Transfer-Encoding") == 0)
            set_transfer_encoding(walk, value);
        break;
    default:
        break;
    }
}

bool head_header(struct head_walk *walk, const char *name, size_t name_length, const char *value, size_t value_length)
{
    if (walk->status || !check_place(walk, name, name_length, value, value_length))
        return false;
    if (!is_token(name, name_length))
        refuse(walk, 400, "A header name is not a token, or a blank stands before its colon.");
    else if (!is_field_value(value, value_length))
        refuse(walk, 400, "A header value holds a control character.");
    else
        take(walk, name, name_length, value, value_length);
    return walk->status == 0;
}

int head_end(struct head_walk *walk, const char *end)
{
    const struct head *head = walk->head;
    if (walk->status)
        return walk->status;
    /* the blank line is the last two bytes */
    if (walk->at && walk->at + 2 != end)
        refuse(walk, 400, "A header line is folded, holds a NUL, or does not end in CR LF.");
    else if (head->chunked && head->has_content_length)
        refuse(walk, 400, "Content-Length and Transfer-Encoding exclude each other.");
    else if (!head->host && !head->is_1_0)
        refuse(walk, 400, "HTTP/1.1 requires Host.");
    return walk->status;
}
