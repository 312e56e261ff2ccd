/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/template_report.h The report about a saved template: its fields, and how many prospects lack each. */
#ifndef INGEST_API_TEMPLATE_REPORT_H
#define INGEST_API_TEMPLATE_REPORT_H

#include "db/db.h"

#include <jansson.h>

/** Only this many prospects are checked, the newest ones; their share stands for all. */
#define TEMPLATE_REPORT_PROSPECTS 10000

/**
 * [{"name", "known", "default", "missing", "of"}], in order of appearance: `known` if it is a standard field or a
 * custom field of a checked prospect; `missing` of `of` have no value for it. In a read transaction. NULL: no
 * memory, or *rc has the error.
 */
json_t *template_report(struct db *db, const char *organisation_id, const char *subject_template,
                        const char *body_template, int *rc);

#endif
