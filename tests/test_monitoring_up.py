# SPDX-License-Identifier: Apache-2.0
"""make monitoring-up, -status, -reload, -down and similar targets, without containers."""
import json
import os
import re
import signal

import pytest
from stack.ports import listener
from stack.web import answers
from support.alerting import shipped_rules
from support.checkout import Checkout
from support.ports import free_port, is_listening, wait_until
from support.prometheus import fetch


@pytest.fixture
def checkout(tmp_path):
    made = Checkout(tmp_path / "checkout", programs=False)
    made.ports["GRAFANA_PORT"] = free_port()
    yield made
    made.run("make", "monitoring-down", MONITORING="native")
    assert not any(is_listening(made.ports[name]) for name in ("PROMETHEUS_PORT", "ALERTMANAGER_PORT"))
    made.close()


def make(checkout, target, status=0, **env):
    code, said = checkout.run("make", target, MONITORING="native", **env)
    assert code == status or (status != 0 and code != 0), said
    return said


def prometheus(checkout, path):
    return json.loads(fetch(f"http://127.0.0.1:{checkout.ports['PROMETHEUS_PORT']}/api/v1/{path}"))["data"]


def test_up_status_reload_down(checkout):
    said = make(checkout, "monitoring-up")
    assert "monitoring: native" in said and "Prometheus ready" in said and "Alertmanager ready" in said
    assert "alerts go to nobody" in said
    wait_until("Alertmanager known", lambda: prometheus(checkout, "alertmanagers")["activeAlertmanagers"], 30)
    assert "is already running" in make(checkout, "monitoring-up")

    said = make(checkout, "monitoring-status")
    assert f"rules        {len(shipped_rules())}, in error 0" in said and re.search(r"Alertmanager .* ready", said)
    assert re.search(r"target +ingest-api 127\.0\.0\.1:\d+: (down|unknown)", said)

    # A changed rule is loaded. A broken rule is refused, and the old rules stay.
    rules = checkout.root / "infra/prometheus/rules/queue.yml"
    shipped = rules.read_text()
    rules.write_text(shipped.replace("> 1000", "> 2000"))
    assert "loaded the new configuration" in make(checkout, "monitoring-reload")
    queries = [rule["query"] for group in prometheus(checkout, "rules")["groups"] for rule in group["rules"]]
    assert 'queue:queue_depth:max{job="ingest-api"} > 2000' in queries
    rules.write_text(shipped.replace("> 1000", "> > 1000"))
    said = make(checkout, "monitoring-reload", status=1)
    assert "promtool refuses" in said
    assert queries == [rule["query"] for group in prometheus(checkout, "rules")["groups"] for rule in group["rules"]]
    assert "> 2000" in (checkout.root / "var/monitoring/prometheus/rules/queue.yml").read_text(), "a restart would load the broken rule"
    rules.write_text(shipped)

    # A reload picks up a new secret.
    secrets = checkout.root / "var/secrets"
    secrets.mkdir()
    (secrets / "slack_webhook_url").write_text("http://127.0.0.1:9/slack")
    make(checkout, "monitoring-reload")
    assert "channel      slack" in make(checkout, "monitoring-status")

    said = make(checkout, "monitoring-down")
    assert "prometheus stopped" in said and "alertmanager stopped" in said
    assert "does not answer" in make(checkout, "monitoring-status", status=1)


def test_a_dead_server_is_restarted(checkout):
    make(checkout, "prometheus-up")
    port = checkout.ports["PROMETHEUS_PORT"]
    first = int(listener(port).partition("pid ")[2].rstrip(")"))
    os.kill(first, signal.SIGKILL)
    wait_until("it is back", lambda: (who := listener(port)) and f"pid {first})" not in who)
    wait_until("it answers", lambda: answers(f"http://127.0.0.1:{port}/-/ready"))
    assert f"prometheus (pid {first}) has ended with signal KILL" in checkout.log("monitoring")
    assert "prometheus stopped" in make(checkout, "monitoring-down")
    assert not is_listening(port)


def test_one_server_alone(checkout):
    assert "Prometheus ready" in make(checkout, "prometheus-up")
    assert not is_listening(checkout.ports["ALERTMANAGER_PORT"])
    assert "Alertmanager ready" in make(checkout, "alertmanager-up")


def test_a_taken_port_gives_one_clear_line(checkout, service):
    said = make(checkout, "prometheus-up", status=1, PROMETHEUS_PORT=service.port)
    assert f"port {service.port} (PROMETHEUS_PORT) is in use by ingest-api" in said


def test_grafana_without_an_engine_says_what_to_do(checkout):
    said = make(checkout, "grafana-up", status=1)
    assert "make dashboard-preview" in said
