# SPDX-License-Identifier: Apache-2.0
"""`make cluster` as a user runs it: two APIs, two workers, PostgreSQL, RabbitMQ, a load balancer, Prometheus."""
import json
import os
import re
import socket
from pathlib import Path
from urllib.parse import urlencode

import pytest
from backends import PostgreSQL, RabbitMQ
from support.checkout import STACK, Checkout
from support.http import Client, csv_rows
from support.ports import free_port, is_listening, wait_until
from support.prometheus import fetch

NAMES = ("PORT", "API1_PORT", "API2_PORT", "WORKER1_PORT", "WORKER2_PORT", "POSTGRES_PORT", "RABBITMQ_PORT", "RABBITMQ_METRICS_PORT",
         "RABBITMQ_DIST_PORT", "EPMD_PORT", "SMTP_PORT", "BALANCER_METRICS_PORT", "PROMETHEUS_PORT", "ALERTMANAGER_PORT")
PATIENCE = 240


@pytest.fixture
def checkout(tmp_path):
    if not PostgreSQL.installed() or not RabbitMQ.installed() or not Path("/usr/sbin/haproxy").exists():
        pytest.skip("the cluster's servers are not installed (make setup)")
    made = Checkout(tmp_path / "checkout")
    made.ports |= {name: free_port() for name in NAMES if name not in made.ports}
    yield made
    made.close()


def prometheus(checkout, path):
    return json.loads(fetch(f"http://127.0.0.1:{checkout.ports['PROMETHEUS_PORT']}/api/v1/{path}"))["data"]


def value(checkout, expression):
    result = prometheus(checkout, f"query?{urlencode({'query': expression})}")["result"]
    return float(result[0]["value"][1]) if result else None


@pytest.mark.slow
def test_from_start_to_ctrl_c(checkout):
    cluster = checkout.start(STACK, "cluster").ready(PATIENCE)
    # PostgreSQL, epmd, RabbitMQ, mail, Prometheus, Alertmanager, two APIs, two workers, HAProxy
    pids = wait_until("eleven servers", lambda: len(found := cluster.children()) == 11 and found, PATIENCE)
    if os.geteuid() == 0 and "running the servers as root" not in cluster.said:
        for pid in pids:
            status = Path(f"/proc/{pid}/status").read_text()
            assert not re.search(r"^Uid:.*\b0\b", status, re.MULTILINE), status

    def active():
        return prometheus(checkout, "targets?state=active")["activeTargets"]
    wait_until("all of them scraped in time", lambda: {t["health"] for t in active()} == {"up"}, PATIENCE)
    targets = active()
    assert {t["labels"]["instance"] for t in targets if t["labels"]["job"] == "ingest-api"} == {
        f"127.0.0.1:{checkout.ports[name]}" for name in ("API1_PORT", "API2_PORT", "WORKER1_PORT", "WORKER2_PORT")}
    assert {"rabbitmq", "haproxy", "prometheus", "alertmanager"} <= {t["labels"]["job"] for t in targets}

    kept = checkout.root / "var/cluster/secrets"  # the APIs see one organisation at a time; no process serves requests with the owner's role
    assert "//ingest_api:" in (kept / "store").read_text() and "//ingest_worker:" in (kept / "store_worker").read_text()

    # Through the load balancer: an import, a campaign, its emails. Both APIs get requests.
    key = re.search(r"Bearer (\S+?)'", cluster.said).group(1)
    n, client = 100, Client(checkout.ports["PORT"], key)
    assert client.import_csv(csv_rows(n)).json()["imported"] == n
    campaign = client.campaign()
    assert client.act(campaign, "start").status == 200 and client.act(campaign, "send").status == 202
    wait_until("every email sent", lambda: client.stats(campaign)["emails"]["sent"] == n, PATIENCE)
    received = list((checkout.root / "var/cluster/mail/received/new").iterdir())
    assert len(received) == n
    client.close()
    for _ in range(20):
        client = Client(checkout.ports["PORT"], key)
        assert client.get("/api/v1/campaigns").status == 200
        client.close()
    assert Client(checkout.ports["PORT"]).get("/metrics").status == 404, "the balancer must not pass on the metrics of one replica"
    wait_until("both APIs counted", lambda: value(
        checkout, 'count(sum by (instance) (http_requests_total{job="ingest-api"}) > 0)') == 2, PATIENCE)
    wait_until("the emails counted", lambda: value(checkout, 'sum(emails_sent_total{success="true"})') == n, PATIENCE)
    # Each process that reads the shared queue exposes its depth, so use max.
    wait_until("the queue shown empty", lambda: value(checkout, 'max by (queue) (queue_depth{queue="email.send"})') == 0, PATIENCE)

    cluster.press_ctrl_c()
    assert cluster.wait(PATIENCE) == 0, cluster.said
    assert cluster.said.rstrip().endswith("cluster: stopped")
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert not [name for name in NAMES if is_listening(checkout.ports[name])]
    for name in ("api-1", "api-2", "worker-1", "worker-2"):
        log = (checkout.root / "var/cluster/log" / f"{name}.log").read_text()
        assert '"level":60' not in log and '"status":0,"msg":"stopped"' in log, log[-2000:]


def test_a_busy_port_is_one_clear_line(checkout):
    with socket.socket() as s:
        s.bind(("127.0.0.1", checkout.ports["RABBITMQ_PORT"]))
        s.listen()
        status, said = checkout.run(STACK, "cluster")
    assert status == 1 and len(said.strip().splitlines()) == 1, said
    assert "RABBITMQ_PORT" in said and str(checkout.ports["RABBITMQ_PORT"]) in said and "make cluster" in said
    assert not (checkout.root / "var/cluster/postgres").exists()
