# SPDX-License-Identifier: Apache-2.0
"""All readers accept /metrics: promtool, the strict OpenMetrics parser, a real Prometheus."""
import gzip
import urllib.parse

import pytest
from support.http import csv_rows, raw_exchange
from support.load import Load
from support.metrics import OPENMETRICS, promtool_check, scrape

# A client controls: the method, the path, the id in it, the query, the request id, the names of its CSV columns.
HOSTILE = ['"', "\\", "\n", "\r\n", '"} 1\nevil_metric 1\n#', "\x00", "\x01\x7f", "é", "\u202e", "😀", "{id}", "%s%n",
           "../../etc/passwd", "a" * 3000, "' OR 1=1 --", "le=\"+Inf\"", "# EOF", "\t"]


def check_everything(client):
    text = client.get("/metrics", headers={"Accept": "text/plain;version=0.0.4"}).text
    assert promtool_check(text) is None
    samples = scrape(client)
    strict = scrape(client, openmetrics=True)
    assert samples.names() <= strict.names()
    return samples


def test_accepted_after_the_start(client):
    check_everything(client)


def test_content_negotiation(client):
    for accept, expected in [
        (None, "text/plain; version=0.0.4"), ("*/*", "text/plain; version=0.0.4"), ("text/html", "text/plain; version=0.0.4"),
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0"),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.9", "text/plain; version=0.0.4"),
        ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
         "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "application/openmetrics-text; version=1.0.0"),
    ]:
        answer = client.get("/metrics", headers={"Accept": accept} if accept else None)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith(expected), (accept, answer.headers)
        assert answer.text.endswith("# EOF\n") == expected.startswith("application/openmetrics")


def test_all_accept_headers_count_and_vary_is_sent(service):
    answer = raw_exchange(service.port, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: text/plain;q=0.5\r\n"
                                        b"Accept: application/openmetrics-text;version=1.0.0\r\n\r\n").decode()
    head, _, body = answer.partition("\r\n\r\n")
    assert "\r\nContent-Type: application/openmetrics-text; version=1.0.0" in head and "# EOF\n" in body
    assert "\r\nVary: Accept, Accept-Encoding" in head


