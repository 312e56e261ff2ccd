/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of a family's names. Each returns 0 or an error code with promc_error_detail() naming the metric. */
#ifndef PROMC_SERIES_VALIDATE_H
#define PROMC_SERIES_VALIDATE_H

#include "series/type_ops.h"

#define PROMC_NAME_MAX 512 /* length of a metric's or label's name, suffix included */

/* A name in its two forms: "foo_total" with base_length 3. A verbatim name may be its own base. */
struct promc_names {
    char full[PROMC_NAME_MAX + 8];
    uint32_t full_length;
    uint32_t base_length;
    bool utf8;
};

/*
 * Grammar and reserved suffixes; fills *names. PROMC_E_NAME, PROMC_E_RESERVED.
 * verbatim: the suffix of its type is not added, and none is reserved (promc_family_settings).
 */
int promc_check_name(const char *name, const struct promc_type_ops *type, bool allow_utf8, bool verbatim,
                     struct promc_names *names);
/* PROMC_E_UNIT. */
int promc_check_unit(const struct promc_names *names, const struct promc_type_ops *type, const char *unit);
/*
 * Label names of a family, constant ones included. *count: of the variable ones. *utf8: one is outside the
 * classic grammar. PROMC_E_LABEL_NAME, PROMC_E_LABEL_VALUE.
 */
int promc_check_labels(const struct promc_arena *arena, const struct promc_names *names,
                       const struct promc_type_ops *type, const promc_family_settings *settings, unsigned *count,
                       unsigned *constant_count, bool *utf8);
/* A constant label on its own (the registry's). `whose` is for the error's text. */
int promc_check_constant(const char *whose, const promc_label *label, bool allow_utf8);

/*
 * Would any sample or family name of the two be the same, in any format? PROMC_E_DUPLICATE (the families' names are equal),
 * PROMC_E_RESERVED (because of a suffix), 0.
 */
int promc_check_clash(const struct promc_arena *arena, const struct promc_names *names,
                      const struct promc_type_ops *type, const struct promc_family_data *other,
                      const struct promc_type_ops *their_type);

#endif
