/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/connection.h
 * A connection, from accept to close: it reads a head and a body, hands them to its exchange, sends the answer, and
 * begins again. A connection belongs to one loop and is used by that loop's thread only.
 *
 * Memory: the request's head, at most MAX_HEADER_BYTES + 1, and 32 KiB more while a chunked body is read. An idle
 * connection keeps its struct of 2 KiB, and 4 KiB once the client has sent something.
 */
#ifndef INGEST_HTTP_CONNECTION_H
#define INGEST_HTTP_CONNECTION_H

#include "http/loop.h"

/** The callbacks of a loop that serves HTTP. */
extern const struct loop_owner connection_owner;

#endif
