/* SPDX-License-Identifier: Apache-2.0 */
/* The response to a request. */
#ifndef PROMC_EXPORTER_ANSWER_H
#define PROMC_EXPORTER_ANSWER_H

#include "connection.h"

/* Begin the response to connection->request; then its next bytes into connection->out. */
void promc_answer_begin(struct promc_connection *connection);
/* The response to an unreadable head. It closes the connection. */
void promc_answer_refuse(struct promc_connection *connection, unsigned status, const char *why);
/* @return false: complete, or `cut`. */
bool promc_answer_more(struct promc_connection *connection);
/* Release the response's resources. */
void promc_answer_end(struct promc_connection *connection);

#endif
