/* SPDX-License-Identifier: Apache-2.0 */
#include "http.h"

#include <string.h>
#include <strings.h>

long promc_exporter_http_end(struct promc_exporter_http_scan *scan, const char *text, size_t length)
{
    while (scan->scanned == scan->start && length - scan->start >= 2 && memcmp(text + scan->start, "\r\n", 2) == 0) {
        scan->start += 2; /* skip empty lines before a request (RFC 9112, 2.2) */
        scan->scanned = scan->start;
    }
    if (scan->scanned == scan->start && length - scan->start == 1 && text[scan->start] == '\r')
        return 0; /* half of an empty line */
    for (size_t i = scan->scanned; i < length; i++) {
        if (text[i] == '\0' || (text[i] == '\n' && (i == scan->start || text[i - 1] != '\r')))
            return -1;
        if (text[i] != '\n')
            continue;
        scan->line_seen = true;
        if (i >= scan->start + 3 && text[i - 2] == '\n')
            return (long)i + 1;
    }
    scan->scanned = length;
    return 0;
}

static bool http_token(const char *text)
{
    static const char bytes[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return *text != '\0' && text[strspn(text, bytes)] == '\0';
}

static int http_hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* In place. @return false: an invalid percent-escape, or a NUL. */
static bool http_decode(char *path)
{
    char *out = path;
    for (const char *in = path; *in != '\0'; in++) {
        if (*in != '%') {
            *out++ = *in;
            continue;
        }
        int high = http_hex(in[1]), low = high >= 0 ? http_hex(in[2]) : -1;
        if (low < 0 || high + low == 0)
            return false;
        *out++ = (char)(high * 16 + low);
        in += 2;
    }
    *out = '\0';
    return true;
}

/* "/path?query", or the absolute form, whose path may be missing. `*` and `host:port` are for methods that are not served. */
static bool http_target(char *target, struct promc_exporter_http_request *out)
{
    for (const char *c = target; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~' || *c == '#')
            return false;
    if (strncasecmp(target, "http://", 7) == 0 || strncasecmp(target, "https://", 8) == 0) {
        char *host = strchr(target, '/') + 2;
        size_t length = strcspn(host, "/?");
        if (length == 0 || memchr(host, '@', length))
            return false;
        target = host + length;
    } else if (*target != '/') {
        out->path = target;
        return strcmp(out->method, "GET") != 0 && strcmp(out->method, "HEAD") != 0;
    }
    char *query = strchr(target, '?');
    if (query) {
        *query = '\0';
        out->query = query + 1;
    }
    out->path = *target != '\0' ? target : "/";
    return *target == '\0' || http_decode(target);
}

static unsigned http_request_line(char *line, struct promc_exporter_http_request *out, const char **why)
{
    char *target = strchr(line, ' '), *version = target ? strchr(target + 1, ' ') : NULL;
    if (!version || strncmp(version + 1, "HTTP/", 5) != 0 || strlen(version + 1) != 8) {
        *why = "malformed request line";
        return 400;
    }
    *target++ = '\0';
    *version++ = '\0';
    if (strcmp(version, "HTTP/1.0") != 0 && strncmp(version, "HTTP/1.", 7) != 0) {
        *why = "only HTTP/1.0 and HTTP/1.1 are supported";
        return 505;
    }
    out->method = line;
    out->old = version[7] == '0';
    out->close = out->old;
    *why = "malformed request line";
    return http_token(line) && version[7] >= '0' && version[7] <= '9' && http_target(target, out) ? 0 : 400;
}

/* Does a comma-separated list contain this word? */
static bool http_lists(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; *at != '\0';) {
        at += strspn(at, ", \t");
        size_t item = strcspn(at, ", \t");
        if (item == length && strncasecmp(at, word, length) == 0)
            return true;
        at += item;
    }
    return false;
}

/* Headers that may occur only once and were seen. */
struct http_seen {
    unsigned hosts, lengths, encodings, expects, authorizations;
    bool keep_alive;
};

static unsigned http_length(const char *value, struct promc_exporter_http_request *out, const char **why)
{
    size_t digits = strspn(value, "0123456789");
    *why = "malformed Content-Length";
    if (digits == 0 || value[digits] != '\0' || digits > 18)
        return 400;
    for (; *value != '\0'; value++)
        out->body = out->body * 10 + (uint64_t)(*value - '0');
    out->has_length = true;
    return 0;
}

static unsigned http_keep(struct promc_exporter_http_lines *lines, const char *value, const char **why)
{
    if (lines->count == PROMC_HTTP_LINES) {
        *why = "too many lines of one header field";
        return 431;
    }
    lines->lines[lines->count++] = value;
    return 0;
}

/* host[:port], with brackets around IPv6; empty if the target has no host. */
static bool http_host(const char *value)
{
    static const char bytes[] = "-._~!$&'()*+,;=%:[]0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return value[strspn(value, bytes)] == '\0';
}

static unsigned http_framing_field(const char *name, const char *value, struct promc_exporter_http_request *out,
                                   struct http_seen *seen, const char **why)
{
    if (strcasecmp(name, "Host") == 0) {
        seen->hosts++;
        *why = "malformed Host";
        return http_host(value) ? 0 : 400;
    }
    if (strcasecmp(name, "Content-Length") == 0) {
        seen->lengths++;
        return http_length(value, out, why);
    }
    if (strcasecmp(name, "Transfer-Encoding") == 0) {
        seen->encodings++;
        out->chunked = true;
        *why = "the only supported transfer coding is chunked";
        return strcasecmp(value, "chunked") == 0 ? 0 : 501;
    }
    if (strcasecmp(name, "Connection") == 0) {
        out->close |= http_lists(value, "close");
        seen->keep_alive |= http_lists(value, "keep-alive");
    }
    if (strcasecmp(name, "Expect") == 0) {
        out->expects = true;
        *why = "the only supported expectation is 100-continue";
        return strcasecmp(value, "100-continue") == 0 ? 0 : 417;
    }
    return 0;
}

static unsigned http_field(const char *name, const char *value, struct promc_exporter_http_request *out,
                           struct http_seen *seen, const char **why)
{
    if (strcasecmp(name, "Accept") == 0)
        return http_keep(&out->accept, value, why);
    if (strcasecmp(name, "Accept-Encoding") == 0)
        return http_keep(&out->accept_encoding, value, why);
    if (strcasecmp(name, "X-Prometheus-Scrape-Timeout-Seconds") == 0) {
        out->scrape_timeout = value;
    } else if (strcasecmp(name, "Authorization") == 0) {
        seen->authorizations++;
        out->authorization = value;
    }
    return http_framing_field(name, value, out, seen, why);
}

/* `Name: value` without the blanks around the value. @return false: malformed, or a continuation line (obs-fold). */
static bool http_split(char *line, char **value)
{
    char *colon = strchr(line, ':');
    if (!colon)
        return false;
    *colon = '\0';
    *value = colon + 1 + strspn(colon + 1, " \t");
    size_t length = strlen(*value);
    while (length > 0 && ((*value)[length - 1] == ' ' || (*value)[length - 1] == '\t'))
        (*value)[--length] = '\0';
    for (const char *c = *value; *c != '\0'; c++)
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
            return false;
    return http_token(line);
}

static unsigned http_check(struct promc_exporter_http_request *out, const struct http_seen *seen, const char **why)
{
    *why = "exactly one Host header is required";
    if (seen->hosts > 1 || (seen->hosts == 0 && !out->old))
        return 400;
    *why = "ambiguous message length";
    if (seen->lengths + seen->encodings > 1 || (out->old && out->chunked))
        return 400;
    *why = "more than one Authorization header";
    if (seen->authorizations > 1)
        return 400;
    if (out->old && seen->keep_alive)
        out->close = false;
    return 0;
}

unsigned promc_exporter_http_read(char *text, size_t length, struct promc_exporter_http_request *out, const char **why)
{
    struct http_seen seen = {0};
    char *line = text;
    unsigned status = 0, fields = 0;
    *out = (struct promc_exporter_http_request){0};
    text[length - 2] = '\0'; /* the empty line at the end */
    for (char *end; status == 0 && *line != '\0'; line = end + 2) {
        char *value;
        end = strchr(line, '\r');
        if (!end || end[1] != '\n') {
            *why = "a carriage return inside a line";
            return 400;
        }
        *end = '\0';
        if (line == text) {
            status = http_request_line(line, out, why);
        } else if (++fields > PROMC_HTTP_FIELDS) {
            *why = "too many header fields";
            status = 431;
        } else if (!http_split(line, &value)) {
            *why = "malformed header field";
            status = 400;
        } else {
            status = http_field(line, value, out, &seen, why);
        }
    }
    return status != 0 ? status : http_check(out, &seen, why);
}
