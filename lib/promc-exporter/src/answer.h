/* SPDX-License-Identifier: Apache-2.0 */
/* What a request is answered with. */
#ifndef PROMC_EXPORTER_ANSWER_H
#define PROMC_EXPORTER_ANSWER_H

#include "connection.h"

/* Begin the answer to connection->request; then its next bytes into connection->out. */
void promc_answer_begin(struct promc_connection *connection);
/* For a head that cannot be read. The connection ends with it. */
void promc_answer_refuse(struct promc_connection *connection, unsigned status, const char *why);
/* @return false: all is said, or `cut`. */
bool promc_answer_more(struct promc_connection *connection);
/* Give back what the answer holds. */
void promc_answer_end(struct promc_connection *connection);

#endif
