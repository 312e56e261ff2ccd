/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file text.h
 * What the two text syntaxes share. They differ in the head, in how bounds are spelt, and in the lines that only OpenMetrics has.
 */
#ifndef PROMC_EXPOSE_TEXT_H
#define PROMC_EXPOSE_TEXT_H

#include "expose/encoder.h"

/**
 * Prepare leads and tails of encoder->family behind whatever head is in text.prepared already, and set what lines a series has.
 * @param name  the escaped name that the suffixes are appended to.
 */
int promc_text_prepare_lines(struct promc_encoder *encoder, promc_str name);

/** Append a name as HELP, TYPE and UNIT want it: quoted where it is outside the classic grammar. */
void promc_text_append_name(struct promc_encoder *encoder, promc_str name);

/**
 * The family's sample name under the scrape's escaping. @param scratch where it is made if it differs; freed by the caller.
 */
promc_str promc_text_escaped_name(const struct promc_encoder *encoder, promc_str name, struct promc_bytes *scratch);

int promc_text_begin_series(struct promc_encoder *encoder);
char *promc_text_put(struct promc_encoder *encoder, char *out, const char *end);

#endif
