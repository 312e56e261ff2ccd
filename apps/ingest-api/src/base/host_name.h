/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/host_name.h The name that this host gives to a mail server (RFC 5321 section 4.1.3). */
#ifndef INGEST_BASE_HOST_NAME_H
#define INGEST_BASE_HOST_NAME_H

#define HOST_NAME_SIZE 256

/** The fully qualified name, else "[192.0.2.1]" or "[IPv6:2001:db8::1]". May ask DNS: call it at the start. */
void host_name(char out[HOST_NAME_SIZE]);

#endif
