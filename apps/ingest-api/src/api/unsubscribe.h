/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/unsubscribe.h The link in an e-mail: GET asks for confirmation, POST unsubscribes. Needs no API key. */
#ifndef INGEST_API_UNSUBSCRIBE_H
#define INGEST_API_UNSUBSCRIBE_H

struct route;
struct route *routes_unsubscribe(void);

#endif
