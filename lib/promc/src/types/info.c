/* SPDX-License-Identifier: Apache-2.0 */
#include <promc/info.h>

#include "arena/lock.h"
#include "series/lookup.h"
#include "series/refused.h"
#include "series/remove.h"
#include "shard/shard.h"

#include <stdlib.h>
#include <string.h>

static int check_type(const promc_family *family, enum promc_type type, const char *what)
{
    if (!family)
        return promc_fail(PROMC_E_INVALID, "no metric family given (did its registration fail?)");
    return promc_family_expect(family, type, what);
}

static void put_value(promc_series_ref ref, double value)
{
    const struct promc_child *child = promc_series_child(ref);
    if (!child)
        return;
    struct promc_child_value *place = promc_child_value(child);
    promc_store(&place->bits, promc_double_bits(value));
    promc_child_value_changed(place);
}

int promc_info_register(promc_registry *registry, const promc_family_settings *settings, promc_family **out)
{
    promc_family *family;
    if (out)
        *out = NULL;
    int rc = promc_family_create(registry, &(struct promc_family_plan){.row = PROMC_ROW_INFO, .settings = settings},
                                 &family);
    if (rc < 0)
        return rc;
    if (out)
        *out = family;
    return family->label_count == 0 ? promc_info_add(family, NULL) : 0;
}

int promc_info_add(promc_family *family, const char *const *values)
{
    promc_series_ref ref = {0};
    int rc = check_type(family, PROMC_INFO, "an info");
    if (rc == 0)
        rc = promc_series_get(family, values, &ref);
    if (rc == 0)
        put_value(ref, 1);
    return rc;
}

static void remove_all_but(promc_family *family, const struct promc_child *keep)
{
    promc_registry *registry = family->registry;
    struct promc_child *child = NULL;
    promc_registry_lock(registry);
    while ((child = promc_child_after(&registry->arena, family->data, child)))
        if (child != keep)
            (void)promc_child_remove(registry, family->data, child);
    promc_registry_unlock(registry);
}

/* If the family is at its cap, the new series must not become the overflow series, which would stay: remove the old ones first. */
static void make_room(promc_family *family, const char *const *values)
{
    promc_registry *registry = family->registry;
    promc_str strs[PROMC_LABELS_MOST];
    if (promc_load(&family->data->series) < family->data->max_series)
        return;
    for (unsigned i = 0; i < family->label_count; i++) {
        if (!values || !values[i])
            return; /* the lookup refuses them */
        strs[i] = (promc_str){values[i], strlen(values[i])};
    }
    promc_registry_lock(registry);
    promc_values_repair(registry, strs, family->label_count, strs, registry->scratch);
    const struct promc_child *there = promc_series_find(family, strs);
    promc_registry_unlock(registry);
    remove_all_but(family, there);
}

int promc_info_set(promc_family *family, const char *const *values)
{
    promc_series_ref ref = {0};
    int rc = check_type(family, PROMC_INFO, "an info");
    if (rc == 0) {
        make_room(family, values);
        rc = promc_series_get(family, values, &ref);
    }
    if (rc < 0)
        return rc;
    put_value(ref, 1);
    remove_all_but(family, promc_series_block(ref));
    return 0;
}

static int check_states(const char *name, const char *const *states, size_t count)
{
    if (!states || count == 0 || count > PROMC_MAX_STATES)
        return promc_fail(PROMC_E_INVALID, "stateset \"%s\": %zu states, 1 to %d are allowed", name, count,
                          PROMC_MAX_STATES);
    for (size_t i = 0; i < count; i++) {
        if (!states[i] || !*states[i])
            return promc_fail(PROMC_E_INVALID, "stateset \"%s\": state %zu has no name", name, i);
        for (size_t j = 0; j < i; j++)
            if (strcmp(states[i], states[j]) == 0)
                return promc_fail(PROMC_E_INVALID, "stateset \"%s\": state \"%s\" is repeated", name, states[i]);
    }
    return 0;
}

/* Ended by NULL, in one allocation; freed with the family. */
static char **copy_states(const char *const *states, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(states[i]) + 1;
    char **copy = malloc((count + 1) * sizeof(*copy) + bytes), *text = (char *)(copy + count + 1);
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = text;
        text = stpcpy(text, states[i]) + 1;
    }
    if (copy)
        copy[count] = NULL;
    return copy;
}

/* The label values of a state's series, except the last one, which is the state. */
static int label_values(const promc_family *family, const char *const *values, const char *full[PROMC_LABELS_MOST])
{
    unsigned others = family->label_count - 1u;
    if (others > 0 && !values)
        return promc_fail(PROMC_E_LABEL_VALUE, "metric \"%s\": label values are missing", promc_name_of(family));
    if (others > 0)
        memcpy(full, values, others * sizeof(*full));
    return 0;
}

