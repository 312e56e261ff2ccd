/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/connection.h
 * A connection: from accept to close. It reads heads and bodies off the wire, hands them to its exchange, sends the
 * answer, and does so again. All of a loop's connections are its own; nothing of them is seen from outside.
 *
 * Memory: what a request's head takes, at most MAX_HEADER_BYTES and one, and for a chunked body 32 KiB more while it is
 * read; an idle connection keeps 4 KiB, once it has sent something, and its struct of 2 KiB.
 */
#ifndef INGEST_HTTP_CONNECTION_H
#define INGEST_HTTP_CONNECTION_H

#include "http/loop.h"

/** What a loop of HTTP connections calls. */
extern const struct loop_owner connection_owner;

#endif
