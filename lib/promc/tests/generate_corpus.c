/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes registries of random families with hostile names, labels and values from a seed; for tests/test_exposition_corpus.py.
 *
 *     generate-corpus SEED COUNT [DIRECTORY]
 *
 * For registry i it writes the operations to DIRECTORY/i.ops, one JSON object per line (bytes as \u00XX, doubles in hexadecimal), and
 * the expositions to i.text, i.openmetrics and i.protobuf. Before that it checks both text formats in every escaping with the testkit's
 * strict parser, and reads each format in slices of random sizes, which must give the same bytes. On a fault it prints the seed and the
 * registry on standard error, and exits with status 1.
 */
#include "corpus_random.h"

#include <promc/testkit.h>
#include <stdlib.h>

#define VALUE_ROOM 65537
#define LABELS_MOST 4

struct generator {
    struct random random;
    uint64_t seed;
    unsigned index; /* of the registry */
    promc_registry *registry;
    const char *directory;
    FILE *ops;
    bool utf8;
    unsigned families; /* registered so far */
    char *values[LABELS_MOST];
    promc_str strs[LABELS_MOST];
};

static void fault(const struct generator *g, const char *what, const char *detail)
{
    fprintf(stderr, "generate-corpus %llu: registry %u: %s: %s\n", (unsigned long long)g->seed, g->index, what, detail);
    exit(1);
}

static void expect(const struct generator *g, int rc, const char *what)
{
    if (rc < 0)
        fault(g, what, promc_error_detail());
}

/* ---- the log of operations ---- */

static void log_bytes(FILE *out, const char *data, size_t length)
{
    fputc('"', out);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void log_text(FILE *out, const char *key, const char *text)
{
    fprintf(out, ", \"%s\": ", key);
    log_bytes(out, text ? text : "", text ? strlen(text) : 0);
}

static void log_pairs(FILE *out, const char *key, const promc_label *pairs, size_t count)
{
    fprintf(out, ", \"%s\": [", key);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ", [" : "[", out);
        log_bytes(out, pairs[i].name, strlen(pairs[i].name));
        fputs(", ", out);
        log_bytes(out, pairs[i].value, strlen(pairs[i].value));
        fputc(']', out);
    }
    fputc(']', out);
}

static void log_doubles(FILE *out, const char *key, const double *values, size_t count)
{
    fprintf(out, ", \"%s\": [", key);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s\"%a\"", i ? ", " : "", values[i]);
    fputc(']', out);
}

static void log_names(FILE *out, const char *key, const char *const *names, size_t count)
{
    fprintf(out, ", \"%s\": [", key);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ", " : "", out);
        log_bytes(out, names[i], strlen(names[i]));
    }
    fputc(']', out);
}

static void log_update(const struct generator *g, const char *kind, size_t labels, double value)
{
    fprintf(g->ops, "{\"op\": \"%s\", \"family\": %u, \"values\": [", kind, g->families - 1);
    for (size_t i = 0; i < labels; i++) {
        fputs(i ? ", " : "", g->ops);
        log_bytes(g->ops, g->strs[i].data, g->strs[i].length);
    }
    fprintf(g->ops, "], \"x\": \"%a\"}\n", value);
}

/* ---- a family ---- */

enum kind {
    COUNTER,
    GAUGE,
    UPDOWN,
    HISTOGRAM,
    SUMMARY,
    INFO,
    STATESET,
    UNTYPED,
    COUNTER_CALLBACK,
    GAUGE_CALLBACK,
    KINDS
};

static const char *const kind_names[KINDS] = {"counter", "gauge",    "updown",  "histogram", "summary",
                                              "info",    "stateset", "untyped", "counter",   "gauge"};

/* A family that is being created and used. */
struct subject {
    enum kind kind;
    char name[600];
    char help[300];
    promc_family_settings settings;
    promc_label constants[3];
    size_t constant_count, labels, bound_count, quantile_count, state_count;
    double bounds[PROMC_MAX_BUCKETS], quantiles[PROMC_MAX_QUANTILES];
    const char *states[5];
    enum promc_histogram_kind histogram;
    double growth; /* of native buckets */
    promc_family *family;
};

