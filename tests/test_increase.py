# SPDX-License-Identifier: Apache-2.0
"""`increase()` of the events of an API and a worker equals the numbers in the store.

Exact counters are not enough: if the first event creates a series, the series starts at that event's value, and increase() misses
the event. The table event × Prometheus × (rows, increase()) is printed at the end: `pytest -k increase`."""
import re
import sqlite3
from collections import namedtuple
from contextlib import closing

import pytest
from support.faults import record_increase
from support.http import csv_rows
from support.ports import PATIENCE, wait_until
from support.service import ROOT

BIRTH_ZERO_SECONDS = 15  # the service's value, from apps/ingest-api/src/metrics/metrics.c
REJECTED = "not-an-address,A,B,C\r\n"
# With one scrape a second, a busy machine misses some: so new series show 0 for ten seconds.
PACES = [pytest.param("1s", 10, id="1s"), pytest.param("5s", BIRTH_ZERO_SECONDS, marks=pytest.mark.long, id="5s")]

Event = namedtuple("Event", "metric truth")


def store(service, statement):
    with closing(sqlite3.connect(f"file:{service.data_dir / 'ingest.db'}?mode=ro", uri=True, timeout=PATIENCE)) as db:
        return dict(db.execute(statement).fetchall())


def emails(service):
    return store(service, "SELECT state, count(*) FROM outreach_emails GROUP BY state")


def increases(prometheus, events):
    """{event: increase() at the time of its last sample}, over a range that begins before all series."""
    def one(event):
        last = wait_until(event.metric, lambda: prometheus.query(f"max(timestamp({event.metric}))"))
        return prometheus.query(f"sum(increase({event.metric}[1h]))", time=f"{last:.3f}") or 0
    return {event: one(event) for event in events}


def flat(prometheus, events, seconds):
    """For this many seconds nothing has changed and no series was withheld."""
    young = prometheus.query(f"sum(max_over_time(promc_series_withheld[{seconds}s]))")
    return young == 0 and all(prometheus.query(f"sum(changes({event.metric}[{seconds}s]))") == 0 for event in events)


@pytest.mark.embedded
@pytest.mark.parametrize("interval, born", PACES)
def test_increase_equals_the_store(make_service, make_prometheus, relay, generation, interval, born):
    env = {"MAIL": relay.url} | ({} if born == BIRTH_ZERO_SECONDS else {"PROMC_OVERRIDES": f"* birth_zero_seconds={born}"})
    api = make_service(started=False, ROLE="api", **env)
    there = api.organisation("there before")
    api.start()
    worker = make_service(ROLE="worker", DATA_DIR=api.data_dir, **env)
    prometheus = make_prometheus(api, interval=interval, more=[worker.port])
    prometheus.shows("min(promc_birth_zero_seconds)", born)

    # The first request of a key is also the first import, so all series of the organisation are new at once.
    sizes, campaigns = (1, 10, 300), {}
    for size in sizes:
        client = api.client(there if size == 1 else api.organisation(f"made while both run: {size}"))
        assert client.import_csv(csv_rows(size, tag=f"of{size}") + REJECTED * size).json()["rejected"] == size
        campaigns[size] = client, client.campaign()
        assert client.act(campaigns[size][1], "start").status == 200
        assert client.act(campaigns[size][1], "drafts").json()["enqueued"] == size
    rows = sum(sizes)
    wait_until("a draft each", lambda: store(api, "SELECT state, count(*) FROM outreach_drafts GROUP BY state") == {"generated": rows})
    wait_until("every prospect researched", lambda: store(api, "SELECT status, count(*) FROM crm_prospects GROUP BY status") == {"researched": rows})
    # If a process ends before its series were scraped, they are lost. This limit is documented.
    before = Event('drafts_generated_total{success="true"}', rows)
    prometheus.shows(f"sum({before.metric})", rows)
    prometheus.shows('sum(prospects_processed_total{action="researched"})', rows)

    worker.stop()
    worker.start()
    for size in sizes:
        relay.mode = "refuse" if size == 10 else "take"
        client, campaign = campaigns[size]
        assert client.act(campaign, "send").status == 202
        wait_until("an email each", lambda: sum((e := emails(api)).get(s, 0) for s in ("accepted", "refused_recipient")) == sum(n for n in sizes if n <= size))
    worker.settled("every email counted", lambda m: m.total("emails_total") == rows)
    assert emails(api) == {"accepted": rows - 10, "refused_recipient": 10}

    events = [Event(f'{metric}{{success="{success}"}}', n) for metric in ("emails_sent_total", "emails_total")
              for success, n in (("true", rows - 10), ("false", 10))]
    events += [Event(f'{metric}{{success="true"}}', rows) for metric in ("drafts_generated_total", "drafts_total")]
    events += [Event(f'prospects_processed_total{{action="{action}"}}', rows) for action in ("imported", "rejected", "validated", "researched")]
    events += [Event('http_requests_total{route="/api/v1/prospects/import"}', len(sizes))]
    wait_until("no more changes", lambda: flat(prometheus, events, max(2 * born, 30)), interval=0.5)
    seen = increases(prometheus, events)
    said = prometheus.api("status/buildinfo")["version"]
    for event, value in seen.items():
        record_increase(event.metric, f"{said}, every {interval}", event.truth, value)
    assert {e.metric: v for e, v in seen.items() if v != pytest.approx(e.truth, rel=0.03)} == {}


def test_new_series_are_withheld_long_enough(service, client):
    """New series show 0 for at least two scrape intervals and one time-out of the shipped configuration, and only to scrapers."""
    shipped = (ROOT / "infra/prometheus/prometheus.yml").read_text(encoding="utf-8").partition("job_name: ingest-api")[2]
    interval, timeout = (int(re.search(rf"{name}: (\d+)s", shipped)[1]) for name in ("scrape_interval", "scrape_timeout"))
    metrics = service.metrics()
    assert 2 * interval + timeout <= metrics.value("promc_birth_zero_seconds") == BIRTH_ZERO_SECONDS
    client.import_csv(csv_rows(3))
    imported = 'prospects_processed_total{organisation_id="[^"]+",action="imported"} '
    service.settled("imported", lambda m: m.total("prospects_processed_total", action="imported") == 3)
    scraped = client.get("/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "4"})
    assert "X-Prometheus-Scrape-Timeout-Seconds" in scraped.headers["vary"]
    assert re.search(imported + "0$", scraped.text, re.MULTILINE), "a scraper must see 0 first"
    assert re.search(imported + "3$", client.get("/metrics").text, re.MULTILINE), "a request without the scrape header must see the value at once"