/* Switch `selected` (an index) on and then the other states of this label set off; -1: all off. */
static int set_all(promc_family *family, const char *const *values, long selected)
{
    const char *full[PROMC_LABELS_MOST];
    promc_series_ref ref = {0};
    int rc = label_values(family, values, full);
    if (rc < 0)
        return rc;
    for (int on = 1; on >= 0; on--) {
        for (long i = 0; family->states[i]; i++) {
            if ((i == selected) != on)
                continue;
            full[family->label_count - 1] = family->states[i];
            rc = promc_series_get(family, full, &ref);
            if (rc < 0)
                return rc;
            put_value(ref, on);
        }
    }
    return 0;
}

static bool same_states(char *const *a, char *const *b)
{
    while (*a && *b && strcmp(*a, *b) == 0) {
        a++;
        b++;
    }
    return !*a && !*b;
}

int promc_stateset_register(promc_registry *registry, const promc_family_settings *settings, const char *const *states,
                            size_t state_count, promc_family **out)
{
    if (out)
        *out = NULL;
    if (!settings || !settings->name)
        return promc_fail(PROMC_E_NAME, "the stateset has no name");
    int rc = check_states(settings->name, states, state_count);
    if (rc < 0)
        return rc;
    /* The label has the metric's name, but a label's name must not contain a colon. */
    if (strchr(settings->name, ':'))
        return promc_fail(PROMC_E_LABEL_NAME,
                          "stateset \"%s\": the name is also used as a label name, so it must not contain a colon",
                          settings->name);
    promc_family_settings with_state = *settings;
    const char *names[PROMC_LABELS_MOST + 1] = {NULL}, *name;
    unsigned labels = 0;
    while ((name = promc_label_wanted(settings, labels))) {
        if (labels + 1 == PROMC_LABELS_MOST)
            return promc_fail(PROMC_E_LABEL_COUNT, "stateset \"%s\": no room for the state's own label",
                              settings->name);
        names[labels++] = name;
    }
    names[labels] = settings->name;
    if (!settings->label_list) /* keep both if both are set: the registration then refuses them, as for other types */
        memset(with_state.labels, 0, sizeof(with_state.labels));
    with_state.label_list = names;
    char **copy = copy_states(states, state_count);
    if (!copy)
        return promc_fail(PROMC_E_NOMEM, "stateset \"%s\": out of memory", settings->name);
    promc_family *family;
    rc = promc_family_create(registry, &(struct promc_family_plan){.row = PROMC_ROW_STATESET, .settings = &with_state},
                             &family);
    if (rc < 0) {
        free(copy);
        return rc;
    }
    bool there = family->states != NULL;
    if (there && !same_states(family->states, copy))
        rc = promc_fail(PROMC_E_DUPLICATE, "metric \"%s\" is already registered with other states", settings->name);
    if (there)
        free(copy);
    else
        family->states = copy;
    if (rc < 0)
        return rc;
    if (out)
        *out = family;
    return labels == 0 && !there ? set_all(family, NULL, -1) : 0;
}

static int state_index(const promc_family *family, const char *state, long *index)
{
    for (*index = 0; state && family->states[*index]; ++*index)
        if (strcmp(family->states[*index], state) == 0)
            return 0;
    return promc_fail(PROMC_E_NOT_FOUND, "stateset \"%s\" has no state \"%s\"", promc_name_of(family),
                      state ? state : "(null)");
}

int promc_stateset_set(promc_family *family, const char *const *values, const char *state, bool on)
{
    long index = 0;
    const char *full[PROMC_LABELS_MOST];
    promc_series_ref ref = {0};
    int rc = check_type(family, PROMC_STATESET, "a stateset");
    if (rc == 0)
        rc = state_index(family, state, &index);
    if (rc == 0)
        rc = label_values(family, values, full);
    /* A label set shows all its states: create the others, at 0, together with the first. */
    for (long i = 0; rc == 0 && family->states[i]; i++) {
        full[family->label_count - 1] = family->states[i];
        rc = promc_series_get(family, full, &ref);
        if (rc == 0 && i == index)
            put_value(ref, on);
    }
    return rc;
}

int promc_stateset_select(promc_family *family, const char *const *values, const char *state)
{
    long index = 0;
    int rc = check_type(family, PROMC_STATESET, "a stateset");
    if (rc == 0)
        rc = state_index(family, state, &index);
    return rc < 0 ? rc : set_all(family, values, index);
}

int promc_untyped_register(promc_registry *registry, const promc_family_settings *settings, promc_family **out)
{
    return promc_family_create(registry, &(struct promc_family_plan){.row = PROMC_ROW_UNTYPED, .settings = settings},
                               out);
}