def test_gzip_only_on_request(client):
    plain = client.get("/metrics", **{"name[]": "ingest_api_build_info"})
    assert "content-encoding" not in plain.headers
    packed = client.get("/metrics", headers={"Accept-Encoding": "br;q=1, gzip;q=0.5"}, **{"name[]": "ingest_api_build_info"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(client.get("/metrics", headers={"Accept-Encoding": "gzip"}).body) < len(client.get("/metrics").body) / 3
    refused = client.get("/metrics", headers={"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers


def test_a_fraction_of_a_second_is_a_time_out(client):
    """This time-out is shorter than the collectors need. The scraper gets a 503 and not half of the metrics."""
    answer = client.get("/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "0.000001"})
    assert answer.status == 503 and answer.error_code == "scrape_failed" and answer.headers["retry-after"] == "1"
    assert client.get("/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "9.5"}).status == 200


def test_accepted_after_every_kind_of_traffic(service, organisation, client):
    assert client.import_csv(csv_rows(50) + "broken\r\n").status == 200
    campaign = client.campaign()
    for verb in ("start", "drafts", "send"):
        assert client.act(campaign, verb).status in (200, 202)
    service.settled("emails sent", lambda m: m.total("emails_sent_total", success="true") == 50)
    client.act(campaign, "complete")
    client.get("/api/v1/prospects", headers={"Authorization": "Bearer nobody"})
    client.request("DELETE", "/api/v1/prospects")
    samples = check_everything(client)
    assert samples.value("drafts_generated_total", organisation_id=organisation.id, success="true") == 50


def test_hostile_values_make_no_labels_and_no_series(service, organisation, client):
    def hostile_requests(suffix):
        for value in HOSTILE:
            quoted = urllib.parse.quote(value + suffix, safe="")
            for path in (f"/{quoted}", f"/api/v1/prospects/{quoted}", f"/api/v1/campaigns/{quoted}/stats",
                         f"/api/v1/prospects?cursor={quoted}&email={quoted}"):
                answer = client.get(path, headers={"X-Request-Id": urllib.parse.quote(value)})
                assert 400 <= answer.status < 500 or "?" in path, (path, answer)
        # Bytes that no URL library sends: raw quotes, 8-bit bytes, unknown methods. A raw newline would end the line.
        for line in (b'GET /"><&\\ HTTP/1.1', b"GET /\xff\xfe\x80 HTTP/1.1", b'G"E{T} / HTTP/1.1', b"\xc3\xa9VIL /x HTTP/1.1",
                     b"BREW /" + b"coffee" * 10 + suffix.encode() + b" HTTP/1.1", b"get /health HTTP/1.1"):
            raw_exchange(service.port, line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        column = client.import_csv('email,"{evil=""1""}\n"\r\nhostile' + suffix + '@example.invalid,x\r\n')
        assert column.status in (200, 400, 422)

    def series(samples):
        """The series of requests and rows. Other series may appear meanwhile: jobs and periodic work run their first queries."""
        return {(s.name, *sorted(s.labels.items())) for s in samples.samples if s.name.startswith(("http_", "prospects_"))}
    hostile_requests("")
    first = check_everything(client)
    hostile_requests("again")
    second = check_everything(client)
    assert series(second) == series(first) != set(), "hostile values made new series"
    spoilt = [s for s in second.samples for text in s.labels.values() if "again" in text or "hostile" in text or "coffee" in text or "evil" in text]
    assert not spoilt, "a label contains a client's value"
    methods = {s.labels["method"] for s in second.select("http_requests_total")}
    assert methods <= {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "OTHER"}, methods
    routes = {s.labels["route"] for s in second.select("http_requests_total")}
    assert all(r in ("<unmatched>", "/unsubscribe/{token}") or r.startswith("/api/v1/") for r in routes), routes
    assert second.total("http_requests_total", route="<unmatched>", method="OTHER") > 0
    assert not second.select("evil_metric")


def test_unknown_paths_make_no_series(client):
    for i in range(20):
        client.get(f"/warm-up/{i}")
    def http_series():  # other series may appear meanwhile: periodic work runs its first queries
        return {line.rpartition(" ")[0] for line in client.get("/metrics").text.splitlines() if line.startswith("http_")}
    before = http_series()
    for i in range(1000):
        assert client.get(f"/unknown/{i}").status == 404
    assert http_series() == before
    assert "/unknown/" not in client.get("/metrics").text


@pytest.mark.parametrize("openmetrics", [False, True], ids=["text", "openmetrics"])
def test_every_scrape_under_load_is_complete(service, organisation, client, openmetrics):
    def action(c, n):
        if n % 3:
            return c.get("/api/v1/prospects", limit=5).status
        return c.import_csv(csv_rows(5, start=n * 5)).status
    load = Load(service, organisation, action)
    try:
        scraper = service.client()
        last = 0
        for i in range(30):
            samples = scrape(scraper, openmetrics)
            if not openmetrics and i % 10 == 0:
                assert promtool_check(scraper.get("/metrics").text) is None
            check_histograms(samples)
            total = samples.total("http_requests_total")
            assert total >= last, "a counter decreased"
            last = total
    finally:
        load.stop()
    assert not load.failures and set(load.statuses) == {200}
    assert last > 0


def check_histograms(samples):
    """Every histogram of a scrape is consistent: buckets never decrease, and the last equals the count."""
    series = {}
    for s in samples.samples:
        if s.name.endswith("_bucket"):
            labels = tuple(sorted((k, v) for k, v in s.labels.items() if k != "le"))
            series.setdefault((s.name[:-7], labels), []).append((float(s.labels["le"]), s.value))
    assert series
    counts = {(s.name, tuple(sorted(s.labels.items()))): s.value for s in samples.samples if s.name.endswith("_count")}
    for (name, labels), buckets in series.items():
        values = [v for _, v in sorted(buckets)]
        assert values == sorted(values), (name, labels)
        assert values[-1] == counts[name + "_count", labels], (name, labels)


def test_openmetrics_says_the_same_as_text(service, client):
    client.import_csv(csv_rows(3))
    client.get("/nowhere")
    service.settled("the jobs done", lambda m: all(m.total("prospects_processed_total", action=a) == 3 for a in ("validated", "researched")))
    text, strict = scrape(client), scrape(client, openmetrics=True)
    # Values that change between the two scrapes are not compared. le is 1 in one format and 1.0 in the other.
    moving = ("process_", "malloc_", "eventloop_", "promc_", "nodejs_", "db_", "queue_", "cgroup_", "psi_", "node_", "data_dir_")

    def stable(samples):
        return {(s.name, tuple(sorted((k, float(v) if k == "le" else v) for k, v in s.labels.items()))): s.value
                for s in samples.samples if not s.name.startswith(moving) and not s.name.endswith("_created")}
    assert stable(text) == stable(strict)
