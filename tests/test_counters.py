# SPDX-License-Identifier: Apache-2.0
"""After N requests the counters show N: under load, with disconnecting clients, and for business metrics."""
import random
import time

from support.http import csv_rows, raw_connection, raw_exchange, reset
from support.load import Load

HISTOGRAM = "http_request_duration_seconds_count"


def agree(metrics):
    """The counter and the histogram count the same events, for every series."""
    def series(name):
        return {tuple(sorted(s.labels.items())): s.value for s in metrics.select(name) if s.value}
    return series("http_requests_total") == series(HISTOGRAM)


def expect_total(service, expected):
    """Wait until all are counted: a scrape may fall between the counter and the histogram of one request."""
    metrics = service.settled(
        f"http_requests_total is {expected} and nothing in flight",
        lambda m: min(m.total("http_requests_total"), m.total(HISTOGRAM)) >= expected and m.total("http_requests_in_flight") == 0)
    assert metrics.total("http_requests_total") == expected
    assert metrics.total(HISTOGRAM) == expected
    assert agree(metrics)
    return metrics


def test_n_requests_of_each_kind_count_n(service, organisation):
    def action(c, n):
        return [
            lambda: c.get("/api/v1/prospects", limit=2),
            lambda: c.get("/api/v1/campaigns"),
            lambda: c.import_csv(csv_rows(2, start=2 * n)),
            lambda: c.get(f"/nowhere/{n}"),
            lambda: c.request("DELETE", "/api/v1/campaigns"),
            lambda: c.get("/api/v1/prospects", headers={"Authorization": "Bearer wrong"}),
        ][n % 6]().status
    load = Load(service, organisation, action, workers=6, each=600).join()
    assert not load.failures and load.answers == 3600
    metrics = expect_total(service, 3600)
    for status, n in load.statuses.items():
        assert metrics.total("http_requests_total", status_code=str(status)) == n
    assert metrics.total("http_requests_total", route="/api/v1/prospects", method="GET", status_code="200") == 600
    assert metrics.total("http_requests_total", route="/api/v1/prospects", method="GET", status_code="401") == 600
    assert metrics.total("http_requests_total", route="/api/v1/prospects/import", status_code="200") == 600
    assert metrics.total("http_requests_total", route="<unmatched>", status_code="404") == 600
    assert metrics.total("http_requests_total", method="DELETE", status_code="405") == 600
    assert metrics.total("http_requests_aborted_total") == 0
    assert metrics.total("prospects_processed_total", action="imported") == 1200


def test_scrapes_and_health_checks_are_not_counted(service, client):
    for path in ("/metrics", "/health", "/health/live", "/health/ready") * 5:
        assert client.get(path).status == 200
    assert service.metrics().total("http_requests_total") == 0


def head(method, path, key, length, more=""):
    return (f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: text/csv\r\n"
            f"Content-Length: {length}\r\n{more}\r\n").encode()


def test_clients_that_hang_up_are_counted_once(make_service):
    # A lost connection may be noticed only by a time-out, so make these short.
    service = make_service(IDLE_TIMEOUT=15, REQUEST_TIMEOUT=15)
    organisation = service.organisation()
    aborts = 60
    for i in range(aborts):
        s = raw_connection(service.port)
        s.sendall(head("POST", "/api/v1/prospects/import", organisation.key, 5000, "Expect: 100-continue\r\n"))
        assert s.recv(100).startswith(b"HTTP/1.1 100 "), "the server asks for the body"
        s.sendall(b"email\r\na@b.example\r\n")
        if i % 2:
            reset(s)
        else:
            s.close()
    client = service.client(organisation)
    for _ in range(40):
        assert client.get("/api/v1/prospects").status == 200
    metrics = expect_total(service, aborts + 40)
    assert metrics.total("http_requests_total", status_code="499") == aborts
    assert metrics.total("http_requests_aborted_total", route="/api/v1/prospects/import", method="POST") == aborts
    assert metrics.total("prospects_processed_total") == 0
    assert service.client(organisation).prospects() == []


def test_clients_that_do_not_wait_for_the_answer_are_counted_once(make_service):
    service = make_service(LOOPS=1, IDLE_TIMEOUT=15, REQUEST_TIMEOUT=15)
    organisation = service.organisation()
    seed = random.Random(1)
    n = 200
    for i in range(n):
        s = raw_connection(service.port)
        body = csv_rows(20, start=20 * i, tag="gone").encode()
        s.sendall(head("POST", "/api/v1/prospects/import", organisation.key, len(body)) + body)
        time.sleep(seed.choice([0, 0.001, 0.005]) + 0.002)  # the server has read the request and may have answered it
        (reset if i % 2 else type(s).close)(s)
    # A reset may overtake the request in the server's kernel. Every request that the server reads is counted once, as 200 or 499.
    # A request on an orderly closed connection is always read. Connections are accepted in order, so ours comes after all of them.
    metrics = service.settled("nothing in flight", lambda m: m.total("http_requests_in_flight") == 0
                              and m.total("http_requests_total") >= n / 2 and agree(m))
    total = metrics.total("http_requests_total")
    assert total == metrics.total(HISTOGRAM)
    by_status = {s: metrics.total("http_requests_total", status_code=s) for s in ("200", "499")}
    assert sum(by_status.values()) == total
    assert total <= n
    # Committed rows are counted, even if the client did not wait for the answer.
    rows = service.client(organisation).prospects()
    assert metrics.total("prospects_processed_total", action="imported") == len(rows)
    assert len(rows) >= by_status["200"] * 20


