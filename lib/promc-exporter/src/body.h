/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a /metrics response: a scrape, compressed or not, in slices. */
#ifndef PROMC_EXPORTER_BODY_H
#define PROMC_EXPORTER_BODY_H

#include <promc/scrape.h>

struct promc_body;

/* Takes the scrape over. @param deadline_ns past it reading fails; 0: none. @return NULL: no memory; the scrape is ended. */
struct promc_body *promc_body_create(promc_scrape *scrape, bool gzip, uint64_t deadline_ns);

/* @return bytes written, 0 at the end, negative if the body cannot be completed. */
long promc_body_read(struct promc_body *body, char *buffer, size_t capacity);

void promc_body_free(struct promc_body *body);

/* Does an Accept-Encoding header allow gzip? NULL: no. */
bool promc_body_accepts_gzip(const char *header);

#endif