static const char *const state_names[] = {"on", "off", "\"half\"\n", "zażółć", "a,b"};

static void draw_bounds(struct generator *g, struct subject *s)
{
    static const double starts[] = {0.001, 1, -10, 0, 1e-300, 1e6};
    double bound = PICK(&g->random, starts);
    s->bound_count = one_in(&g->random, 20) ? PROMC_MAX_BUCKETS : 1 + below(&g->random, 12);
    for (size_t i = 0; i < s->bound_count; i++) {
        s->bounds[i] = bound;
        bound += (fabs(bound) + 1e-9) * (0.1 + (double)below(&g->random, 100) / 30);
    }
}

static void draw_quantiles(struct generator *g, struct subject *s)
{
    static const double usual[] = {0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1};
    unsigned start = below(&g->random, 4);
    s->quantile_count = below(&g->random, 7);
    for (size_t i = 0; i < s->quantile_count; i++)
        s->quantiles[i] = usual[start + i];
}

static void draw_native(struct generator *g, struct subject *s)
{
    static const double growths[] = {0, 0, 2, 1.003, 65536};
    if (!one_in(&g->random, 3))
        s->histogram = (enum promc_histogram_kind)(1 + below(&g->random, 2));
    s->growth = PICK(&g->random, growths);
}

static void draw_subject(struct generator *g, struct subject *s)
{
    static const char *const constants[] = {"zone", "c d", "żółw", "le", "shard"};
    memset(s, 0, sizeof(*s));
    s->kind = (enum kind)below(&g->random, KINDS);
    draw_metric_name(&g->random, g->index, g->utf8, s->name, sizeof(s->name));
    draw_value(&g->random, s->help, 200, false);
    s->settings = (promc_family_settings){.name = s->name, .help = s->help};
    if (one_in(&g->random, 10))
        s->settings.unit = "seconds"; /* usually refused */
    else if (strstr(s->name, "_bytes") == s->name + strlen(s->name) - 6 && s->kind != INFO && s->kind != STATESET)
        s->settings.unit = "bytes";
    s->labels = below(&g->random, LABELS_MOST);
    for (size_t i = 0; i < s->labels; i++)
        s->settings.labels[i] = draw_word(&g->random, g->utf8);
    if (one_in(&g->random, 4)) {
        s->constants[0] = (promc_label){PICK(&g->random, constants), state_names[below(&g->random, 5)]};
        s->constant_count = 1;
        s->settings.constant_labels = s->constants;
    }
    draw_bounds(g, s);
    draw_quantiles(g, s);
    draw_native(g, s);
    s->state_count = 1 + below(&g->random, 5);
    for (size_t i = 0; i < s->state_count; i++)
        s->states[i] = state_names[i];
}

static int register_subject(struct generator *g, struct subject *s)
{
    promc_registry *r = g->registry;
    switch (s->kind) {
    case COUNTER:
        return promc_counter_register(r, &s->settings, &s->family);
    case GAUGE:
        return promc_gauge_register(r, &s->settings, &s->family);
    case UPDOWN:
        return promc_updown_register(r, &s->settings, &s->family);
    case HISTOGRAM:
        return promc_histogram_register(r,
                                        &(promc_histogram_settings){.family = s->settings,
                                                                    .buckets = s->bounds,
                                                                    .bucket_count = s->bound_count,
                                                                    .kind = s->histogram,
                                                                    .native = {.growth = s->growth}},
                                        &s->family);
    case SUMMARY:
        return promc_summary_register(
            r,
            &(promc_summary_settings){.family = s->settings,
                                      .quantiles = s->quantile_count > 0 ? s->quantiles : promc_no_quantiles,
                                      .quantile_count = s->quantile_count,
                                      .max_age_seconds = 86400},
            &s->family);
    case INFO:
        return promc_info_register(r, &s->settings, &s->family);
    case STATESET:
        return promc_stateset_register(r, &s->settings, s->states, s->state_count, &s->family);
    case UNTYPED:
        return promc_untyped_register(r, &s->settings, &s->family);
    default:
        return promc_callback_register(r, s->kind == COUNTER_CALLBACK ? PROMC_COUNTER : PROMC_GAUGE, &s->settings,
                                       &s->family);
    }
}

