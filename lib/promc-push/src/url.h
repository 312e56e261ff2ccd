/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROMC_PUSH_URL_H
#define PROMC_PUSH_URL_H

#include <promc-push/push.h>

/**
 * `URL/metrics/job/JOB/LABEL/VALUE…`: values percent-encoded, or, if a path element cannot have them (empty, `.`, `..`, with a slash), as
 * `LABEL@base64/…`. @return malloc()ed, or NULL: no memory.
 */
char *promc_push_url(const promc_push_settings *settings);

/** Is this a valid name of a grouping label? */
bool promc_push_is_label_name(const char *name);
bool promc_push_is_utf8(const char *text);

#endif
