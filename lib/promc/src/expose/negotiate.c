/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content negotiation after RFC 9110: the most specific range that matches a format gives its quality; the format with the highest
 * quality wins. With equal qualities: the more specific match, then the earlier one in the request, then text before OpenMetrics
 * before protobuf (so that `Accept: *` gives a person something readable).
 *
 * The header is untrusted: one pass, no allocation, and anything malformed is skipped up to the next comma.
 */
#include <promc/scrape.h>

#include <stdint.h>
#include <string.h>

typedef struct {
    const char *data;
    size_t length;
} slice;

/* One media range with the relevant parameters. */
typedef struct {
    slice type, subtype, version, escaping, proto, encoding;
    int quality; /* thousandths; -1: malformed */
} media_range;

typedef struct {
    int quality, specificity, position;
    enum promc_escaping escaping;
    bool escaping_negotiated;
    bool text_1_0_0;
} match;

#define FORMATS (PROMC_FORMAT_PROTOBUF + 1)

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Case-insensitive, independent of the locale (strcasecmp has Turkish dots). */
static bool slice_is(slice s, const char *text)
{
    for (size_t i = 0; i < s.length; i++)
        if (lower(s.data[i]) != lower(text[i]))
            return false; /* also at the end of `text`: no slice contains a NUL */
    return text[s.length] == '\0';
}

