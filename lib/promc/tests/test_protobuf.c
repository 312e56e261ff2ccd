/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf: read back by an independent reader below (it knows the wire format and the field numbers, and uses none of promc's code), and by
 * Prometheus' Go library. The result must equal the text format.
 */
#include "corpus.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

/* The messages as lines `name{label="value",…} number`, with raw values. */
struct lines {
    char **line;
    double *value;
    size_t count, capacity;
    unsigned families;
};

static void add_line(struct lines *lines, const char *series, double value)
{
    if (lines->count == lines->capacity) {
        lines->capacity = lines->capacity * 2 + 1024;
        lines->line = realloc(lines->line, lines->capacity * sizeof(*lines->line));
        lines->value = realloc(lines->value, lines->capacity * sizeof(*lines->value));
    }
    lines->line[lines->count] = strdup(series);
    lines->value[lines->count++] = value;
}

static void free_lines(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->line[i]);
    free(lines->line);
    free(lines->value);
}

/* The reader. Any fault in the bytes fails the test. */

struct span {
    const unsigned char *at, *end;
};

struct field {
    unsigned number, type;
    uint64_t varint;
    double real;
    struct span bytes;
};

static uint64_t read_varint(struct span *in)
{
    uint64_t n = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        assert_true(in->at < in->end);
        unsigned char byte = *in->at++;
        n |= (uint64_t)(byte & 0x7f) << (shift & 63);
        if (byte < 0x80)
            return n;
    }
    fail_msg("a varint of more than ten bytes");
    return 0;
}

static bool next_field(struct span *in, struct field *field)
{
    if (in->at == in->end)
        return false;
    uint64_t tag = read_varint(in);
    field->number = (unsigned)(tag >> 3);
    field->type = tag & 7;
    switch (field->type) {
    case 0:
        field->varint = read_varint(in);
        break;
    case 1: {
        assert_true(in->end - in->at >= 8);
        uint64_t bits = 0;
        for (int i = 7; i >= 0; i--)
            bits = bits << 8 | in->at[i];
        memcpy(&field->real, &bits, 8);
        in->at += 8;
        break;
    }
    case 2: {
        uint64_t length = read_varint(in);
        assert_true(length <= (uint64_t)(in->end - in->at));
        field->bytes = (struct span){in->at, in->at + length};
        in->at += length;
        break;
    }
    default:
        fail_msg("wire type %u", field->type);
    }
    return true;
}

static size_t copy_span(char *out, struct span span)
{
    memcpy(out, span.at, (size_t)(span.end - span.at));
    return (size_t)(span.end - span.at);
}

static char series[1 << 20], labelled[1 << 20];

/* `,name="value"` at the end of `labelled`. */
static size_t read_label(struct span in, size_t length)
{
    struct field field;
    struct span name = {0}, value = {0};
    while (next_field(&in, &field)) {
        assert_int_equal(field.type, 2);
        *(field.number == 1 ? &name : &value) = field.bytes;
    }
    labelled[length++] = ',';
    length += copy_span(labelled + length, name);
    length += (size_t)sprintf(labelled + length, "=\"");
    if (value.at)
        length += copy_span(labelled + length, value);
    labelled[length++] = '"';
    labelled[length] = '\0';
    return length;
}

static void add_sample(struct lines *lines, const char *name, const char *suffix, const char *extra, double value)
{
    const char *labels = labelled[0] == ',' ? labelled + 1 : labelled;
    char *end = stpcpy(stpcpy(stpcpy(series, name), suffix), "{");
    end = stpcpy(stpcpy(end, labels), *labels && *extra ? "," : "");
    stpcpy(stpcpy(end, extra), "}");
    add_line(lines, series, value);
}

static void read_timestamp(struct span in)
{
    struct field field;
    uint64_t seconds = 0, nanos = 0;
    while (next_field(&in, &field))
        *(field.number == 1 ? &seconds : &nanos) = field.varint;
    assert_true(seconds > 1600000000 && seconds < 4000000000u && nanos < 1000000000);
}

static void read_bucket(struct lines *lines, const char *name, struct span in)
{
    struct field field;
    double bound = 0, count = 0;
    char extra[64], number[32];
    while (next_field(&in, &field))
        if (field.number == 1)
            count = (double)field.varint;
        else if (field.number == 2)
            bound = field.real;
    snprintf(number, sizeof(number), "%.17g", bound);
    snprintf(extra, sizeof(extra), "le=\"%s\"", isinf(bound) ? "+Inf" : number);
    add_sample(lines, name, "_bucket", extra, count);
}

