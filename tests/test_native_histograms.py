# SPDX-License-Identifier: Apache-2.0
"""Native histograms and exemplars of a C program over protobuf, read by an independent parser and by a real Prometheus."""
import math
import random
import time
from collections import Counter
from fractions import Fraction

import pytest
from support.ports import PATIENCE, wait_until
from support.protobuf import labels_of, native_buckets, seconds_of
from support.target import Target

QUANTILES = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999]


def index_of(value, schema):
    """Exactly as in the specification: the least i with value <= 2^(i × 2^-schema)."""
    v = Fraction(value)
    power = v ** (2 ** schema) if schema > 0 else v  # <= 2^i or, below schema 0, 2^(i × 2^-schema)
    exponent = power.numerator.bit_length() - power.denominator.bit_length()
    while Fraction(2) ** exponent < power:
        exponent += 1
    while Fraction(2) ** (exponent - 1) >= power:
        exponent -= 1
    return exponent if schema >= 0 else -(-exponent // 2 ** -schema)


def expect(histogram, values, schema, threshold):
    """The exposed histogram equals the one computed from all values."""
    finite = [v for v in values if not math.isnan(v)]
    side = {sign: Counter(index_of(abs(v), schema) for v in finite if abs(v) > threshold and (v < 0) == (sign < 0))
            for sign in (1, -1)}
    assert histogram.schema == schema
    assert histogram.zero_threshold == threshold
    assert histogram.sample_count == len(values)
    assert histogram.zero_count == sum(abs(v) <= threshold for v in finite)
    assert native_buckets(histogram.positive_span, histogram.positive_delta) == side[1]
    assert native_buckets(histogram.negative_span, histogram.negative_delta) == side[-1]
    assert histogram.sample_sum == pytest.approx(math.fsum(values), rel=1e-9)


def latencies(count, seed):
    draw = random.Random(seed)
    return [draw.lognormvariate(-3, 1.2) for _ in range(count)]


@pytest.mark.parametrize("schema", [-4, -1, 0, 3, 5, 8])
def test_buckets_match_the_values(target, schema):
    target.register("h", "native", schema, 256, 1e-6)
    draw = random.Random(schema)
    # a range that fits in 256 buckets: half an octave at schema 8, any range below schema 0
    spread = 2 ** (7 - schema) * 0.4
    values = [draw.choice((1, -1)) * 2 ** draw.uniform(-min(spread, 18), min(spread, 300)) for _ in range(600)]
    values += [0.0, -0.0, 1e-6, -1e-6, 1.0, 2.0, -1.0, 1.0]
    target.observe("h", values)
    expect(target.histogram("h"), values, schema, 1e-6)


def test_limit_halves_the_resolution(target):
    target.register("h", "native", 8, 20)
    values = latencies(3000, 1)
    target.observe("h", values)
    histogram = target.histogram("h")
    assert histogram.schema < 4
    expect(histogram, values, histogram.schema, 2.0 ** -128)
    assert len(native_buckets(histogram.positive_span, histogram.positive_delta)) <= 20


def test_no_observation_is_still_native(target):
    target.register("usual", "native")
    target.register("exact", "native", zero_threshold=-1.0)
    families = target.families()
    usual, exact = (families[name].metric[0].histogram for name in ("usual", "exact"))
    assert usual.zero_threshold == 2.0 ** -128 and not usual.positive_span
    assert exact.zero_threshold == 0
    assert [(span.offset, span.length) for span in exact.positive_span] == [(0, 0)]
    assert abs(seconds_of(exact.created) - time.time()) < PATIENCE


def test_infinities_and_nan(target):
    target.register("h", "native", 3)
    target.observe("h", [math.inf, -math.inf, math.inf, 1.7976931348623157e308])
    histogram = target.histogram("h")
    assert native_buckets(histogram.positive_span, histogram.positive_delta) == {8192: 1, 8193: 2}
    assert native_buckets(histogram.negative_span, histogram.negative_delta) == {8193: 1}
    target.observe("h", [math.nan])
    histogram = target.histogram("h")
    assert histogram.sample_count == 5 and math.isnan(histogram.sample_sum)
    assert native_buckets(histogram.positive_span, histogram.positive_delta) == {8192: 1, 8193: 2}


def test_classic_and_native_at_once(target):
    target.register("h", "both")
    values = latencies(2000, 2)
    target.observe("h", values)
    histogram = target.histogram("h")
    expect(histogram, values, 3, 2.0 ** -128)
    assert [b.upper_bound for b in histogram.bucket] == [.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, math.inf]
    for b in histogram.bucket:
        assert b.cumulative_count == sum(v <= b.upper_bound for v in values)


def test_exemplars_of_every_kind(target):
    target.register("native_h", "native")
    target.register("both_h", "both")
    target.register("classic_h", "classic")
    target.tell("count jobs_total abc123", "count plain_total",
                *(f"observe {name} {value} {name}-{value}" for name in ("native_h", "both_h", "classic_h")
                  for value in (0.003, 0.3, 7.0)))
    families = target.families()
    jobs = families["jobs_total"].metric[0].counter
    assert labels_of(jobs.exemplar) == {"trace_id": "abc123"} and jobs.exemplar.value == 1
    assert abs(seconds_of(jobs.exemplar.timestamp) - time.time()) < PATIENCE
    assert families["plain_total"].metric[0].counter.exemplar is None
    for name in ("native_h", "both_h", "classic_h"):
        histogram = families[name].metric[0].histogram
        wanted = {value: {"trace_id": f"{name}-{value}"} for value in (0.003, 0.3, 7.0)}
        in_buckets = {b.exemplar.value: labels_of(b.exemplar) for b in histogram.bucket if b.exemplar}
        assert {e.value: labels_of(e) for e in histogram.exemplars} == (wanted if name != "classic_h" else {})
        assert in_buckets == (wanted if name != "native_h" else {})
        lower = 0
        for b in histogram.bucket:
            assert b.exemplar is None or lower < b.exemplar.value <= b.upper_bound
            lower = b.upper_bound


def test_an_operator_overrides_the_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMC_OVERRIDES", "a histogram=native schema=1 max_buckets=9 zero_threshold=0.5; b histogram=classic;"
                                          "c histogram=both buckets=1,2")
    target = Target(tmp_path / "target.log")
    target.register("a", "classic")
    target.register("b", "native")
    target.register("c", "native")
    for name in "abc":
        target.observe(name, [0.5, 1.5])
    families = target.families()
    a, b, c = (families[name].metric[0].histogram for name in "abc")
    assert (a.schema, a.zero_threshold, a.zero_count, a.bucket) == (1, 0.5, 1, [])
    assert b.schema is None and len(b.bucket) == 12
    assert c.schema == 3 and [x.cumulative_count for x in c.bucket] == [1, 2, 2]
    assert target.close() == 0


