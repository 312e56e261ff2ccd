# SPDX-License-Identifier: Apache-2.0
"""
A reader of the protobuf exposition (delimited io.prometheus.client.MetricFamily). It was written from metrics.proto of client_model and
the description of the wire format, without promc's code. A field that is not in the definition is an error, except for the padding.
"""
import struct
from types import SimpleNamespace

# name: (number, kind); "*" is repeated, a class name is a message
MESSAGES = {
    "MetricFamily": {1: "name string", 2: "help string", 3: "type varint", 4: "metric *Metric", 5: "unit string",
                     2047: "padding bytes"},
    "Metric": {1: "label *LabelPair", 2: "gauge Value", 3: "counter Counter", 4: "summary Summary", 5: "untyped Value",
               7: "histogram Histogram"},
    "LabelPair": {1: "name string", 2: "value string"},
    "Value": {1: "value double"},
    "Counter": {1: "value double", 2: "exemplar Exemplar", 3: "created Timestamp"},
    "Quantile": {1: "quantile double", 2: "value double"},
    "Summary": {1: "sample_count varint", 2: "sample_sum double", 3: "quantile *Quantile", 4: "created Timestamp"},
    "Histogram": {1: "sample_count varint", 2: "sample_sum double", 3: "bucket *Bucket", 5: "schema sint",
                  6: "zero_threshold double", 7: "zero_count varint", 9: "negative_span *BucketSpan",
                  10: "negative_delta *sint", 12: "positive_span *BucketSpan", 13: "positive_delta *sint",
                  15: "created Timestamp", 16: "exemplars *Exemplar"},
    "Bucket": {1: "cumulative_count varint", 2: "upper_bound double", 3: "exemplar Exemplar"},
    "BucketSpan": {1: "offset sint", 2: "length varint"},
    "Exemplar": {1: "label *LabelPair", 2: "value double", 3: "timestamp Timestamp"},
    "Timestamp": {1: "seconds varint", 2: "nanos varint"},
}
WIRE = {"varint": 0, "sint": 0, "double": 1}


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value & (1 << 64) - 1, at
        assert shift < 70, "a varint of more than ten bytes"


def unzigzag(n):
    return n >> 1 ^ -(n & 1)


def scalar(kind, data, at):
    if kind == "double":
        return struct.unpack_from("<d", data, at)[0], at + 8
    value, at = read_varint(data, at)
    return (unzigzag(value) if kind == "sint" else value), at


def parse(name, data):
    fields = MESSAGES[name]
    found = {text.split()[0]: [] if "*" in text else None for text in fields.values()}
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        field, kind = fields[tag >> 3].split()
        repeated, kind = kind.startswith("*"), kind.lstrip("*")
        if tag & 7 == 2:
            length, at = read_varint(data, at)
            body, at = data[at:at + length], at + length
            assert len(body) == length, f"{name}.{field} is cut off"
            values = []
            if kind in WIRE:  # packed
                assert repeated, f"{name}.{field} has the wrong type"
                inner = 0
                while inner < length:
                    value, inner = scalar(kind, body, inner)
                    values.append(value)
            else:
                values = [body if kind == "bytes" else body.decode() if kind == "string" else parse(kind, body)]
        else:
            assert WIRE.get(kind) == tag & 7, f"{name}.{field} has wire type {tag & 7}"
            value, at = scalar(kind, data, at)
            values = [value]
        if repeated:
            found[field] += values
        else:
            found[field] = values[-1]
    return SimpleNamespace(**found)


def read_families(data):
    """The messages of an exposition, in order."""
    families, at = [], 0
    while at < len(data):
        length, at = read_varint(data, at)
        assert at + length <= len(data), "the last message is cut off"
        families.append(parse("MetricFamily", data[at:at + length]))
        at += length
    return families


def labels_of(message):
    return {pair.name or "": pair.value or "" for pair in message.label}


def seconds_of(timestamp):
    return (timestamp.seconds or 0) + (timestamp.nanos or 0) / 1e9


def native_buckets(spans, deltas):
    """{index: count} of one side of a native histogram."""
    assert sum(span.length or 0 for span in spans) == len(deltas)
    buckets, index, count, rest = {}, 0, 0, iter(deltas)
    for number, span in enumerate(spans):
        assert number == 0 or (span.offset or 0) >= 0
        index += span.offset or 0
        for _ in range(span.length or 0):
            count += next(rest)
            assert count >= 0
            if count:
                buckets[index] = count
            index += 1
    return buckets