static const char *skip_blank(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

static bool is_token_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *scan_token(const char *p, slice *out)
{
    out->data = p;
    while (is_token_byte(*p))
        p++;
    out->length = (size_t)(p - out->data);
    return p;
}

/* A quoted string; the slice is the text between the quotes, including escapes (none of our values has any). */
static const char *scan_quoted(const char *p, slice *out)
{
    out->data = ++p;
    while (*p != '\0' && *p != '"')
        p += p[0] == '\\' && p[1] != '\0' ? 2 : 1;
    out->length = (size_t)(p - out->data);
    return *p == '"' ? p + 1 : p;
}

/* Advance to the comma that ends this range, or the end of the header. */
static const char *skip_range(const char *p)
{
    slice ignored;
    while (*p != '\0' && *p != ',')
        p = *p == '"' ? scan_quoted(p, &ignored) : p + 1;
    return p;
}

/* "1", "0.75", ".5" in thousandths, at most 1000; -1 if it is not a number. */
static int parse_quality(slice s)
{
    int whole = 0, thousandths = 0, scale = 100;
    size_t i = 0, digits = 0;
    for (; i < s.length && s.data[i] >= '0' && s.data[i] <= '9'; i++, digits++)
        whole = whole > 0 || s.data[i] != '0';
    if (i < s.length && s.data[i] == '.') {
        for (i++; i < s.length && s.data[i] >= '0' && s.data[i] <= '9'; i++, digits++) {
            thousandths += (s.data[i] - '0') * scale;
            scale /= 10;
        }
    }
    if (i != s.length || digits == 0)
        return -1;
    return whole != 0 ? 1000 : thousandths;
}

static void take_parameter(media_range *range, slice name, slice value)
{
    if (slice_is(name, "q"))
        range->quality = parse_quality(value);
    else if (slice_is(name, "version"))
        range->version = value;
    else if (slice_is(name, "escaping"))
        range->escaping = value;
    else if (slice_is(name, "proto"))
        range->proto = value;
    else if (slice_is(name, "encoding"))
        range->encoding = value;
}

/* Parse one range from p. @return its comma, or the end; *range has quality -1 if it is malformed. */
static const char *parse_range(const char *p, media_range *range)
{
    memset(range, 0, sizeof(*range));
    range->quality = 1000;
    p = scan_token(p, &range->type);
    if (*p != '/' || range->type.length == 0) {
        range->quality = -1;
        return skip_range(p);
    }
    p = scan_token(p + 1, &range->subtype);
    for (p = skip_blank(p); *p == ';'; p = skip_blank(p)) {
        slice name, value = {"", 0};
        p = scan_token(skip_blank(p + 1), &name);
        if (*p == '=')
            p = p[1] == '"' ? scan_quoted(p + 1, &value) : scan_token(p + 1, &value);
        take_parameter(range, name, value);
    }
    if (range->subtype.length == 0 || (*p != ',' && *p != '\0'))
        range->quality = -1;
    return skip_range(p);
}

/* Does a range with or without a parameter match one of our formats? Specificity rises with each parameter that it names. */
static int match_versions(slice asked, const char *const *served)
{
    if (!asked.data)
        return 3;
    for (; *served != NULL; served++)
        if (slice_is(asked, *served))
            return 4;
    return 0;
}

/* 0: the range does not match the format; 1: any type; 2: any subtype; 3: the type; 4: the type and its version. */
static int specificity(const media_range *range, enum promc_format format)
{
    /* Text 1.0.0 is 0.0.4 with quoted UTF-8 names, and is requested only together with an escaping. */
    static const char *const text_versions[] = {"0.0.4", "1.0.0", NULL};
    static const char *const openmetrics_versions[] = {"1.0.0", NULL};
    static const char *const protos[] = {"io.prometheus.client.MetricFamily", NULL};
    static const char *const type[] = {"text", "application", "application"};
    static const char *const subtype[] = {"plain", "openmetrics-text", "vnd.google.protobuf"};

    if (slice_is(range->type, "*"))
        return slice_is(range->subtype, "*") ? 1 : 0;
    if (!slice_is(range->type, type[format]))
        return 0;
    if (slice_is(range->subtype, "*"))
        return 2;
    if (!slice_is(range->subtype, subtype[format]))
        return 0;
    switch (format) {
    case PROMC_FORMAT_TEXT:
        return match_versions(range->version, text_versions);
    case PROMC_FORMAT_OPENMETRICS:
        return match_versions(range->version, openmetrics_versions);
    default:
        /* Other encodings of the same message (text, compact-text) are not supported. */
        return !range->encoding.data || slice_is(range->encoding, "delimited") ? match_versions(range->proto, protos)
                                                                               : 0;
    }
}

static void take_escaping(const media_range *range, match *m)
{
    static const char *const names[] = {"underscores", "allow-utf-8", "dots", "values"};
    m->escaping = PROMC_ESCAPING_UNDERSCORES;
    m->escaping_negotiated = false;
    for (int i = 0; i < 4 && range->escaping.data; i++) {
        if (slice_is(range->escaping, names[i])) {
            m->escaping = (enum promc_escaping)i;
            m->escaping_negotiated = true;
        }
    }
}

static void consider(const media_range *range, int position, match matches[FORMATS])
{
    for (int format = 0; format < FORMATS; format++) {
        match *m = &matches[format];
        int how = specificity(range, (enum promc_format)format);
        if (how == 0 || how < m->specificity || (how == m->specificity && range->quality <= m->quality))
            continue;
        *m = (match){.quality = range->quality, .specificity = how, .position = position};
        take_escaping(range, m);
        m->text_1_0_0 = format == PROMC_FORMAT_TEXT && range->version.data && slice_is(range->version, "1.0.0");
    }
}

static bool better(const match *a, const match *b)
{
    if (a->quality != b->quality)
        return a->quality > b->quality;
    if (a->specificity != b->specificity)
        return a->specificity > b->specificity;
    return a->position < b->position;
}

/*
 * Prometheus 3 names the escaping only with its text formats, and expects the same names in protobuf: a family's name must not
 * change because its scraper prefers protobuf.
 */
static void take_escaping_of_texts(match matches[FORMATS])
{
    match *protobuf = &matches[PROMC_FORMAT_PROTOBUF];
    bool openmetrics = better(&matches[PROMC_FORMAT_OPENMETRICS], &matches[PROMC_FORMAT_TEXT]);
    const match *text = &matches[openmetrics ? PROMC_FORMAT_OPENMETRICS : PROMC_FORMAT_TEXT];
    if (!protobuf->escaping_negotiated && text->escaping_negotiated) {
        protobuf->escaping = text->escaping;
        protobuf->escaping_negotiated = true;
    }
}

void promc_negotiate(const char *accept, promc_scrape_settings *out)
{
    match matches[FORMATS];
    memset(matches, 0, sizeof(matches));
    const char *p = accept ? accept : "";
    for (int position = 0; *p != '\0'; position++) {
        media_range range;
        p = parse_range(skip_blank(p), &range);
        if (range.quality >= 0)
            consider(&range, position, matches);
        p += *p == ',';
    }
    take_escaping_of_texts(matches);
    int best = PROMC_FORMAT_TEXT;
    for (int format = 1; format < FORMATS; format++)
        if (better(&matches[format], &matches[best]))
            best = format;
    if (matches[best].quality == 0)
        best = PROMC_FORMAT_TEXT; /* no format is acceptable: text, which every client can read */
    out->format = (enum promc_format)best;
    out->escaping = matches[best].escaping;
    out->escaping_negotiated = matches[best].escaping_negotiated;
    out->text_1_0_0 = matches[best].text_1_0_0;
}

#define TEXT "text/plain; version=0.0.4; charset=utf-8"
#define TEXT_1 "text/plain; version=1.0.0; charset=utf-8"
#define OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define PROTOBUF "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
#define WITH_ESCAPINGS(type)                                                                        \
    {                                                                                               \
        type, type "; escaping=underscores", type "; escaping=allow-utf-8", type "; escaping=dots", \
            type "; escaping=values"                                                                \
    }

const char *promc_content_type(const promc_scrape_settings *settings)
{
    static const char *const types[FORMATS][5] = {WITH_ESCAPINGS(TEXT), WITH_ESCAPINGS(OPENMETRICS),
                                                  WITH_ESCAPINGS(PROTOBUF)};
    static const char *const text_1[5] = WITH_ESCAPINGS(TEXT_1);
    unsigned format = (unsigned)settings->format, escaping = (unsigned)settings->escaping;
    if (format >= FORMATS || escaping > PROMC_ESCAPING_VALUES)
        return types[0][0];
    if (format == PROMC_FORMAT_TEXT && settings->text_1_0_0)
        return text_1[escaping + 1];
    bool said = settings->escaping_negotiated || escaping != PROMC_ESCAPING_UNDERSCORES;
    return types[format][said ? escaping + 1 : 0];
}
