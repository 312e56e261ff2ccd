/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/setting_meant.h Guessing which setting a misspelt name means. */
#ifndef INGEST_BASE_SETTING_MEANT_H
#define INGEST_BASE_SETTING_MEANT_H

/**
 * The number of typing errors between `name`, which is not a setting, and `setting`: letters too many, missing, wrong, or swapped with the
 * next one. A difference in case alone counts as one.
 * @return 1, or 2 from 8 letters on; 0: it is something else. Names of fewer than 5 letters are too close to too many other words.
 * @note Pure function; O(length squared).
 */
unsigned setting_slips(const char *name, const char *setting);

#endif
