/* SPDX-License-Identifier: Apache-2.0 */
#include <promc/describe.h>

#include "base/atomic.h"
#include "base/version.h"
#include "types/values.h"

/* Texts in the arena are NUL-terminated; a missing text has offset 0. */
static const char *text_of(const promc_family *family, struct promc_text text)
{
    return text.length > 0 ? promc_at(&family->registry->arena, text.ref) : "";
}

int promc_family_describe(const promc_family *family, promc_family_description *out, size_t size)
{
    const struct promc_family_data *data = family->data;
    const struct promc_type_ops *ops = promc_ops_of(family->registry, data);
    promc_family_description described = {
        .name = text_of(family, data->name),
        .help = text_of(family, data->help),
        .unit = text_of(family, data->unit),
        .type = (enum promc_type)data->type,
        .type_name = ops->name,
        .label_count = data->label_count,
        .max_series = data->max_series,
        .idle_expiry_seconds = data->idle_expiry_seconds,
        .birth_zero_seconds = data->birth_zero_seconds,
        .cap_label = data->cap_label ? text_of(family, promc_labels_of(data)[data->cap_label - 1].name) : NULL,
    };
    struct promc_family_view view = {0};
    if (ops->view)
        ops->view(&family->registry->arena, data, &view);
    described.buckets = view.bounds;
    described.bucket_count = view.bound_count;
    described.native = view.native;
    described.quantiles = view.quantiles;
    described.quantile_count = view.quantile_count;
    described.quantile_error = view.summary ? view.summary->error : 0;
    described.max_age_seconds = view.summary ? view.summary->max_age_seconds : 0;
    for (size_t i = 0; i < PROMC_MAX_LABELS; i++)
        described.labels[i] = promc_family_label(family, i);
    return promc_hand_out("promc_family_description", out, size, &described, sizeof(described),
                          PROMC_BYTES_TO(promc_family_description, cap_label));
}

const char *promc_family_label(const promc_family *family, size_t i)
{
    return i < family->data->label_count ? text_of(family, promc_labels_of(family->data)[i].name) : NULL;
}

promc_family *promc_family_next(promc_registry *registry, const promc_family *previous)
{
    if (!registry)
        return NULL;
    bool hide = registry->arena.header->flags & PROMC_ARENA_HIDE_SELF;
    promc_family *family = promc_load_acquire(previous ? &previous->next : &registry->families);
    while (family && hide && (promc_load(&family->data->flags) & PROMC_FAMILY_SELF))
        family = promc_load_acquire(&family->next);
    return family;
}
