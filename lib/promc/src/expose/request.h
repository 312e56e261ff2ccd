/* SPDX-License-Identifier: Apache-2.0 */
/* What an HTTP request says about the scrape that it asks for. Pure functions over bytes that come from strangers. */
#ifndef PROMC_EXPOSE_REQUEST_H
#define PROMC_EXPOSE_REQUEST_H

#include <promc/exposition.h>

/* The names of the families that are asked for. */
struct promc_names {
    const char **names; /* in one allocation with their text; NULL: none */
    size_t count;
};

/*
 * The name[] parameters of a query, and the values that the server has decoded.
 * @return NULL, or what is wrong with the query; then nothing is to be freed.
 */
const char *promc_names_read(struct promc_names *names, const char *query, const promc_exposition_field *decoded);
void promc_names_free(struct promc_names *names);

/* May a body be sent in this coding? RFC 9110, 12.5.3. A request without the field does not ask for it. */
bool promc_accepts_coding(const promc_exposition_field *accept_encoding, const char *coding);

/* Nanoseconds, of at most an hour; 0 when `text` is NULL, is no number of seconds, or is longer. */
uint64_t promc_scrape_timeout_ns(const char *text);

/* The lines of a field as one, malloc()ed: they mean the same joined by commas (RFC 9110, 5.3). NULL: no memory. */
char *promc_field_join(const promc_exposition_field *field);

#endif
