/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/setting_meant.h Guesses which setting a misspelt name means. */
#ifndef INGEST_BASE_SETTING_MEANT_H
#define INGEST_BASE_SETTING_MEANT_H

/**
 * The number of typing errors between `name`, which is not a setting, and `setting`: letters that are missing, wrong,
 * too many, or swapped with the next one. A difference only in case counts as one error.
 * @return 1, or 2 if the name has 8 letters or more; 0: it means something else, or has fewer than 5 letters, which are
 *         too similar to too many words.
 * @note Pure function; O(length squared).
 */
unsigned setting_slips(const char *name, const char *setting);

#endif
