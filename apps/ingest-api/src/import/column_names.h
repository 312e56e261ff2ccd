/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/column_names.h
 * Maps column names to our fields: those of exports of HubSpot, Salesforce, Mailchimp, Pipedrive, LinkedIn, Google
 * Contacts, Outlook, Thunderbird, Apollo and similar programs, and of sheets in many languages. Names are compared by a
 * key: letters and digits only, in lower case, Latin letters without diacritics. Pure functions.
 */
#ifndef INGEST_IMPORT_COLUMN_NAMES_H
#define INGEST_IMPORT_COLUMN_NAMES_H

#include "data/prospects.h"

/** How well a name matches a field; of two columns the lower rank wins. */
enum column_rank {
    COLUMN_EXACT = 0,       /**< first_name */
    COLUMN_ALIKE = 1,       /**< FirstName */
    COLUMN_KNOWN = 2,       /**< and up, in order of preference: Given Name */
    COLUMN_REDUCED = 100000 /**< and up: Contact Given Name */
};

/** @param name normalised (field_name_normalise). @return the enum prospect_field, or -1: not a known column. */
int column_name_field(const char *name, size_t length, unsigned *rank);

/** The same, but only our own field names in any spelling: COLUMN_EXACT and COLUMN_ALIKE. */
int column_name_own(const char *name, size_t length, unsigned *rank);

#endif
