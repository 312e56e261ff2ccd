/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the parts of an HTTP request that select formats and families. Pure functions on untrusted bytes. */
#ifndef PROMC_EXPOSE_REQUEST_H
#define PROMC_EXPOSE_REQUEST_H

#include <promc/exposition.h>

/* The names of the requested families. */
struct promc_wanted {
    const char **names; /* in one allocation with their text; NULL: none */
    size_t count;
};

/*
 * The name[] parameters of a query, and the values that the server has decoded.
 * @return NULL, or an error text; then nothing needs to be freed.
 */
const char *promc_names_read(struct promc_wanted *names, const char *query, const promc_exposition_field *decoded);
void promc_names_free(struct promc_wanted *names);

/* May a body be sent in this coding? RFC 9110, 12.5.3. A request without the field does not ask for it. */
bool promc_accepts_coding(const promc_exposition_field *accept_encoding, const char *coding);

/* Nanoseconds, at most an hour; 0 if `text` is NULL, not a number of seconds, or larger. */
uint64_t promc_scrape_timeout_ns(const char *text);

/* The lines of a field joined by commas, which has the same meaning (RFC 9110, 5.3); malloc()ed. NULL: no memory. */
char *promc_field_join(const promc_exposition_field *field);

#endif