static void read_histogram(struct lines *lines, const char *name, struct span in)
{
    struct field field;
    bool started = false;
    while (next_field(&in, &field)) {
        switch (field.number) {
        case 1:
            add_sample(lines, name, "_count", "", (double)field.varint);
            break;
        case 2:
            add_sample(lines, name, "_sum", "", field.real);
            break;
        case 3:
            read_bucket(lines, name, field.bytes);
            break;
        case 15:
            read_timestamp(field.bytes);
            started = true;
            break;
        default:
            fail_msg("histogram field %u", field.number);
        }
    }
    assert_true(started);
}

static double exemplar_value; /* of the last exemplar */

static void read_exemplar(struct span in)
{
    struct field field;
    while (next_field(&in, &field)) {
        assert_in_range(field.number, 1, 3);
        if (field.number == 2)
            exemplar_value = field.real;
        else if (field.number == 3)
            read_timestamp(field.bytes);
    }
}

static void read_value(struct lines *lines, const char *name, struct span in, bool counter)
{
    struct field field;
    while (next_field(&in, &field)) {
        if (field.number == 1) {
            add_sample(lines, name, "", "", field.real);
        } else if (counter && field.number == 2) {
            read_exemplar(field.bytes);
        } else {
            assert_true(counter && field.number == 3);
            read_timestamp(field.bytes);
        }
    }
}

static void read_metric(struct lines *lines, const char *name, uint64_t type, struct span in)
{
    struct field field;
    struct span labels = in;
    size_t length = 0;
    labelled[0] = '\0';
    while (next_field(&labels, &field))
        if (field.number == 1)
            length = read_label(field.bytes, length);
    while (next_field(&in, &field)) {
        if (field.number == 3 || field.number == 2 || field.number == 5) {
            assert_int_equal(type, field.number == 3 ? 0 : field.number == 2 ? 1 : 3);
            read_value(lines, name, field.bytes, field.number == 3);
        } else if (field.number == 7) {
            assert_int_equal(type, 4);
            read_histogram(lines, name, field.bytes);
        } else if (field.number == 6) { /* the time of the value before it */
            strcat(series, "@");
            add_line(lines, series, (double)field.varint);
        } else {
            assert_int_equal(field.number, 1);
        }
    }
}

static bool churns; /* series are removed during the scrape */

static void read_family(struct lines *lines, struct span in)
{
    struct field field;
    char name[512] = "";
    uint64_t type = 99;
    unsigned metrics = 0;
    bool padded = false;
    while (next_field(&in, &field)) {
        if (field.number == 1) {
            name[copy_span(name, field.bytes)] = '\0';
        } else if (field.number == 3) {
            type = field.varint;
        } else if (field.number == 4) {
            read_metric(lines, name, type, field.bytes);
            metrics++;
        } else {
            assert_true(field.number == 2 || field.number == 5 || field.number == 2047);
            padded |= field.number == 2047;
        }
    }
    /* If all series are removed after the family's length was announced, the message has only padding; if earlier, no metrics at all. */
    assert_true(name[0] != '\0' && type <= 4 && (metrics > 0 || padded || churns));
    lines->families++;
}

static void read_exposition(struct lines *lines, const char *bytes, size_t length)
{
    struct span in = {(const unsigned char *)bytes, (const unsigned char *)bytes + length};
    while (in.at < in.end) {
        uint64_t size = read_varint(&in);
        assert_true(size <= (uint64_t)(in.end - in.at));
        read_family(lines, (struct span){in.at, in.at + size});
        in.at += size;
    }
}

/* The same lines from the text format, unescaped. */
static void read_text(struct lines *lines, const char *text)
{
    static char line[1 << 20];
    for (const char *end; *text != '\0'; text = end + 1) {
        end = strchr(text, '\n');
        if (*text == '#')
            continue;
        const char *space = end;
        while (*space != ' ')
            space--;
        const char *brace = memrchr(text, '}', (size_t)(end - text)), *time = NULL;
        if (brace && space > brace + 1) {
            time = space + 1;
            space = brace + 1;
        }
        size_t n = 0;
        bool braces = false;
        for (const char *p = text; p < space; p++) {
            braces = braces || *p == '{';
            if (*p == '\\') {
                p++;
                line[n++] = *p == 'n' ? '\n' : *p;
            } else {
                line[n++] = *p;
            }
        }
        strcpy(line + n, braces ? "" : "{}");
        char *le = strstr(line, "le=\"");
        if (le && strstr(line, "_bucket{")) { /* compare bounds by value, not by their text */
            while (strstr(le + 1, "le=\""))
                le = strstr(le + 1, "le=\"");
            double bound = strtod(le + 4, NULL);
            if (!isinf(bound))
                sprintf(le, "le=\"%.17g\"}", bound);
        }
        add_line(lines, line, strtod(space + 1, NULL));
        if (time) {
            strcat(line, "@");
            add_line(lines, line, strtod(time, NULL));
        }
    }
}

