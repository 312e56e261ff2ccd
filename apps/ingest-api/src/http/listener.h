/* SPDX-License-Identifier: Apache-2.0 */
/** @file http/listener.h Listening sockets. */
#ifndef INGEST_HTTP_LISTENER_H
#define INGEST_HTTP_LISTENER_H

#include <stddef.h>
#include <stdint.h>

/**
 * Open `count` listening sockets on one address and port (SO_REUSEPORT: the kernel spreads connections over them).
 * Fails if another process has the port, even one that would share it.
 * @param host a numeric address or a name. @param[out] fds `count` sockets.
 * @return 0, or -1 after one clear line in the log; then no socket is open.
 */
int listener_open(const char *host, uint16_t port, int *fds, size_t count);

/** Raise the limit on open files to what the system allows. @return the limit. */
unsigned long listener_raise_file_limit(void);

#endif
