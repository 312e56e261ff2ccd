/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file protobuf_parts.h
 * Parts of io.prometheus.client's messages for protobuf.c. Parts without a fixed size are first written to a buffer of the
 * scrape, so that their size is known before the message around them begins.
 */
#ifndef PROMC_EXPOSE_PROTOBUF_PARTS_H
#define PROMC_EXPOSE_PROTOBUF_PARTS_H

#include "base/bytes.h"
#include "expose/wire.h"
#include "types/exemplar.h"
#include "types/native.h"

#define PROMC_PROTOBUF_SECONDS_WIDTH 5
#define PROMC_PROTOBUF_NANOS_WIDTH 5
/** Body of a google.protobuf.Timestamp. */
#define PROMC_PROTOBUF_TIMESTAMP (2 + PROMC_PROTOBUF_SECONDS_WIDTH + PROMC_PROTOBUF_NANOS_WIDTH)

static inline char *promc_protobuf_double(char *out, int field, double value)
{
    *out++ = PROMC_WIRE_TAG(field, PROMC_WIRE_FIXED64);
    return promc_wire_double(out, value);
}

char *promc_protobuf_timestamp(char *out, int field, double seconds);

/** The body of an Exemplar. */
void promc_protobuf_exemplar(struct promc_bytes *bytes, const struct promc_exemplar_view *exemplar);

/** The fields of a Histogram that make it a native one. */
void promc_protobuf_native(struct promc_bytes *bytes, const struct promc_native_view *native);
/** Their maximum size without any bucket. Each bucket adds PROMC_NATIVE_BUCKET_BYTES. */
#define PROMC_PROTOBUF_NATIVE_FIXED 40

#endif
