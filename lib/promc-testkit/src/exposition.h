/* SPDX-License-Identifier: Apache-2.0 */
/* A strict reader of text expositions, for tests only: it keeps every sample and refuses what a scraper might forgive. */
#ifndef PROMC_TESTKIT_EXPOSITION_H
#define PROMC_TESTKIT_EXPOSITION_H

#include <promc/promc.h>

/* A NUL byte inside a value stands as C0 80 (valid UTF-8 never holds it), so that values are C strings. */
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
    char *type; /* NULL where no TYPE was given */
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

/*
 * exposition_read() looks at each line, exposition_parse() also at what must hold between them (check.h).
 * @return 0, PROMC_E_INVALID (fault holds `line N: what`) or PROMC_E_NOMEM. Free in every case.
 */
int exposition_read(struct exposition *out, const char *text, size_t length, enum promc_format format, char *fault,
                    size_t fault_size);
int exposition_parse(struct exposition *out, const char *text, size_t length, enum promc_format format, char *fault,
                     size_t fault_size);
void exposition_free(struct exposition *exposition);

/* `name{a="b"} value`, labels sorted, as one malloc()ed line without a line feed. */
char *sample_text(const struct sample *sample);
const char *sample_label(const struct sample *sample, const char *name);
/* Is the family of this TYPE? */
bool family_is(const struct exposed_family *family, const char *type);

/* A growing string. Failure is remembered: look at `failed` once, at the end. */
struct report {
    char *text;
    size_t length, room;
    bool failed;
};
void report_add(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
