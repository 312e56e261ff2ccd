/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mail/template.h
 * Renders the templates of campaigns: text with {{field}} in it.
 *
 *   Hello {{ first_name }}, how is {{company}}?      blanks inside the braces are ignored
 *   {{Job-Title}} is {{job_title}}                   names are letters, digits, '_', '-', '.', compared as
 *                                                    field_name_normalise() makes them
 *   {{first_name | default: "there"}}                the text if the field is missing or empty; the only filter
 *   \{{ is a literal {{ and \\{{x}} is a backslash before the field x; any other backslash is itself
 *
 * Values are inserted unchanged: braces inside a value have no meaning. Pure functions, thread safe, O(length).
 */
#ifndef INGEST_MAIL_TEMPLATE_H
#define INGEST_MAIL_TEMPLATE_H

#include "base/field_name.h"

#include <stdbool.h>

/** Most bytes of a rendered text. */
#define TEMPLATE_MAX_OUTPUT (256u * 1024)

enum template_result {
    TEMPLATE_OK = 0,
    TEMPLATE_E_SYNTAX = -1,  /**< fault.line, fault.column, fault.reason */
    TEMPLATE_E_MISSING = -2, /**< fault.name has no value, or an empty one */
    TEMPLATE_E_TOO_LONG = -3,
    TEMPLATE_E_NOMEM = -4
};

struct template_fault {
    unsigned long line, column; /**< from 1; column in bytes */
    char name[FIELD_NAME_MAX + 1];
    const char *reason; /**< a short sentence */
};

/**
 * Is the template well formed? For a campaign that is saved, so stricter than rendering: templates from before this
 * check may have blanks in names. @return TEMPLATE_OK or TEMPLATE_E_SYNTAX.
 */
int template_check(const char *text, struct template_fault *fault);

/** The value of a field (normalised name), or NULL. Must stay valid until template_render() returns. */
typedef const char *(*template_lookup)(void *arg, const char *name);

/** Called for each occurrence of a field (normalised name). */
typedef void (*template_field)(void *arg, const char *name, bool has_default);
/** Call `each` for all fields of a well-formed template. */
void template_fields(const char *text, template_field each, void *arg);

/** Render. *out is malloc()ed and NUL-terminated; NULL on error. */
int template_render(const char *text, template_lookup lookup, void *arg, char **out, struct template_fault *fault);

#endif
