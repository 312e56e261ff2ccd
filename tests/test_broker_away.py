# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ is down when the service starts: an alert pages, and the queue metrics come from the store. Then RabbitMQ comes up, the alert resolves, and
every panel has data.

Durations are divided by 60 (support/alerting.py). The seconds in docs/service/alerting.md are those of real time:
DELIVERY_SCALE=1 BUILD=build pytest -s tests/test_broker_away.py
"""
import json
import re
import time

import pytest

pytest.importorskip("aiosmtpd", reason="python3-aiosmtpd is not installed")

from support.alerting import SCALE, Alertmanager, Prometheus  # noqa: E402
from support.http import csv_rows  # noqa: E402
from support.ports import PATIENCE, wait_until  # noqa: E402
from support.proxy import Proxy  # noqa: E402
from support.receivers import Receivers  # noqa: E402
from support.service import ROOT  # noqa: E402

WAIT = PATIENCE if SCALE > 1 else 1200  # seconds to wait for a message
QUEUES = ("prospect.validate", "prospect.research", "draft.generate", "email.send")
CONNECTIONS = ("relay", "consumer", "monitor")
# Queries of the row Broker that stay empty: the broker disconnects nobody while it is up.
QUIET = {"sum by (connection, reason) (increase(amqp_disconnects_total"}


@pytest.fixture
def receivers():
    made = Receivers()
    yield made
    made.close()


@pytest.fixture
def alertmanager(tmp_path, receivers):
    made = Alertmanager(tmp_path / "alertmanager", receivers.secrets())
    yield made
    made.close()


@pytest.fixture
def watched(tmp_path, alertmanager):
    made = []

    def start(service):
        made.append(Prometheus(tmp_path / "prometheus", [f"127.0.0.1:{service.port}"], alertmanager))
        return made[0]
    yield start
    for prometheus in made:
        faults = prometheus.rule_faults()
        prometheus.close()
        assert not faults, faults


def broker_row():
    """The queries of the row Broker of the dashboard: (title, query)."""
    panels = json.loads((ROOT / "infra/grafana/dashboards/ingest-api.json").read_text())["panels"]
    rows = [panel["title"] if panel["type"] == "row" else None for panel in panels]
    first = rows.index("Broker") + 1
    for panel in panels[first:next(i for i in range(first, len(rows)) if rows[i])]:
        for target in panel["targets"]:
            values = {"job": "ingest-api", "instance": ".+", "__rate_interval": "60s"}
            yield panel["title"], re.sub(r"\$(\w+)", lambda match, values=values: values.get(match[1], ".+"), target["expr"])


def test_rabbitmq_away_from_the_start(make_service, rabbitmq_server, watched, receivers):
    url = rabbitmq_server.vhost()
    proxy = Proxy(rabbitmq_server.port)
    proxy.refusing = True
    try:
        begun = time.monotonic()
        service = make_service(QUEUE=url.replace(f":{rabbitmq_server.port}/", f":{proxy.port}/"), VALIDATION_DELAY=0)
        service.errors_allowed = True  # a failed health check logs an error
        first = service.metrics()
        for connection in CONNECTIONS:
            assert first.value("amqp_connection_up", connection=connection) == 0, "the series exists before the first connection"
        for queue in QUEUES:
            assert first.select("queue_depth_last_success_timestamp_seconds", queue=queue), "the series exists from the start"
        prometheus = watched(service)
        client = service.client(service.organisation())
        assert client.import_csv(csv_rows(40)).status == 200

        page = receivers.wait("pagerduty", "QueueBrokerDown", '"event_action": "trigger"', seconds=WAIT)
        assert page.body["payload"]["severity"] == "critical"
        seconds = page.at - begun
        # Meanwhile the values come from the store and are refreshed.
        service.settled("depth, age and their last success from the store", lambda m: m.value("queue_depth", queue="prospect.validate") > 0
                        and m.value("queue_oldest_message_age_seconds", queue="prospect.validate") > 0, PATIENCE)
        read = {queue: service.metrics().value("queue_depth_last_success_timestamp_seconds", queue=queue) for queue in QUEUES}
        service.settled("read again", lambda m: all(m.value("queue_depth_last_success_timestamp_seconds", queue=queue) > read[queue] for queue in QUEUES),
                        PATIENCE)
        assert not prometheus.firing("QueueDepthStale"), "it fires although the depth is known"
        for title, query in broker_row():
            if title in ("Connections up", "Messages in the store", "Oldest message in the store", "Depth last read", "Connections"):
                wait_until(f"{title} has data", lambda query=query: prometheus.values(query), WAIT)  # a missed scrape removes it for a second

        proxy.refusing = False
        mended = time.monotonic()
        cleared = receivers.wait("pagerduty", "QueueBrokerDown", '"event_action": "resolve"', seconds=WAIT)
        wait_until("the rows done", lambda: service.metrics().total("queue_depth") == 0, PATIENCE)

        def empty():
            if SCALE > 1:  # traffic, so that rate() has values
                client.import_csv(csv_rows(3, tag=f"r{time.monotonic_ns()}"))
            return [title for title, query in broker_row() if not query.startswith(tuple(QUIET)) and not prometheus.values(query)]
        wait_until("every panel of the row Broker has data", lambda: not empty(), WAIT)
        print(f"\nRabbitMQ down at the start, durations divided by {SCALE:g}: {seconds:.0f} s to the page, "
              f"{cleared.at - mended:.0f} s from its start to the all-clear")
    finally:
        proxy.close()