def exact_quantile(values, q):
    """The value of that rank. histogram_quantile returns its bucket."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(q * len(ordered)) - 1))]


def test_quantiles_in_a_real_prometheus(target, generation, make_prometheus):
    values = latencies(20000, 3)
    target.register("fine", "native", 3)
    target.register("coarsened", "native", 8, 40)
    target.register("both", "both", 2)
    for name in ("fine", "coarsened", "both"):
        target.observe(name, values)
    prometheus = make_prometheus(target)
    schema = {name: target.histogram(name).schema for name in ("fine", "coarsened", "both")}
    assert schema["fine"] == 3 and schema["both"] == 2 and schema["coarsened"] < 5
    for name in schema:
        prometheus.shows(f"histogram_count({name})", len(values))
        prometheus.shows(f"histogram_sum({name})", pytest.approx(math.fsum(values)))
        growth = 2 ** 2 ** -schema[name]
        for q in QUANTILES:
            exact = exact_quantile(values, q)
            prometheus.shows(f"histogram_quantile({q}, {name})", lambda estimate, exact=exact, by=growth: exact / by <= estimate <= exact * by)


def test_exemplars_in_a_real_prometheus(target, generation, make_prometheus):
    target.register("latency", "classic")
    target.register("latency_native", "both")
    target.tell("count jobs_total of-the-counter", "observe latency 0.3 of-the-bucket", "observe latency_native 0.3 of-the-native")
    prometheus = make_prometheus(target)

    def traces():
        now = time.time()
        found = [e["labels"]["trace_id"] for query in ("jobs_total", "latency_bucket", "latency_native")
                 for series in prometheus.api("query_exemplars", query=query, start=now - 3600, end=now + 60)
                 for e in series["exemplars"]]
        return set(found) == {"of-the-counter", "of-the-bucket", "of-the-native"}
    wait_until("every exemplar in Prometheus", traces)
    wait_until("the target up", lambda: prometheus.target_state()["health"] == "up")  # a busy machine may miss a scrape


def test_the_service_by_an_override(make_service, generation, make_prometheus):
    """An override adds native buckets to the classic ones of ingest-api's request times, without recompiling."""
    service = make_service(PROMC_OVERRIDES="http_request_duration_seconds histogram=both schema=4; no_such_metric max_series=3")
    warnings = [line for line in service.log_lines() if "PROMC_OVERRIDES" in line["msg"]]
    assert [(line["level"], line["metric"]) for line in warnings] == [(40, "no_such_metric")]
    assert not [line for line in service.log_lines() if "bucket bound" in line["msg"]]
    client = service.client(service.organisation())
    for _ in range(20):
        assert client.get("/api/v1/prospects").status == 200
    prometheus = make_prometheus(service)
    route = '{method="GET",route="/api/v1/prospects",status_code="200"}'
    prometheus.shows(f"histogram_count(http_request_duration_seconds{route})", 20)
    prometheus.shows(f"histogram_quantile(0.99, http_request_duration_seconds{route})", lambda seconds: 0 < seconds < PATIENCE)


def test_an_override_that_breaks_alerts_is_warned_of_by_name(make_service):
    service = make_service(PROMC_OVERRIDES="http_request_duration_seconds buckets=0.1,1; eventloop_lag_seconds buckets=0.01")
    warnings = [(line["level"], line["metric"], line["bound"], line["alerts"]) for line in service.log_lines() if "bucket bound" in line["msg"]]
    assert warnings == [(40, "http_request_duration_seconds", 0.5, "HighLatency, LatencyBudgetBurn"),
                        (40, "eventloop_lag_seconds", 0.1, "EventLoopLag")]