static struct lines *sorting;
static int compare_index(const void *a, const void *b)
{
    return strcmp(sorting->line[*(const size_t *)a], sorting->line[*(const size_t *)b]);
}

static size_t *sorted(struct lines *lines)
{
    size_t *order = malloc(lines->count * sizeof(*order) + 1);
    for (size_t i = 0; i < lines->count; i++)
        order[i] = i;
    sorting = lines;
    qsort(order, lines->count, sizeof(*order), compare_index);
    return order;
}

static void expect_equal(struct lines *a, struct lines *b)
{
    size_t *x = sorted(a), *y = sorted(b);
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_string_equal(a->line[x[i]], b->line[y[i]]);
        double v = a->value[x[i]], w = b->value[y[i]];
        assert_true(v == w || (isnan(v) && isnan(w)));
    }
    free(x);
    free(y);
}

static void expect_no_duplicates(struct lines *lines)
{
    size_t *order = sorted(lines);
    for (size_t i = 1; i < lines->count; i++)
        if (strcmp(lines->line[order[i - 1]], lines->line[order[i]]) == 0)
            fail_msg("twice in one scrape: %s", lines->line[order[i]]);
    free(order);
}

static void test_protobuf_equals_text(void **state)
{
    (void)state;
    promc_registry *registry = corpus_create((promc_registry_settings){
        .constant_labels = (const promc_label[]){{"zone", "a\"1\\"}}, .constant_label_count = 1});
    struct lines ours = {0}, text_lines = {0};
    size_t length;
    char *bytes = corpus_scrape(registry, (promc_scrape_settings){.format = PROMC_FORMAT_PROTOBUF}, &length);
    char *text = corpus_scrape(registry, (promc_scrape_settings){0}, NULL);
    read_exposition(&ours, bytes, length);
    read_text(&text_lines, text);
    expect_equal(&ours, &text_lines);
    assert_int_equal(ours.families, 9);
    free_lines(&ours);
    free_lines(&text_lines);
    free(bytes);
    free(text);
    promc_registry_destroy(registry);
}

static char oracle[] = "/tmp/promc-oracle-XXXXXX";
static bool oracle_built;

static int build_oracle(void **state)
{
    (void)state;
    char command[512];
    if (!mkdtemp(oracle))
        return -1;
    snprintf(command, sizeof(command),
             "PATH=\"/usr/lib/go-1.19/bin:/usr/lib/go/bin:$PATH\" GO111MODULE=off GOFLAGS= GOPATH=/usr/share/gocode "
             "GOTOOLCHAIN=local "
             "HOME=${HOME:-%s} go build -o %s/oracle '" PROMC_TESTS_DIR "/oracle_protobuf.go' >%s/log 2>&1",
             oracle, oracle, oracle);
    oracle_built = access("/usr/share/gocode/src/github.com/prometheus/common", R_OK) == 0 && system(command) == 0;
    return 0;
}

static int remove_oracle(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -r '%s'", oracle);
    return system(command);
}

static void test_go_reads_the_same(void **state)
{
    (void)state;
    if (!oracle_built) {
        print_message("Go with golang-github-prometheus-common-dev is not installed: skipped\n");
        skip();
    }
    promc_registry *registry = corpus_create((promc_registry_settings){0});
    struct lines theirs = {0}, text_lines = {0};
    size_t length;
    char name[64], command[256];
    char *bytes = corpus_scrape(registry, (promc_scrape_settings){.format = PROMC_FORMAT_PROTOBUF}, &length);
    char *text = corpus_scrape(registry, (promc_scrape_settings){0}, NULL);
    snprintf(name, sizeof(name), "%s/bytes", oracle);
    FILE *file = fopen(name, "wb");
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
    snprintf(command, sizeof(command), "%s/oracle < %s", oracle, name);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    char *printed = calloc(1, 4 << 20);
    size_t n = fread(printed, 1, (4 << 20) - 1, pipe);
    assert_int_equal(pclose(pipe), 0);
    assert_true(n > 0);
    read_text(&theirs, printed);
    read_text(&text_lines, text);
    expect_equal(&theirs, &text_lines);
    free_lines(&theirs);
    free_lines(&text_lines);
    free(printed);
    free(bytes);
    free(text);
    promc_registry_destroy(registry);
}