static void log_subject(const struct generator *g, const struct subject *s)
{
    fprintf(g->ops, "{\"op\": \"family\", \"kind\": \"%s\", \"callback\": %s", kind_names[s->kind],
            s->kind >= COUNTER_CALLBACK ? "true" : "false");
    log_text(g->ops, "name", s->name);
    log_text(g->ops, "unit", s->settings.unit);
    log_names(g->ops, "labels", s->settings.labels, s->labels);
    log_pairs(g->ops, "constants", s->constants, s->constant_count);
    fprintf(g->ops, ", \"native\": %d", s->kind == HISTOGRAM ? (int)s->histogram : 0);
    log_doubles(g->ops, "bounds", s->bounds, s->bound_count);
    log_doubles(g->ops, "quantiles", s->quantiles, s->kind == SUMMARY ? s->quantile_count : 0);
    log_names(g->ops, "states", s->states, s->state_count);
    fputs("}\n", g->ops);
}

/* ---- updates ---- */

static double constant_value(void *user)
{
    return *(const double *)user;
}

/* The value that a callback returns. It outlives the registry. */
static double *kept_value(double value)
{
    static double kept[4096];
    static unsigned used;
    double *place = &kept[used++ % 4096];
    *place = value;
    return place;
}

static void add_to_counter(struct generator *g, const struct subject *s)
{
    promc_counter counter;
    double x = fabs(draw_observation(&g->random));
    expect(g, promc_counter_get_n(s->family, g->strs, s->labels, &counter), "counter");
    if (one_in(&g->random, 3)) {
        char id[40];
        snprintf(id, sizeof(id), "ż\"%u", below(&g->random, 1000000));
        expect(g, promc_counter_add_exemplar(counter, x, &(promc_label){"trace_id", id}, 1), "exemplar");
    } else {
        expect(g, promc_counter_add(counter, x), "add");
    }
    log_update(g, "add", s->labels, x);
}

static void observe(struct generator *g, const struct subject *s)
{
    promc_histogram histogram;
    double x = draw_observation(&g->random);
    expect(g, promc_histogram_get_n(s->family, g->strs, s->labels, &histogram), "histogram");
    if (one_in(&g->random, 3))
        expect(g, promc_histogram_observe_exemplar(histogram, x, &(promc_label){"a", "b\\\n"}, 1), "exemplar");
    else
        promc_histogram_observe(histogram, x);
    log_update(g, "observe", s->labels, x);
}

static void update_gauge(struct generator *g, const struct subject *s)
{
    promc_gauge gauge;
    double x = draw_double(&g->random);
    bool add = one_in(&g->random, 3);
    expect(g, promc_gauge_get_n(s->family, g->strs, s->labels, &gauge), "gauge");
    if (add)
        promc_gauge_add(gauge, x);
    else
        promc_gauge_set(gauge, x);
    log_update(g, add ? "gauge_add" : "set", s->labels, x);
}

