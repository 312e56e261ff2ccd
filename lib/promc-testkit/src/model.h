/* SPDX-License-Identifier: Apache-2.0 */
/* A parsed exposition: families and all their samples. */
#ifndef PROMC_TESTKIT_MODEL_H
#define PROMC_TESTKIT_MODEL_H

#include <promc/promc.h>

/* A NUL byte inside a value is stored as C0 80 (never valid UTF-8), so that values are C strings. */
struct pair {
    char *name;
    char *value; /* unescaped */
};

/* Seconds since the epoch, cut to nanoseconds; both parts have the sign. */
struct stamp {
    double seconds;
    double nanoseconds;
};

struct sample {
    char *name;
    struct pair *labels; /* sorted by name */
    size_t label_count;
    double value;
    char *value_text;
    struct stamp stamp;
    bool stamped;
    bool exemplar;
    size_t family; /* index of its family */
    size_t line;
};

struct exposed_family {
    char *name;
    char *type; /* NULL: no TYPE line */
    char *help; /* NULL: no HELP line; unescaped */
    char *unit;
    size_t samples;
    size_t line;
};

struct exposition {
    struct exposed_family *families;
    size_t family_count, family_room;
    struct sample *samples;
    size_t sample_count, sample_room;
};

void exposition_free(struct exposition *exposition);

/* `name{a="b"} value`, labels sorted, as one malloc()ed line without a line feed. */
char *sample_text(const struct sample *sample);
const char *sample_label(const struct sample *sample, const char *name);
void sample_free(struct sample *sample);

/* Is the family of this TYPE? */
bool family_is(const struct exposed_family *family, const char *type);
/* NULL: no memory. The family owns the name. */
struct exposed_family *add_family(struct exposition *out, char *name, size_t line);
/* SIZE_MAX: none. */
size_t find_family(const struct exposition *out, const char *name);

#endif