/* One MetricFamily per family, and no padding, if nobody creates or removes series. */
static void test_one_message_a_family(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_family *family;
    struct lines lines = {0};
    size_t length;
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.no_self_metrics = true}), 0);
    promc_counter_register(registry, &(promc_family_settings){.name = "many_total", .labels = {"key"}}, &family);
    for (int i = 0; i < 5000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        promc_counter_inc(promc_counter_with(family, key));
        if (i % 3 == 0) {
            const char *values[] = {key};
            assert_int_equal(promc_family_remove(family, values), 0);
        }
    }
    char *bytes = corpus_scrape(registry, (promc_scrape_settings){.format = PROMC_FORMAT_PROTOBUF}, &length);
    read_exposition(&lines, bytes, length);
    assert_int_equal(lines.families, 1);
    assert_int_equal(lines.count, 5000 - 1667);
    assert_null(memmem(bytes, length, "\xfa\x7f", 2)); /* no padding */
    free_lines(&lines);
    free(bytes);
    promc_registry_destroy(registry);
}

/* Escaped values make the announced length a few bytes too large. This must not give a family without metrics. */
static void test_a_counter_with_its_exemplar(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_family *family;
    struct lines lines = {0};
    size_t length;
    const promc_label trace = {"trace_id", "0123456789abcdef"};
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.no_self_metrics = true}), 0);
    promc_counter_register(registry, &(promc_family_settings){.name = "jobs_total", .labels = {"queue"}}, &family);
    assert_int_equal(promc_counter_add_exemplar(promc_counter_with(family, "a"), 2.5, &trace, 1), 0);
    promc_counter_inc(promc_counter_with(family, "b"));
    char *bytes = corpus_scrape(registry, (promc_scrape_settings){.format = PROMC_FORMAT_PROTOBUF}, &length);
    read_exposition(&lines, bytes, length);
    assert_int_equal(lines.count, 2);
    assert_true(exemplar_value == 2.5);
    free_lines(&lines);
    free(bytes);
    promc_registry_destroy(registry);
}

static int64_t unzigzag(uint64_t n)
{
    return (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
}

/* The native fields and exemplars of a histogram's message as text, in their order. */
static void read_native(char *out, struct span in)
{
    struct field field, part;
    while (next_field(&in, &field)) {
        struct span bytes = field.bytes;
        switch (field.number) {
        case 3: /* a classic bucket, and its exemplar */
            out += sprintf(out, "bucket; ");
            while (next_field(&bytes, &part))
                if (part.number == 3) {
                    read_exemplar(part.bytes);
                    out += sprintf(out, "classic exemplar %g; ", exemplar_value);
                }
            break;
        case 5:
            out += sprintf(out, "schema %d; ", (int)unzigzag(field.varint));
            break;
        case 6:
            out += sprintf(out, "threshold %g; ", field.real);
            break;
        case 7:
            out += sprintf(out, "zeros %u; ", (unsigned)field.varint);
            break;
        case 9:
        case 12:
            out += sprintf(out, "%c", field.number == 9 ? '-' : '+');
            while (next_field(&bytes, &part))
                out += part.number == 1 ? sprintf(out, "%d", (int)unzigzag(part.varint))
                                        : sprintf(out, "/%u; ", (unsigned)part.varint);
            break;
        case 10:
        case 13:
            out += sprintf(out, "%cdeltas", field.number == 10 ? '-' : '+');
            while (bytes.at < bytes.end)
                out += sprintf(out, " %d", (int)unzigzag(read_varint(&bytes)));
            out += sprintf(out, "; ");
            break;
        case 16:
            read_exemplar(field.bytes);
            out += sprintf(out, "exemplar %g; ", exemplar_value);
            break;
        default:
            assert_true(field.number == 1 || field.number == 2 || field.number == 15);
        }
    }
}

/* The message of the only series of the only family. */
static struct span only_histogram(const char *bytes, size_t length)
{
    struct span in = {(const unsigned char *)bytes, (const unsigned char *)bytes + length}, found = {0};
    struct field field;
    uint64_t size = read_varint(&in);
    in.end = in.at + size;
    while (next_field(&in, &field)) {
        struct span metric = field.bytes;
        struct field inner;
        while (field.number == 4 && next_field(&metric, &inner))
            if (inner.number == 7)
                found = inner.bytes;
    }
    assert_non_null(found.at);
    return found;
}

static void expect_native(const promc_histogram_settings *settings, const char *expected)
{
    const double values[] = {0, 0, 1, 3, 4, 1000, -3};
    const promc_label trace = {"trace_id", "0123456789abcdef"};
    promc_registry *registry;
    promc_family *family;
    char said[1024] = "";
    size_t length;
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.no_self_metrics = true}), 0);
    assert_int_equal(promc_histogram_register(registry, settings, &family), 0);
    promc_histogram histogram = promc_histogram_with_values(family, NULL, 0);
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        promc_histogram_observe(histogram, values[i]);
    assert_int_equal(promc_histogram_observe_exemplar(histogram, 5, &trace, 1), 0);
    char *bytes = corpus_scrape(registry, (promc_scrape_settings){.format = PROMC_FORMAT_PROTOBUF}, &length);
    read_native(said, only_histogram(bytes, length));
    assert_string_equal(said, expected);
    free(bytes);
    promc_registry_destroy(registry);
}

