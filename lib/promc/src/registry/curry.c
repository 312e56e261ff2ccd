/* SPDX-License-Identifier: Apache-2.0 */
#include <promc/curry.h>

#include "series/family.h"

#include <stdlib.h>
#include <string.h>

struct promc_curry {
    promc_family *family;
    unsigned left;
    const char *values[PROMC_LABELS_MOST]; /* NULL: given at each call */
    char text[];                           /* the values' copies */
};

static int label_index(const promc_family *family, const char *name)
{
    for (unsigned i = 0; name && i < family->label_count; i++)
        if (strcmp(promc_at(&family->registry->arena, promc_labels_of(family->data)[i].name.ref), name) == 0)
            return (int)i;
    return promc_fail(PROMC_E_LABEL_NAME, "metric \"%s\" has no label \"%s\"", promc_name_of(family),
                      name ? name : "(null)");
}

static int fix(promc_curry *curry, const promc_label *label, char **text)
{
    int index = label_index(curry->family, label->name);
    if (index < 0)
        return index;
    if (curry->values[index])
        return promc_fail(PROMC_E_LABEL_NAME, "metric \"%s\": label \"%s\" is fixed twice",
                          promc_name_of(curry->family), label->name);
    size_t bytes = strlen(label->value) + 1;
    curry->values[index] = memcpy(*text, label->value, bytes);
    *text += bytes;
    curry->left--;
    return 0;
}

int promc_curry_make(promc_curry **out, promc_family *family, const promc_label *fixed, size_t count)
{
    size_t bytes = 0;
    *out = NULL;
    if (!family || (!fixed && count > 0))
        return promc_fail(PROMC_E_INVALID, "a curry needs a metric family and labels");
    for (size_t i = 0; i < count; i++) {
        if (!fixed[i].value)
            return promc_fail(PROMC_E_LABEL_VALUE, "metric \"%s\": a fixed label has no value", promc_name_of(family));
        bytes += strlen(fixed[i].value) + 1;
    }
    promc_curry *curry = calloc(1, sizeof(*curry) + bytes);
    if (!curry)
        return promc_fail(PROMC_E_NOMEM, "metric \"%s\": out of memory", promc_name_of(family));
    curry->family = family;
    curry->left = family->label_count;
    char *text = curry->text;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = fix(curry, &fixed[i], &text);
    if (rc < 0)
        free(curry);
    else
        *out = curry;
    return rc;
}

void promc_curry_free(promc_curry *curry)
{
    free(curry);
}

size_t promc_curry_labels_left(const promc_curry *curry)
{
    return curry ? curry->left : 0;
}

static int expand(const promc_curry *curry, const char *const *rest, const char **full)
{
    if (!curry)
        return promc_fail(PROMC_E_INVALID, "no curry given (did its creation fail?)");
    if (curry->left > 0 && !rest)
        return promc_fail(PROMC_E_LABEL_VALUE, "metric \"%s\": label values are missing", promc_name_of(curry->family));
    for (unsigned i = 0; i < curry->family->label_count; i++)
        full[i] = curry->values[i] ? curry->values[i] : *rest++;
    return 0;
}

int promc_curry_counter(const promc_curry *curry, const char *const *rest, promc_counter *out)
{
    const char *full[PROMC_LABELS_MOST];
    *out = (promc_counter){0};
    int rc = expand(curry, rest, full);
    return rc < 0 ? rc : promc_counter_get(curry->family, full, out);
}

int promc_curry_gauge(const promc_curry *curry, const char *const *rest, promc_gauge *out)
{
    const char *full[PROMC_LABELS_MOST];
    *out = (promc_gauge){0};
    int rc = expand(curry, rest, full);
    return rc < 0 ? rc : promc_gauge_get(curry->family, full, out);
}

int promc_curry_updown(const promc_curry *curry, const char *const *rest, promc_updown *out)
{
    const char *full[PROMC_LABELS_MOST];
    *out = (promc_updown){0};
    int rc = expand(curry, rest, full);
    return rc < 0 ? rc : promc_updown_get(curry->family, full, out);
}

int promc_curry_summary(const promc_curry *curry, const char *const *rest, promc_summary *out)
{
    const char *full[PROMC_LABELS_MOST];
    *out = (promc_summary){0};
    int rc = expand(curry, rest, full);
    return rc < 0 ? rc : promc_summary_get(curry->family, full, out);
}

int promc_curry_histogram(const promc_curry *curry, const char *const *rest, promc_histogram *out)
{
    const char *full[PROMC_LABELS_MOST];
    *out = (promc_histogram){0};
    int rc = expand(curry, rest, full);
    return rc < 0 ? rc : promc_histogram_get(curry->family, full, out);
}
