/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an HTTP/1 request, read strictly (RFC 9112): what two servers in a row could understand differently is refused. No
 * socket is known here, so it can be fuzzed.
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

/* Strings lie in the text that was read. */
struct promc_exporter_http_request {
    const char *method;
    const char *path;  /* decoded */
    const char *query; /* as sent, behind the `?`; NULL: there is none */
    bool old;          /* HTTP/1.0 */
    bool close;        /* the connection ends with the answer */
    bool expects;      /* Expect: 100-continue */
    bool chunked;
    bool has_length;
    uint64_t body; /* Content-Length */
    struct promc_exporter_http_lines accept, accept_encoding;
    const char *scrape_timeout, *authorization; /* NULL: there is none */
};

/* Where a head that comes in pieces has been looked at. Zero at first. */
struct promc_exporter_http_scan {
    size_t start;   /* of the request line, behind empty lines */
    size_t scanned; /* no end before this */
    bool line_seen; /* the request line is whole */
};

/*
 * Look for the end of the head. @return its length, `scan->start` included; 0: it is not whole; -1: what is there can be no
 * head (a line feed without a carriage return, a NUL).
 */
long promc_exporter_http_end(struct promc_exporter_http_scan *scan, const char *text, size_t length);

/* Read a whole head, in place. @return 0, or the status to refuse it with; *why is then one line of text. */
unsigned promc_exporter_http_read(char *text, size_t length, struct promc_exporter_http_request *out, const char **why);

#endif