/* Schema 0 has a bucket for each power of two, schema -4 for each 16th: 1 is in bucket 0, all up to 65536 in bucket 1. */
static void test_native_buckets(void **state)
{
    static const double bounds[] = {2, 8};
    (void)state;
    expect_native(
        &(promc_histogram_settings){.family = {.name = "h"}, .kind = PROMC_HISTOGRAM_NATIVE, .native = {.growth = 2}},
        "schema 0; threshold 2.93874e-39; zeros 2; -2/1; -deltas 1; +0/4; +6/1; +deltas 1 -1 2 -1 0; "
        "exemplar 5; ");
    expect_native(&(promc_histogram_settings){.family = {.name = "h"},
                                              .kind = PROMC_HISTOGRAM_NATIVE,
                                              .native = {.growth = 65536}},
                  "schema -4; threshold 2.93874e-39; zeros 2; -1/1; -deltas 1; +0/2; +deltas 1 3; exemplar 5; ");
    expect_native(&(promc_histogram_settings){.family = {.name = "h"},
                                              .buckets = bounds,
                                              .bucket_count = 2,
                                              .kind = PROMC_HISTOGRAM_CLASSIC_AND_NATIVE,
                                              .native = {.growth = 65536}},
                  "bucket; bucket; classic exemplar 5; bucket; schema -4; threshold 2.93874e-39; zeros 2; -1/1; "
                  "-deltas 1; +0/2; +deltas 1 3; exemplar 5; ");
    expect_native(&(promc_histogram_settings){.family = {.name = "h"}, .buckets = bounds, .bucket_count = 2},
                  "bucket; bucket; classic exemplar 5; bucket; ");
}

static void test_no_family_without_metrics(void **state)
{
    (void)state;
    for (unsigned quotes = 0; quotes < 12; quotes++) {
        for (unsigned count = 1; count < 4; count++) {
            promc_registry *registry;
            promc_family *family;
            struct lines lines = {0};
            size_t length;
            char key[16] = "";
            memset(key, '"', quotes);
            assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.no_self_metrics = true}), 0);
            promc_counter_register(registry, &(promc_family_settings){.name = "few_total", .labels = {"key"}}, &family);
            for (unsigned i = 0; i < count; i++) {
                key[quotes] = (char)('a' + i);
                promc_counter_inc(promc_counter_with(family, key));
            }
            char *bytes = corpus_scrape(registry, (promc_scrape_settings){.format = PROMC_FORMAT_PROTOBUF}, &length);
            read_exposition(&lines, bytes, length);
            assert_int_equal(lines.families, 1);
            assert_int_equal(lines.count, count);
            free_lines(&lines);
            free(bytes);
            promc_registry_destroy(registry);
        }
    }
}

