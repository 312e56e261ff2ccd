/* SPDX-License-Identifier: Apache-2.0 */
#include "http/head.h"

#include <string.h>
#include <strings.h>

#define TOKEN 1  /* RFC 9110 token */
#define VALUE 2  /* visible, blank, tab, or beyond ASCII (obs-text) */
#define TARGET 4 /* visible but '#', or beyond ASCII: a target has no fragment */
#define NAME 8   /* a registered name in Host, or an address without its colons and brackets */

/* clang-format off */
static const unsigned char classes[256] = {
    ['\t'] = VALUE, [' '] = VALUE,
    ['!'] = TOKEN | VALUE | TARGET | NAME, ['"'] = VALUE | TARGET, ['#'] = TOKEN | VALUE,
    ['$' ... '\''] = TOKEN | VALUE | TARGET | NAME, ['(' ... ')'] = VALUE | TARGET | NAME,
    ['*' ... '+'] = TOKEN | VALUE | TARGET | NAME, [','] = VALUE | TARGET | NAME,
    ['-' ... '.'] = TOKEN | VALUE | TARGET | NAME, ['/'] = VALUE | TARGET,
    ['0' ... '9'] = TOKEN | VALUE | TARGET | NAME, [':'] = VALUE | TARGET, [';'] = VALUE | TARGET | NAME,
    ['<'] = VALUE | TARGET, ['='] = VALUE | TARGET | NAME, ['>' ... '@'] = VALUE | TARGET,
    ['A' ... 'Z'] = TOKEN | VALUE | TARGET | NAME, ['[' ... ']'] = VALUE | TARGET, ['^'] = TOKEN | VALUE | TARGET,
    ['_'] = TOKEN | VALUE | TARGET | NAME, ['`'] = TOKEN | VALUE | TARGET,
    ['a' ... 'z'] = TOKEN | VALUE | TARGET | NAME, ['{'] = VALUE | TARGET, ['|'] = TOKEN | VALUE | TARGET,
    ['}'] = VALUE | TARGET, ['~'] = TOKEN | VALUE | TARGET | NAME, [0x80 ... 0xff] = VALUE | TARGET,
};
/* clang-format on */

static bool is(unsigned char c, unsigned char class)
{
    return (classes[c] & class) != 0;
}

bool head_is_token_char(unsigned char c)
{
    return is(c, TOKEN);
}

bool head_is_value_char(unsigned char c)
{
    return is(c, VALUE);
}

/* The number of bytes before the first that is not of the class. */
static size_t span(const char *bytes, size_t n, unsigned char class)
{
    size_t i = 0;
    while (i < n && is((unsigned char)bytes[i], class))
        i++;
    return i;
}

/* ---- the request line ---- */

static int refuse(const char **fault, int status, const char *sentence)
{
    *fault = sentence;
    return status;
}

/* @param n the line's length without CR LF. @return 0, or the status to refuse with. */
static int read_request_line(struct head_scan *scan, const char *line, size_t n, const char **fault)
{
    static const char form[] = "The request line is not METHOD TARGET VERSION, separated by single spaces.";
    size_t method = span(line, n, TOKEN);
    if (span(line, n, VALUE) != n)
        return refuse(fault, 400, "The request line contains a control character.");
    if (method == 0 || method == n || line[method] != ' ')
        return refuse(fault, 400, "The method is not a token followed by a space.");
    size_t target = span(line + method + 1, n - method - 1, TARGET);
    const char *version = line + method + 1 + target;
    size_t rest = n - method - 1 - target;
    if (target > HEAD_TARGET_MAX)
        return refuse(fault, 414, "The request target is longer than 8192 bytes.");
    if (target == 0 || rest < 6 || memcmp(version, " HTTP/", 6) != 0 || memchr(version + 6, ' ', rest - 6))
        return refuse(fault, 400, form);
    if (rest != 9 || version[6] != '1' || version[7] != '.' || version[8] < '0' || version[8] > '9')
        return refuse(fault, 505, "Only HTTP/1.0 and HTTP/1.1 are supported.");
    scan->method = method;
    scan->target = target;
    scan->minor = version[8];
    return 0;
}

/* ---- where the head ends ---- */

static enum head_state scan_refused(struct head_scan *scan, int status, const char *fault)
{
    scan->status = status;
    scan->fault = fault;
    return HEAD_REFUSED;
}

/* Another protocol on this port is refused by its first control characters, without waiting for a line end. */
static bool may_be_request_line(const char *bytes, size_t n)
{
    size_t good = span(bytes, n, VALUE);
    return good == n || (good + 1 == n && bytes[good] == '\r');
}

/* Take the line that begins at scan->line and whose LF is at `at`. */
static enum head_state take_scanned_line(struct head_scan *scan, const char *bytes, size_t at, size_t limit)
{
    if (at == scan->line || bytes[at - 1] != '\r')
        return scan_refused(scan, 400, "A line does not end in CR LF.");
    size_t n = at - 1 - scan->line;
    if (n > 0) {
        if (scan->lines++ == 0)
            scan->status = read_request_line(scan, bytes + scan->line, n, &scan->fault);
        scan->line = at + 1;
        return scan->status ? HEAD_REFUSED : HEAD_MORE;
    }
    if (scan->lines == 0)
        return scan_refused(scan, 400, "The request line is empty.");
    if (at >= limit)
        return scan_refused(scan, 431, "The request's header lines are too long.");
    scan->length = at + 1;
    return HEAD_WHOLE;
}