static void update(struct generator *g, const struct subject *s)
{
    const char *values[LABELS_MOST + 1];
    double x;
    for (size_t i = 0; i < s->labels; i++)
        values[i] = g->strs[i].data;
    switch (s->kind) {
    case COUNTER:
        add_to_counter(g, s);
        break;
    case GAUGE:
    case UNTYPED:
        update_gauge(g, s);
        break;
    case UPDOWN: {
        promc_updown updown;
        int delta = (int)below(&g->random, 2001) - 1000;
        expect(g, promc_updown_get_n(s->family, g->strs, s->labels, &updown), "updown");
        promc_updown_add(updown, delta);
        log_update(g, "gauge_add", s->labels, delta);
        break;
    }
    case HISTOGRAM:
        observe(g, s);
        break;
    case SUMMARY: {
        promc_summary summary;
        x = fabs(draw_observation(&g->random));
        expect(g, promc_summary_get_n(s->family, g->strs, s->labels, &summary), "summary");
        promc_summary_observe(summary, x);
        log_update(g, "observe", s->labels, x);
        break;
    }
    case INFO: {
        bool add = one_in(&g->random, 2);
        expect(g, add ? promc_info_add(s->family, values) : promc_info_set(s->family, values), "info");
        log_update(g, add ? "info_add" : "info_set", s->labels, 1);
        break;
    }
    case STATESET: {
        unsigned state = below(&g->random, (unsigned)s->state_count);
        expect(g, promc_stateset_select(s->family, values, s->states[state]), "stateset");
        log_update(g, "select", s->labels, state);
        break;
    }
    default:
        x = s->kind == COUNTER_CALLBACK ? fabs(draw_observation(&g->random)) : draw_double(&g->random);
        expect(g, promc_callback_set(s->family, values, constant_value, kept_value(x)), "callback");
        log_update(g, "set", s->labels, x);
        break;
    }
}

static void remove_some(struct generator *g, const struct subject *s)
{
    const char *values[LABELS_MOST];
    for (size_t i = 0; i < s->labels; i++) {
        values[i] = g->strs[i].data;
        g->strs[i].length = strlen(values[i]); /* up to the first NUL, as in a C string */
    }
    if (s->labels == 0 || s->kind == STATESET)
        return;
    if (one_in(&g->random, 2)) {
        if (promc_family_remove(s->family, values) == 0)
            log_update(g, "remove", s->labels, 0);
    } else if (promc_family_remove_matching(s->family, &(promc_label){s->settings.labels[0], values[0]}, 1) > 0) {
        log_update(g, "remove_matching", 1, 0);
    }
}

/* Values contain a NUL only if the functions take lengths: it would end a C string. */
static void draw_values(struct generator *g, const struct subject *s)
{
    bool lengths = s->kind <= SUMMARY || s->kind == UNTYPED;
    for (size_t i = 0; i < s->labels; i++) {
        size_t n = draw_value(&g->random, g->values[i], VALUE_ROOM, lengths);
        g->strs[i] = (promc_str){g->values[i], n};
    }
}

static void fill_family(struct generator *g)
{
    struct subject s;
    draw_subject(g, &s);
    int rc = register_subject(g, &s);
    if (rc == PROMC_E_NOMEM || rc == PROMC_E_FULL || rc == PROMC_E_INVALID)
        fault(g, s.name, promc_error_detail());
    if (rc < 0)
        return; /* refused: the family does not exist */
    g->families++;
    log_subject(g, &s);
    draw_values(g, &s);
    for (unsigned updates = below(&g->random, 12); updates > 0; updates--) {
        if (!one_in(&g->random, 3))
            draw_values(g, &s); /* otherwise use the previous ones again */
        if (s.labels > 0 && one_in(&g->random, 8))
            remove_some(g, &s);
        else
            update(g, &s);
    }
}

/* ---- the exposition ---- */

static void check_slices(struct generator *g, const promc_scrape_settings *settings, const char *whole, size_t length)
{
    promc_scrape *scrape;
    static char slice[9000];
    size_t at = 0;
    long n;
    expect(g, promc_scrape_begin(g->registry, settings, &scrape), "scrape");
    unsigned most = one_in(&g->random, 2) ? 64 : sizeof(slice);
    while ((n = promc_scrape_read(scrape, slice, 1 + below(&g->random, most))) > 0) {
        if (at + (size_t)n > length || memcmp(whole + at, slice, (size_t)n) != 0)
            fault(g, "slices", "the bytes differ from those of the whole");
        at += (size_t)n;
    }
    promc_scrape_end(scrape);
    if (n < 0 || at != length)
        fault(g, "slices", "less than the whole");
}