/* Fewer and more series than announced. */
static void test_announced_and_actual_series(void **state)
{
    (void)state;
    static char bytes[1 << 20];
    for (int removals = 0; removals < 2; removals++) {
        promc_registry *registry;
        promc_family *family;
        promc_scrape *scrape;
        struct lines lines = {0};
        assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.no_self_metrics = true}), 0);
        promc_counter_register(registry, &(promc_family_settings){.name = "many_total", .labels = {"key"}}, &family);
        for (int i = 0; i < 1000; i++) {
            char key[16];
            snprintf(key, sizeof(key), "%d", i);
            promc_counter_inc(promc_counter_with(family, key));
        }
        assert_int_equal(
            promc_scrape_begin(registry, &(promc_scrape_settings){.format = PROMC_FORMAT_PROTOBUF}, &scrape), 0);
        long n = promc_scrape_read(scrape, bytes, 20);
        for (int i = 500; i < 1000 && removals; i++) {
            char key[16];
            const char *values[] = {key};
            snprintf(key, sizeof(key), "%d", i);
            assert_int_equal(promc_family_remove(family, values), 0);
        }
        n += promc_scrape_read(scrape, bytes + n, sizeof(bytes) - (size_t)n);
        assert_int_equal(promc_scrape_read(scrape, bytes, 1), 0);
        promc_scrape_end(scrape);
        read_exposition(&lines, bytes, (size_t)n);
        assert_int_equal(lines.families, 1);
        assert_int_equal(lines.count, removals ? 500 : 1000);
        assert_int_equal(memmem(bytes, (size_t)n, "\xfa\x7f", 2) != NULL, removals);
        free_lines(&lines);
        promc_registry_destroy(registry);
    }
}

struct churn {
    promc_family *counters, *histograms;
    bool stop;
};

static void *churn(void *user)
{
    struct churn *work = user;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    while (!__atomic_load_n(&work->stop, __ATOMIC_SEQ_CST)) {
        char key[64];
        const char *values[] = {key};
        seed = seed * 1664525 + 1013904223;
        snprintf(key, sizeof(key), "key\"%0*u", (int)(seed >> 28) + 1, (seed >> 16) % 128);
        promc_counter_inc(promc_counter_with(work->counters, key));
        promc_histogram_observe(promc_histogram_with(work->histograms, key), 0.3);
        if (seed >> 31) {
            (void)promc_family_remove(work->counters, values);
            (void)promc_family_remove(work->histograms, values);
        }
    }
    return NULL;
}

static void test_churn(void **state)
{
    (void)state;
    churns = true;
    enum { CHURNERS = 4 };
    promc_registry *registry;
    static struct churn work; /* static: after a failed assertion its threads still run */
    pthread_t threads[CHURNERS];
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.no_self_metrics = true}), 0);
    promc_counter_register(registry, &(promc_family_settings){.name = "churn_total", .labels = {"key"}},
                           &work.counters);
    promc_histogram_register(registry,
                             &(promc_histogram_settings){.family = {.name = "churn_seconds", .labels = {"key"}}},
                             &work.histograms);
    for (int i = 0; i < CHURNERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &work), 0);
    uint64_t start = promc_now_ns();
    size_t slice = 1;
    while (promc_now_ns() - start < UINT64_C(2000000000)) {
        promc_scrape *scrape;
        struct lines lines = {0};
        static char bytes[8 << 20];
        size_t length = 0;
        long n;
        slice = slice * 7 % 5003;
        assert_int_equal(
            promc_scrape_begin(registry, &(promc_scrape_settings){.format = PROMC_FORMAT_PROTOBUF}, &scrape), 0);
        while ((n = promc_scrape_read(scrape, bytes + length, slice)) > 0) {
            length += (size_t)n;
            assert_true(length + slice < sizeof(bytes));
        }
        promc_scrape_end(scrape);
        read_exposition(&lines, bytes, length);
        expect_no_duplicates(&lines);
        free_lines(&lines);
    }
    __atomic_store_n(&work.stop, true, __ATOMIC_SEQ_CST);
    for (int i = 0; i < CHURNERS; i++)
        pthread_join(threads[i], NULL);
    promc_registry_destroy(registry);
    churns = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protobuf_equals_text),
        cmocka_unit_test_setup_teardown(test_go_reads_the_same, build_oracle, remove_oracle),
        cmocka_unit_test(test_one_message_a_family),
        cmocka_unit_test(test_a_counter_with_its_exemplar),
        cmocka_unit_test(test_native_buckets),
        cmocka_unit_test(test_no_family_without_metrics),
        cmocka_unit_test(test_announced_and_actual_series),
        cmocka_unit_test(test_churn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