def test_each_pipelined_request_is_counted(service, organisation):
    one = f"GET /api/v1/campaigns HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {organisation.key}\r\n\r\n"
    last = one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
    received = raw_exchange(service.port, (one * 99 + last).encode())
    assert received.count(b"HTTP/1.1 200 ") == 100
    expect_total(service, 100)


def test_load_with_aborts_and_scrapes_at_once(make_service):
    service = make_service(IDLE_TIMEOUT=20, REQUEST_TIMEOUT=20)
    organisation = service.organisation()
    aborted = 0

    def action(c, n):
        return c.get("/api/v1/prospects", limit=3).status if n % 4 else c.import_csv(csv_rows(1, start=n)).status
    load = Load(service, organisation, action, workers=4)
    end = time.monotonic() + 6
    while time.monotonic() < end:
        s = raw_connection(service.port)
        s.sendall(head("POST", "/api/v1/prospects/import", organisation.key, 5000, "Expect: 100-continue\r\n"))
        assert s.recv(100).startswith(b"HTTP/1.1 100 ")
        reset(s)
        aborted += 1
        assert service.metrics().total("http_requests_in_flight") >= 0
    load.stop()
    assert not load.failures
    metrics = expect_total(service, load.answers + aborted)
    assert metrics.total("http_requests_total", status_code="499") == aborted
    assert metrics.total("http_requests_total", status_code="200") == load.statuses[200] == load.answers


def test_business_counters_match_the_events(service, organisation, client):
    good, bad = 300, 20
    file = csv_rows(good) + "no-address\r\n".replace("no-address", "no-address,X,Y,Z") * bad
    file += "row.7@example.invalid,Changed,,\r\n"
    answer = client.import_csv(file).json()
    assert (answer["imported"], answer["updated"], answer["rejected"]) == (good, 1, bad)

    def processed(m, action):
        return m.total("prospects_processed_total", organisation_id=organisation.id, action=action)
    # Jobs are counted after the commit, which also publishes the next job. So the next worker may count first.
    metrics = service.settled("prospects researched", lambda m: min(processed(m, "researched"), processed(m, "validated")) >= good)
    assert processed(metrics, "imported") == good + 1 and processed(metrics, "rejected") == bad
    assert processed(metrics, "validated") == processed(metrics, "researched") == good

    campaign = client.campaign(body="{{first_name}} of {{company}}")
    client.import_csv("email,first_name\r\nnobody@example.invalid,Nobody\r\n")  # no company: its draft fails
    service.settled("the last one researched", lambda m: processed(m, "researched") == good + 1)
    assert client.act(campaign, "start").status == 200
    assert client.act(campaign, "drafts").json()["enqueued"] == good + 1
    metrics = service.settled("drafts", lambda m: min(m.total("drafts_generated_total"), m.total("draft_generation_duration_seconds_count")) >= good + 1)
    assert metrics.total("drafts_generated_total") == metrics.total("draft_generation_duration_seconds_count") == good + 1
    assert metrics.total("drafts_generated_total", success="false", organisation_id=organisation.id) == 1
    # A draft that is rendered again by request is counted too.
    prospect = next(p["id"] for p in client.prospects() if p["email"].startswith("row."))
    assert client.request("POST", f"/api/v1/campaigns/{campaign}/drafts/{prospect}").status == 200
    service.settled("a draft more", lambda m: m.total("drafts_generated_total", success="true") == good + 1)
    service.settled("an active campaign", lambda m: m.total("active_campaigns", organisation_id=organisation.id) == 1)

    assert client.act(campaign, "send").status == 202
    metrics = service.settled("emails", lambda m: m.total("emails_sent_total", success="true") >= good)

    def accounted_for(m, queue):
        published = m.value("queue_messages_total", queue=queue, action="published")
        consumed = m.value("queue_messages_total", queue=queue, action="consumed")
        return published == consumed + m.total("queue_message_failures_total", queue=queue, reason="dead_lettered")
    metrics = service.settled("queues empty, every message accounted for", lambda m: m.total("queue_depth") == 0 and all(
        accounted_for(m, queue) for queue in {s.labels["queue"] for s in m.select("queue_messages_total")}))
    assert metrics.total("emails_sent_total", success="true", organisation_id=organisation.id, campaign_id=campaign) == good
    assert len(list(service.data_dir.glob("outbox/**/*.eml"))) == good
    stats = client.stats(campaign)
    assert stats["drafts"]["generated"] == good and stats["drafts"]["failed"] == 1 and stats["emails"]["sent"] == good

    assert client.act(campaign, "complete").status == 200
    metrics = service.settled("no active campaign", lambda m: m.total("active_campaigns") == 0)
    assert metrics.total("campaigns_processed_total", outcome="completed", organisation_id=organisation.id) == 1
