/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file text.h
 * The common part of the two text syntaxes. They differ in the head, in the spelling of bounds, and in lines that only OpenMetrics has.
 */
#ifndef PROMC_EXPOSE_TEXT_H
#define PROMC_EXPOSE_TEXT_H

#include "expose/encoder.h"

/**
 * Prepare leads and tails of encoder->family after the head that is already in text.prepared, and set which lines a series has.
 * @param name  the escaped name to which the suffixes are appended.
 */
int promc_text_prepare_lines(struct promc_encoder *encoder, promc_str name);

/** Append a name for HELP, TYPE and UNIT: quoted if it is outside the classic grammar. */
void promc_text_append_name(struct promc_encoder *encoder, promc_str name);

/**
 * The family's sample name in the scrape's escaping. @param scratch buffer for it if it differs; freed by the caller.
 */
promc_str promc_text_escaped_name(const struct promc_encoder *encoder, promc_str name, struct promc_bytes *scratch);

int promc_text_begin_series(struct promc_encoder *encoder);
char *promc_text_put(struct promc_encoder *encoder, char *out, const char *end);
char *promc_text_put_series(struct promc_encoder *encoder, struct promc_reading *reading, char *out, const char *end);

#endif
