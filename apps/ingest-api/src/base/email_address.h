/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/email_address.h
 * Checks of an e-mail address without asking a server. Pure functions, thread safe.
 */
#ifndef INGEST_BASE_EMAIL_ADDRESS_H
#define INGEST_BASE_EMAIL_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Longest address that fits an SMTP path (RFC 5321 section 4.5.3.1.3, less the angle brackets). */
#define EMAIL_ADDRESS_MAX 254

/**
 * Is it in the usable subset of RFC 5321: a dot-atom of at most 64 bytes, '@', and a host name of two or more labels
 * (letters, digits, inner hyphens; the last not all digits)? ASCII only: international domains as punycode. No quoted
 * local parts, no address literals.
 */
bool email_address_valid(const char *address, size_t length);

/**
 * Does it make sense to send to this (valid, lower-case) address? @return NULL if yes, else the reason:
 * reserved_domain, disposable_domain, no_reply_address.
 */
const char *email_address_unusable(const char *address);

/** A hash of an address for tables, case-insensitive; never 0. */
uint64_t email_address_hash(const char *address, size_t length);

/** The part after the '@'. */
const char *email_address_domain(const char *address);
/** Is it a public mailbox provider (gmail.com …), so that the domain says nothing about the company? Lower case. */
bool email_domain_free(const char *domain);
/** Must the address get no e-mail, because abuse or network staff (RFC 2142) or a program reads it? Lower case. */
bool email_address_never(const char *address);
/** Is it the address of a role and not of a person: info@, sales@ …? Lower case. */
bool email_address_role(const char *address);

#endif
