/* SPDX-License-Identifier: Apache-2.0 */
/** @file http/tcp_sent.h */
#ifndef INGEST_HTTP_TCP_SENT_H
#define INGEST_HTTP_TCP_SENT_H

#include <stdint.h>

/** Bytes of payload a TCP socket has sent since it was connected; 0 also when the kernel (before 4.19) does not say. */
uint64_t tcp_bytes_sent(int fd);

#endif
