/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict parser of an HTTP/1 request head (RFC 9112): rejects heads that two servers in a chain could interpret differently. It uses no
 * socket, so it can be fuzzed.
 */
#ifndef PROMC_EXPORTER_HTTP_H
#define PROMC_EXPORTER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lines of one list field, and fields in all. */
#define PROMC_HTTP_LINES 32
#define PROMC_HTTP_FIELDS 128

struct promc_exporter_http_lines {
    const char *lines[PROMC_HTTP_LINES];
    size_t count;
};

/* Strings point into the text that was parsed. */
struct promc_exporter_http_request {
    const char *method;
    const char *path;  /* decoded */
    const char *query; /* as sent, after the `?`; NULL: none */
    bool old;          /* HTTP/1.0 */
    bool close;        /* close the connection after the response */
    bool expects;      /* Expect: 100-continue */
    bool chunked;
    bool has_length;
    uint64_t body; /* Content-Length */
    struct promc_exporter_http_lines accept, accept_encoding;
    const char *scrape_timeout, *authorization; /* NULL: none */
};

/* Progress in a head that arrives in parts. Zero at first. */
struct promc_exporter_http_scan {
    size_t start;   /* of the request line, after empty lines */
    size_t scanned; /* the head does not end before this */
    bool line_seen; /* the request line is complete */
};

/*
 * Look for the end of the head. @return its length, `scan->start` included; 0: incomplete; -1: not a head (a line feed without a
 * carriage return, a NUL).
 */
long promc_exporter_http_end(struct promc_exporter_http_scan *scan, const char *text, size_t length);

/* Parse a complete head in place. @return 0, or the HTTP status of the error; *why is then one line of text. */
unsigned promc_exporter_http_read(char *text, size_t length, struct promc_exporter_http_request *out, const char **why);

#endif
