/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file encoder.h
 * The interface between the walk (scrape.c) and the syntaxes (text.c, openmetrics.c, protobuf.c).
 *
 * The walk knows families, series and the caller's buffer, but not the format of a line. A syntax knows one family
 * and one series at a time, and never walks. For each family: begin_family(), then for each series begin_series() and
 * put() until `unit == units`, then end_family().
 *
 * A *unit* is written at once: a line of text, a Metric message. The walk guarantees `unit_max` bytes of room for it:
 * in the caller's buffer if they fit there, else in its own buffer, which it hands out in parts. So slices may have any
 * size, and the bytes are the same.
 */
#ifndef PROMC_EXPOSE_ENCODER_H
#define PROMC_EXPOSE_ENCODER_H

#include "base/bytes.h"
#include "read/snapshot.h"

#include <promc/scrape.h>

struct promc_encoder;

struct promc_syntax {
    /**
     * encoder->family is new: prepare what all its series share, and the head in encoder->head.
     * @return 0, or PROMC_E_NOMEM, which ends the scrape.
     */
    int (*begin_family)(struct promc_encoder *encoder);
    /** encoder->series is new: read its values, set units, unit_max and unit = 0. @return as begin_family. */
    int (*begin_series)(struct promc_encoder *encoder);
    /** Write units from `unit` on while there are unit_max bytes up to `end`, at least one. @return the end of what was written. */
    char *(*put)(struct promc_encoder *encoder, char *out, const char *end);
    /**
     * Optional, a faster way for many series: write whole ones while they fit, and advance the reading past them. It may stop at any
     * series, which then goes through begin_series() and put(). Not called for a family whose series expire or are born
     * at zero. @return the end of what was written.
     */
    char *(*put_series)(struct promc_encoder *encoder, struct promc_reading *reading, char *out, const char *end);
    /** The family has no further series: set units, unit_max and unit = 0 if something must be written after them. NULL: never. */
    void (*end_family)(struct promc_encoder *encoder);
    /** The text at the very end; "" for none. */
    promc_str foot;
};

/** One piece of a prepared line, inside encoder->prepared. */
struct promc_piece {
    uint32_t at, length;
};

/** The parts of text lines: `LEAD labels TAIL number`, prepared once per family. One lead for each kind of line. */
enum promc_lead {
    PROMC_LEAD_VALUE,
    PROMC_LEAD_BUCKET,
    PROMC_LEAD_QUANTILE,
    PROMC_LEAD_SUM,
    PROMC_LEAD_COUNT,
    PROMC_LEAD_CREATED,
    PROMC_LEADS
};

/** State of the text syntaxes. Zeroed at the beginning of the scrape. */
struct promc_text_state {
    struct promc_bytes prepared; /**< of the family: the head, leads, tails */
    struct promc_piece head;
    struct promc_piece leads[PROMC_LEADS];
    struct promc_piece tail;
    struct promc_piece bucket_tails[PROMC_MAX_BUCKETS + 1];
    uint32_t longest_lead, longest_tail;
    unsigned buckets;         /**< lines of a series that are buckets or quantiles: the first ones */
    enum promc_lead first;    /**< their lead */
    enum promc_lead after[4]; /**< the lines after them */
    unsigned after_count;
    promc_str labels; /**< labels of the series, as they are written */
    bool
        labels_as_rendered; /**< the labels are the arena's own text; otherwise they are rendered again for each series */
    struct promc_bytes spelt; /**< the labels that were rendered again */
    bool exemplars;           /**< the series has created timestamps, and the format shows them */
    unsigned skipped;         /**< lines of `after` that this series omits */
};

/** State of protobuf.c. */
struct promc_protobuf_state {
    struct promc_bytes prepared;
    struct promc_piece fields;                   /**< of the MetricFamily, before the first Metric */
    struct promc_piece constants;                /**< the LabelPairs that all series have */
    struct promc_piece names[PROMC_LABELS_MOST]; /**< LabelPair.name, with tag and length */
    struct promc_piece overflow_name;            /**< LabelPair.name of an overflow series' own label */
    size_t value_size;                           /**< of a series with counts of COUNT_WIDTH */
    size_t series_fixed;                         /**< bytes of all labels of a series without the values */
    uint64_t remaining;                          /**< announced bytes of the message that are not written yet */
    bool ending;                                 /**< no further series: only padding */
    promc_str values[PROMC_LABELS_MOST];
    unsigned count_width;
    struct promc_bytes parts;                                /**< parts of the series without a fixed size */
    struct promc_piece native;                               /**< in it: the native fields */
    struct promc_piece exemplars[PROMC_EXEMPLAR_PLACES_MAX]; /**< in it: bodies of Exemplar by place; length 0: none */
    bool any_parts;                  /**< the parts are of this series; otherwise they are invalid */
    size_t parts_size;               /**< their size in the message, with tags and lengths */
    uint64_t exemplar_room;          /**< announced bytes that are left for exemplars */
    size_t metric_body, metric_size; /**< of the series; the latter with tag and length */
    unsigned length_width;           /**< width of metric_body as it is written */
};

struct promc_encoder {
    promc_registry *registry;
    const struct promc_syntax *syntax;
    enum promc_escaping escaping;
    bool openmetrics;
    bool scraper; /**< young series are shown as 0: series/birth.h */
    bool created_timestamps;
    bool no_timestamps;

    struct promc_family_view family;
    struct promc_series_view series;
    bool withheld;  /**< the series is young: all its values are 0, and it has no exemplars */
    promc_str head; /**< head of the family: handed out before its first series */
    unsigned unit;  /**< the next unit of the series */
    unsigned units;
    size_t unit_max; /**< room for any unit of this series */

    struct promc_values values; /**< of the series */
    uint64_t running;           /**< sum of the buckets before `unit` */

    struct promc_text_state text;
    struct promc_protobuf_state protobuf;
};

extern const struct promc_syntax promc_syntax_text;
extern const struct promc_syntax promc_syntax_openmetrics;
extern const struct promc_syntax promc_syntax_protobuf;

/** Read the values of encoder->series, all of one instant; `unit` and `running` start at 0. Every begin_series() starts with it. */
static inline void promc_encoder_read_values(struct promc_encoder *encoder)
{
    encoder->unit = 0;
    encoder->running = 0;
    encoder->values.timed = false;
    if (PROMC_UNLIKELY(encoder->withheld)) {
        promc_values_withhold(&encoder->family, encoder->series.child, &encoder->values);
        return;
    }
    /* If false, the values are not of one instant. They are shown anyway. */
    (void)encoder->family.ops->read(encoder->registry, encoder->series.child, &encoder->values);
    encoder->values.timed = encoder->values.timed && !encoder->no_timestamps;
}

#endif
