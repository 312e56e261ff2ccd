# SPDX-License-Identifier: Apache-2.0
"""Alert routing: all combinations of severity and component through amtool, and the generated configuration."""
import os
import stat
import subprocess

import pytest
import yaml
from support.alerting import shipped_rules
from support.service import ROOT

SOURCE = ROOT / "infra/alertmanager/alertmanager.yml"
COMPONENTS = ("api", "queue", "database", "system", "business", "monitoring")


def route(labels, config=SOURCE):
    done = subprocess.run(["amtool", "config", "routes", "test", f"--config.file={config}", *[f"{k}={v}" for k, v in labels.items()]],
                          capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip().split(",")


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("severity", ("critical", "warning", "none", "other"))
def test_matrix(severity, component):
    expected = {
        "critical": ["webhook", "pagerduty", "slack"],
        "warning": ["webhook", "slack"],
        "none": ["none"],
        "other": ["slack"],  # an unknown component: its alerts are not lost
    }[severity]
    if component == "business":
        expected = {"critical": ["webhook", "pagerduty", "slack", "email"], "warning": ["webhook", "email"],
                    "none": ["none"], "other": ["email"]}[severity]
    assert route({"alertname": "Some", "severity": severity, "component": component, "job": "ingest-api"}) == expected


def test_every_shipped_alert_is_routed_by_severity():
    for rule in shipped_rules():
        if "alert" not in rule:
            continue
        labels = {"alertname": rule["alert"], **rule["labels"]}
        receivers = route(labels)
        if rule["alert"] == "Watchdog":
            assert receivers == ["deadman"]
        elif labels["component"] == "business":
            assert receivers == ["webhook", "email"]
        elif labels["severity"] == "critical":
            assert receivers == ["webhook", "pagerduty", "slack"]
        else:
            assert receivers == ["webhook", "slack"]


def test_an_alert_without_labels_is_not_lost():
    assert route({"alertname": "Foreign"}) == ["slack"]


def test_the_watchdog_is_sent_every_minute():
    """Alertmanager checks every group_interval whether repeat_interval has passed. If one were a multiple of the other, the result would be
    random."""
    deadman = next(child for child in yaml.safe_load(SOURCE.read_text())["route"]["routes"] if child["receiver"] == "deadman")
    look, repeat = (int(deadman[key].removesuffix("s")) for key in ("group_interval", "repeat_interval"))
    assert repeat % look and (repeat // look + 1) * look == 60


# ---- the generated configuration ----

ALL = {"slack_webhook_url": "http://127.0.0.1:9/s", "pagerduty_routing_key": "key", "smtp_smarthost": "127.0.0.1:9",
       "webhook_url": "http://127.0.0.1:9/w", "deadman_url": "http://127.0.0.1:9/d"}


def make_config(tmp_path, secrets, *options):
    folder = tmp_path / "secrets"
    folder.mkdir(exist_ok=True)
    for name, value in secrets.items():
        (folder / name).write_text(value + "\n")
    out = tmp_path / "alertmanager.yml"
    done = subprocess.run([ROOT / "scripts/alertmanager-config", "--secrets", folder, "--out", out, *options],
                          capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    checked = subprocess.run(["amtool", "check-config", out], capture_output=True, text=True, timeout=180, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    return yaml.safe_load(out.read_text()), done.stdout, out


def channels(config):
    return {receiver["name"] for receiver in config["receivers"] if len(receiver) > 1}


def test_no_secret_at_all(tmp_path):
    config, said, out = make_config(tmp_path, {})
    assert channels(config) == set()
    assert said.count(": off (") == 5
    # Routing is unchanged: the same receivers, but they notify nobody.
    assert route({"alertname": "A", "severity": "critical", "component": "api"}, out) == ["webhook", "pagerduty", "slack"]


def test_one_channel(tmp_path):
    config, said, _ = make_config(tmp_path, {"slack_webhook_url": "http://127.0.0.1:9/s", "pagerduty_routing_key": ""})
    assert channels(config) == {"slack"}
    assert "Slack: on" in said and "PagerDuty: off" in said


def test_all_channels_with_secrets_kept_out_of_the_file(tmp_path):
    config, _, out = make_config(tmp_path, {**ALL, "slack_webhook_url": "http://127.0.0.1:9/SECRET",
                                            "pagerduty_routing_key": "SECRET", "smtp_password": "SECRET"})
    assert channels(config) == {"slack", "pagerduty", "email", "webhook", "deadman"}
    assert "SECRET" not in out.read_text()
    assert stat.S_IMODE(os.stat(out).st_mode) & 0o007 == 0
    assert config["global"]["smtp_require_tls"] is True


def test_paths_inside_a_container(tmp_path):
    config, _, _ = make_config(tmp_path, ALL, "--secrets-as", "/run/secrets", "--templates", "/etc/alertmanager/templates")
    assert config["global"]["slack_api_url_file"] == "/run/secrets/slack_webhook_url"
    assert config["templates"] == ["/etc/alertmanager/templates/*.tmpl"]


def test_links_use_the_address_in_the_secrets(tmp_path):
    """If the secrets have another address of the dashboards, it replaces the templates' address in every text with a link."""
    config, _, out = make_config(tmp_path, {**ALL, "grafana_url": "https://boards.example/"})
    texts = [text for receiver in config["receivers"] for text in strings(receiver) if 'template "prospectflow.' in text]
    assert len(texts) > 10
    assert all(text.startswith('{{ define "prospectflow.grafana" }}https://boards.example{{ end }}') for text in texts)


def strings(node):
    if isinstance(node, str):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        yield from strings(child)