static void expose(struct generator *g, enum promc_format format, enum promc_escaping escaping, const char *suffix)
{
    promc_scrape_settings settings = {.format = format, .escaping = escaping};
    char *text, *report, path[4200];
    size_t length;
    expect(g, promc_scrape_string(g->registry, &settings, &text, &length), "scrape");
    if (format != PROMC_FORMAT_PROTOBUF && promc_testkit_check(text, length, format, &report) != 0)
        fault(g, format == PROMC_FORMAT_TEXT ? "text" : "OpenMetrics", report);
    if (suffix && g->directory) {
        snprintf(path, sizeof(path), "%s/%u.%s", g->directory, g->index, suffix);
        FILE *out = fopen(path, "wb");
        if (!out || fwrite(text, 1, length, out) != length || fclose(out) != 0)
            fault(g, path, "cannot be written");
    }
    free(text);
    /* The first protobuf scrape learns the size of native histograms; all later ones then have the same layout. */
    expect(g, promc_scrape_string(g->registry, &settings, &text, &length), "scrape");
    check_slices(g, &settings, text, length);
    free(text);
}

static void generate(struct generator *g)
{
    static const uint32_t limits[] = {0, 0, 16, 65535};
    const promc_label constants[] = {{"region", "ś\"\\\n"}};
    char path[4200];
    g->utf8 = one_in(&g->random, 3);
    promc_registry_settings settings = {.arena_bytes = 16 << 20,
                                        .max_threads = 2,
                                        .no_self_metrics = true,
                                        .utf8_names = g->utf8,
                                        .created_timestamps = one_in(&g->random, 4),
                                        .max_label_value_bytes = PICK(&g->random, limits),
                                        .constant_label_count = one_in(&g->random, 4),
                                        .overrides = ""};
    settings.constant_labels = settings.constant_label_count > 0 ? constants : NULL;
    expect(g, promc_registry_create(&g->registry, &settings), "registry");
    snprintf(path, sizeof(path), "%s/%u.ops", g->directory ? g->directory : "", g->index);
    g->ops = fopen(g->directory ? path : "/dev/null", "w");
    if (!g->ops)
        fault(g, path, "cannot be written");
    fprintf(g->ops, "{\"op\": \"registry\", \"created\": %d, \"limit\": %u", settings.created_timestamps,
            settings.max_label_value_bytes ? settings.max_label_value_bytes : 1024);
    log_pairs(g->ops, "constants", constants, settings.constant_label_count);
    fputs("}\n", g->ops);
    g->families = 0;
    for (unsigned families = 1 + below(&g->random, 10); families > 0; families--)
        fill_family(g);
    if (fclose(g->ops) != 0)
        fault(g, path, "cannot be written");
    for (int escaping = PROMC_ESCAPING_UNDERSCORES; escaping <= PROMC_ESCAPING_VALUES; escaping++) {
        bool plain = escaping == PROMC_ESCAPING_UNDERSCORES;
        expose(g, PROMC_FORMAT_TEXT, (enum promc_escaping)escaping, plain ? "text" : NULL);
        expose(g, PROMC_FORMAT_OPENMETRICS, (enum promc_escaping)escaping, plain ? "openmetrics" : NULL);
        expose(g, PROMC_FORMAT_PROTOBUF, (enum promc_escaping)escaping, plain ? "protobuf" : NULL);
    }
    promc_registry_destroy(g->registry);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: generate-corpus SEED COUNT [DIRECTORY]\n");
        return 2;
    }
    struct generator g = {.seed = strtoull(argv[1], NULL, 10), .directory = argc > 3 ? argv[3] : NULL};
    unsigned count = (unsigned)strtoul(argv[2], NULL, 10);
    for (size_t i = 0; i < LABELS_MOST; i++)
        g.values[i] = malloc(VALUE_ROOM + 300);
    for (g.index = 0; g.index < count; g.index++) {
        g.random.state = g.seed * 1000003 + g.index; /* so that one registry can be generated without the others */
        generate(&g);
    }
    for (size_t i = 0; i < LABELS_MOST; i++)
        free(g.values[i]);
    return 0;
}
