/* SPDX-License-Identifier: Apache-2.0 */
/* A strict parser of text expositions, for tests only: it keeps every sample and refuses what a scraper might tolerate. */
#ifndef PROMC_TESTKIT_EXPOSITION_H
#define PROMC_TESTKIT_EXPOSITION_H

#include "model.h"

/*
 * exposition_read() checks each line, exposition_parse() also across lines (check_groups.h, check_histograms.h).
 * @return 0, PROMC_E_INVALID (fault holds `line N: what`) or PROMC_E_NOMEM. Free in every case.
 */
int exposition_read(struct exposition *out, const char *text, size_t length, enum promc_format format, char *fault,
                    size_t fault_size);
int exposition_parse(struct exposition *out, const char *text, size_t length, enum promc_format format, char *fault,
                     size_t fault_size);

#endif
