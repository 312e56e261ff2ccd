# SPDX-License-Identifier: Apache-2.0
"""A family is the same metric in every format that a real Prometheus scrapes: UTF-8 names by protobuf and by text, on each version. A
native-only histogram arrives as native and not as one bucket."""
import pytest
from support.ports import wait_until

# Prometheus keeps these names since 3.0. Before that, the scrape negotiates underscores.
COUNTER, HISTOGRAM = "requêtes.servies_total", "durée.de.réponse"
ESCAPED = {COUNTER: "requ_tes_servies_total", HISTOGRAM: "dur_e_de_r_ponse"}
BY = {"protobuf": ("native-histograms",), "text": ()}


def names(prometheus):
    return set(prometheus.api("label/__name__/values"))


def selector(name):
    return f'{{__name__="{name}"}}'


@pytest.fixture
def both_ways(generation, target, make_prometheus):
    """({"protobuf", "text"}, names): two Prometheus servers of one generation that scrape the same program, and their names of the families."""
    target.register(HISTOGRAM, "classic")
    target.register("alone", "native")
    target.observe(HISTOGRAM, [0.003, 0.3, 7.0])
    target.observe("alone", [0.003, 0.3, 7.0, 8.0])
    target.tell(f"count {COUNTER}", f"count {COUNTER}")
    asked = {way: make_prometheus(target, wanted=wanted) for way, wanted in BY.items()}
    version = asked["text"].api("status/buildinfo")["version"]
    called = (lambda name: name) if int(version.split(".")[0]) >= 3 else ESCAPED.get
    for prometheus in asked.values():
        prometheus.shows(selector(called(COUNTER)), 2)
    return asked, called


def test_a_name_in_utf8_is_one_metric(both_ways):
    asked, called = both_ways
    for prometheus in asked.values():
        prometheus.shows(selector(called(COUNTER)), 2)
        prometheus.shows(selector(called(HISTOGRAM) + "_count"), 3)
        prometheus.shows(f'sum({{__name__="{called(HISTOGRAM)}_bucket", le=~"0.5|1|1.0|\\\\+Inf"}})', 2 + 2 + 3)
    def ours():
        return {way: {name for name in names(p) if not name.startswith(("scrape_", "alone"))} - {"up"} for way, p in asked.items()}
    # The two scrape at different times, and a busy machine misses some scrapes.
    wait_until("the same names by both ways", lambda: (n := ours())["protobuf"] == n["text"])
    of_ours = ours()
    assert {called(COUNTER), called(HISTOGRAM) + "_bucket", called(HISTOGRAM) + "_sum"} <= of_ours["text"]
    assert not of_ours["text"] & ({*ESCAPED, *ESCAPED.values()} - {called(name) for name in ESCAPED})


def test_a_native_histogram_arrives_as_native(both_ways):
    asked, _ = both_ways
    by_protobuf, by_text = asked["protobuf"], asked["text"]
    by_protobuf.shows("histogram_count(alone)", 4)
    by_protobuf.shows("histogram_quantile(0.9, alone)", lambda seconds: 6 < seconds <= 8.1)
    assert not names(by_protobuf) & {"alone_bucket", "alone_count", "alone_sum"}
    # In the text format it has only the bucket +Inf: count and sum are right, but there is no data for a quantile.
    by_text.shows("alone_count", 4)
    by_text.shows('alone_bucket{le="+Inf"}', 4)
    by_text.shows("count(alone_bucket)", 1)
    assert "alone" not in names(by_text)


def test_the_service_with_native_histograms_only(make_service, generation, make_prometheus):
    """An override makes the request times native only. With the flags that the stack sets for its version, Prometheus has their quantile."""
    service = make_service(PROMC_OVERRIDES="http_request_duration_seconds histogram=native")
    client = service.client(service.organisation())
    for _ in range(20):
        assert client.get("/api/v1/prospects").status == 200
    prometheus = make_prometheus(service)
    route = '{method="GET",route="/api/v1/prospects",status_code="200"}'
    prometheus.shows(f"histogram_count(http_request_duration_seconds{route})", 20)
    prometheus.shows(f"histogram_quantile(0.99, http_request_duration_seconds{route})", lambda seconds: seconds > 0)
    assert prometheus.query("count(http_request_duration_seconds_bucket)") is None