enum head_state head_scan(struct head_scan *scan, const char *bytes, size_t n, size_t limit)
{
    size_t end = n > limit ? limit + 1 : n; /* bytes beyond the limit change nothing */
    while (scan->at < end) {
        const char *lf = memchr(bytes + scan->at, '\n', end - scan->at);
        if (!lf)
            break;
        enum head_state state = take_scanned_line(scan, bytes, (size_t)(lf - bytes), limit);
        if (state != HEAD_MORE)
            return state;
        scan->at = scan->line;
    }
    size_t from =
        scan->at > 0 ? scan->at - 1 : 0; /* check the last byte again: a CR was accepted only as the last one */
    if (scan->lines == 0 && !may_be_request_line(bytes + from, end - from))
        return scan_refused(scan, 400, "The request line contains a control character.");
    scan->at = end;
    if (n > limit)
        return scan->lines == 0 ? scan_refused(scan, 414, "The request line is too long.")
                                : scan_refused(scan, 431, "The request's header lines are too long.");
    return HEAD_MORE;
}

/* ---- the target ---- */

/* host [":" port], where host may be "[" IPv6 address "]" (RFC 9110, 7.2). Not empty. */
static bool is_authority(const char *text, size_t n)
{
    size_t host;
    if (n > 0 && text[0] == '[') {
        const char *end = memchr(text, ']', n);
        host = end ? (size_t)(end - text) + 1 : 0;
        for (size_t i = 1; i + 1 < host; i++)
            if (text[i] != ':' && !is((unsigned char)text[i], NAME))
                return false;
        if (host < 4)
            return false;
    } else {
        host = span(text, n, NAME);
    }
    if (host == 0 || (host < n && text[host] != ':'))
        return false;
    for (size_t i = host + 1; i < n; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return true;
}

/* RFC 9112 requires servers to accept "http://host/path". @return where the path begins; NULL: another form. */
static char *skip_authority(char *target)
{
    size_t scheme = strncasecmp(target, "http://", 7) == 0 ? 7 : strncasecmp(target, "https://", 8) == 0 ? 8 : 0;
    if (scheme == 0)
        return NULL;
    size_t n = strcspn(target + scheme, "/?");
    return is_authority(target + scheme, n) ? target + scheme + n : NULL;
}

static int take_target(struct head *head, char *target, const char **fault)
{
    char *path = target;
    if (strcmp(target, "*") == 0 && strcmp(head->method, "OPTIONS") == 0) {
        head->path = target;
        return 0;
    }
    if (*target != '/' && !(path = skip_authority(target)))
        return refuse(fault, 400, "The request target is neither a path nor http://HOST/PATH.");
    char *query = strchr(path, '?');
    if (query) {
        *query = '\0';
        head->query = query + 1;
    }
    head->path = *path ? path : "/";
    return 0;
}

/* ---- the header lines ---- */

static int take_once(const char **field, const char *value, const char **fault, const char *sentence)
{
    if (*field)
        return refuse(fault, 400, sentence);
    *field = value;
    return 0;
}

static int take_host(struct head *head, const char *value, size_t n, const char **fault)
{
    if (!is_authority(value, n))
        return refuse(fault, 400, "Host is not a host name.");
    return take_once(&head->host, value, fault, "There is more than one Host.");
}

static int take_content_length(struct head *head, const char *value, size_t n, const char **fault)
{
    uint64_t length = 0;
    if (head->has_content_length)
        return refuse(fault, 400, "There is more than one Content-Length.");
    for (size_t i = 0; i < n; i++) {
        if (value[i] < '0' || value[i] > '9' || length > (UINT64_MAX - 9) / 10)
            return refuse(fault, 400, "Content-Length is not a number.");
        length = length * 10 + (uint64_t)(value[i] - '0');
    }
    if (n == 0)
        return refuse(fault, 400, "Content-Length is empty.");
    head->has_content_length = true;
    head->content_length = length;
    return 0;
}

static int take_transfer_encoding(struct head *head, const char *value, const char **fault)
{
    if (head->chunked)
        return refuse(fault, 400, "There is more than one Transfer-Encoding.");
    if (head->is_1_0)
        return refuse(fault, 400, "HTTP/1.0 has no Transfer-Encoding.");
    if (strncasecmp(value, "chunked", 7) == 0 && strchr(value, ','))
        return refuse(fault, 400, "chunked must be the last Transfer-Encoding, and only once.");
    if (*value == '\0')
        return refuse(fault, 400, "Transfer-Encoding is empty.");
    if (strcasecmp(value, "chunked") != 0)
        return refuse(fault, 501, "The only supported Transfer-Encoding is chunked.");
    head->chunked = true;
    return 0;
}

static int take_expect(struct head *head, const char *value, const char **fault)
{
    if (strcasecmp(value, "100-continue") != 0)
        return refuse(fault, 417, "The only supported expectation is 100-continue.");
    head->expect_continue = !head->is_1_0;
    return 0;
}

static void take_connection(struct head *head, const char *value)
{
    while (*value) {
        size_t n = strcspn(value, ", \t");
        if (n == 5 && strncasecmp(value, "close", 5) == 0)
            head->close = head->says_close = true;
        else if (n == 10 && head->is_1_0 && !head->says_close && strncasecmp(value, "keep-alive", 10) == 0)
            head->close = false;
        value += n;
        value += strspn(value, ", \t");
    }
}

/* @return 0, or the status to refuse with. */
static int take(struct head *head, const char *name, size_t name_length, const char *value, size_t n,
                const char **fault)
{
    switch (name_length) {
    case 4:
        if (strcasecmp(name, "Host") == 0)
            return take_host(head, value, n, fault);
        break;
    case 6:
        if (strcasecmp(name, "Expect") == 0)
            return take_expect(head, value, fault);
        break;
    case 10:
        if (strcasecmp(name, "Connection") == 0)
            take_connection(head, value);
        break;
    case 12:
        if (strcasecmp(name, "Content-Type") == 0)
            return take_once(&head->content_type, value, fault, "There is more than one Content-Type.");
        if (strcasecmp(name, "X-Request-Id") == 0 && !head->request_id)
            head->request_id = value;
        break;
    case 13:
        if (strcasecmp(name, "Authorization") == 0)
            return take_once(&head->authorization, value, fault, "There is more than one Authorization.");
        break;
    case 14:
        if (strcasecmp(name, "Content-Length") == 0)
            return take_content_length(head, value, n, fault);
        break;
    case 16:
        if (strcasecmp(name, "Content-Encoding") == 0)
            return take_once(&head->content_encoding, value, fault, "There is more than one Content-Encoding.");
        break;
    case 17:
        if (strcasecmp(name, "Transfer-Encoding") == 0)
            return take_transfer_encoding(head, value, fault);
        break;
    default:
        break;
    }
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Parse one line. Name and value get a NUL behind them: over the colon, and over a blank or the CR. */
static int take_line(struct head *head, char *line, size_t n, const char **fault)
{
    size_t name = span(line, n, TOKEN);
    if (is_blank(line[0]))
        return refuse(fault, 400, "A header line is folded.");
    if (name == 0 || name == n || line[name] != ':')
        return refuse(fault, 400, "A header line is not NAME: VALUE, or there is white space before its colon.");
    char *value = line + name + 1, *end = line + n;
    if (span(value, n - name - 1, VALUE) != n - name - 1)
        return refuse(fault, 400, "A header value contains a control character.");
    while (value < end && is_blank(*value))
        value++;
    while (end > value && is_blank(end[-1]))
        end--;
    line[name] = '\0';
    *end = '\0';
    return take(head, line, name, value, (size_t)(end - value), fault);
}

static int check_whole(const struct head *head, const char **fault)
{
    if (head->chunked && head->has_content_length)
        return refuse(fault, 400, "Content-Length and Transfer-Encoding must not be used together.");
    if (!head->host && !head->is_1_0)
        return refuse(fault, 400, "HTTP/1.1 requires Host.");
    return 0;
}

int head_parse(struct head *head, const struct head_scan *scan, char *bytes, const char **fault)
{
    char *end = memchr(bytes, '\n', scan->length), *target = bytes + scan->method + 1;
    bytes[scan->method] = '\0';
    target[scan->target] = '\0';
    *head = (struct head){.method = bytes,
                          .is_1_0 = scan->minor == '0',
                          .close = scan->minor == '0',
                          .fields = end + 1,
                          .fields_end = bytes + scan->length - 2}; /* the empty line */
    int status = take_target(head, target, fault);
    for (char *at = end + 1; status == 0 && at < head->fields_end; at = end + 1) {
        end = memchr(at, '\n', (size_t)(bytes + scan->length - at));
        status = take_line(head, at, (size_t)(end - at) - 1, fault);
    }
    return status ? status : check_whole(head, fault);
}

/* ---- other lines ---- */

/* The parsed line at `at` is NAME NUL blanks VALUE NUL … LF. @return its value if it has this name, else NULL. */
static const char *value_at(const char *at, const char *name)
{
    if (strcasecmp(at, name) != 0)
        return NULL;
    at += strlen(at) + 1;
    return at + strspn(at, " \t");
}

static const char *find_from(const struct head *head, const char *at, const char *name)
{
    while (at && at < head->fields_end) {
        const char *value = value_at(at, name);
        if (value)
            return value;
        at = memchr(at, '\n', (size_t)(head->fields_end - at));
        at = at ? at + 1 : NULL;
    }
    return NULL;
}

const char *head_find(const struct head *head, const char *name)
{
    return find_from(head, head->fields, name);
}

const char *head_next(const struct head *head, const char *name, const char *value)
{
    const char *end = memchr(value, '\n', (size_t)(head->fields_end - value));
    return end ? find_from(head, end + 1, name) : NULL;
}
