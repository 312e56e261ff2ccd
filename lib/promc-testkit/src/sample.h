/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROMC_TESTKIT_SAMPLE_H
#define PROMC_TESTKIT_SAMPLE_H

#include "reader.h"

/* `name{…} value timestamp # {…} value timestamp`. */
int read_sample(struct reader *reader);

#endif
