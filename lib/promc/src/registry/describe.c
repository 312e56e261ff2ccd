/* SPDX-License-Identifier: Apache-2.0 */
#include <promc/describe.h>

#include "arena/atomic.h"
#include "registry/registry_internal.h"
#include "registry/validate.h"
#include "types/window.h"

/* Texts in the arena end with a NUL; one that is absent has no place there. */
static const char *text_of(const promc_family *family, struct promc_text text)
{
    return text.length > 0 ? promc_at(&family->registry->arena, text.ref) : "";
}

void promc_family_describe(const promc_family *family, promc_family_description *out)
{
    const struct promc_family_data *data = family->data;
    *out = (promc_family_description){
        .name = text_of(family, data->name),
        .help = text_of(family, data->help),
        .unit = text_of(family, data->unit),
        .type = (enum promc_type)data->type,
        .type_name = promc_type_name((enum promc_type)data->type),
        .label_count = data->label_count,
        .max_series = data->max_series,
        .idle_expiry_seconds = data->idle_expiry_seconds,
    };
    if (data->type == PROMC_HISTOGRAM) {
        out->buckets = data->bounds;
        out->bucket_count = data->bound_count;
    } else if (data->type == PROMC_SUMMARY) {
        const struct promc_summary_data *summary = promc_summary_data(&family->registry->arena, data);
        out->quantiles = summary->quantiles;
        out->quantile_count = summary->quantile_count;
        out->quantile_error = summary->error;
        out->max_age_seconds = summary->max_age_seconds;
    }
    for (size_t i = 0; i < data->label_count; i++)
        out->labels[i] = text_of(family, data->label_names[i]);
}

promc_family *promc_family_next(promc_registry *registry, const promc_family *previous)
{
    if (!registry)
        return NULL;
    bool hide = registry->arena.header->flags & PROMC_ARENA_HIDE_SELF;
    promc_family *family = previous ? previous->next : promc_load_acquire(&registry->families);
    while (family && hide && (family->data->flags & PROMC_FAMILY_SELF))
        family = family->next;
    return family;
}
