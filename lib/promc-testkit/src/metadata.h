/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROMC_TESTKIT_METADATA_H
#define PROMC_TESTKIT_METADATA_H

#include "reader.h"

/* `# HELP name text`, `# TYPE name type`, `# UNIT name unit`, the cursor after `# `. */
int read_metadata(struct reader *reader);

#endif
