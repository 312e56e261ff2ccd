# SPDX-License-Identifier: Apache-2.0
"""The real Prometheus and Alertmanager with the shipped rules, routes and templates, at higher speed.

The files of infra/ are used unchanged except for addresses and durations: every duration (`for`, windows, offsets,
intervals, group_wait …) is divided by SCALE. Thresholds, labels, texts, routing and inhibition are the shipped ones;
`scaled` asserts that nothing but durations differs. DELIVERY_SCALE=1 runs the tests at real speed (over an hour).
"""
import os
import re
import subprocess

import yaml
from stack import web
from stack.servers import alertmanager as alertmanagers
from stack.servers import prometheus as prometheuses

from .ports import PATIENCE, free_port, wait_until
from .service import ROOT

SCALE = float(os.environ.get("DELIVERY_SCALE", "60"))
SCRAPE_SECONDS = 1 if SCALE > 1 else 5
INFRA = ROOT / "infra"
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"^(\d+)(ms|[smhd])$")
# Durations inside an expression: [5m] and offset 10050m.
IN_EXPRESSION = re.compile(r"(?<=\[)\d+(?:ms|[smhd])(?=\])|(?<=offset )\d+(?:ms|[smhd])\b")
DURATION_KEYS = {"for", "keep_firing_for", "interval", "evaluation_interval", "group_wait", "group_interval",
                 "repeat_interval", "resolve_timeout"}


def shipped_rules():
    """Every rule of infra/prometheus/rules, alerts and records."""
    return [rule for path in sorted((INFRA / "prometheus/rules").glob("*.yml"))
            for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def shorter(text):
    number, unit = DURATION.match(text).groups()
    milliseconds = round(int(number) * UNITS[unit] * 1000 / SCALE)
    return f"{milliseconds}ms" if milliseconds else "0s"


def shorter_in_expression(match):
    """A window stays at least four scrapes long, as lint requires of the shipped rules. An offset is divided like the rest."""
    short = shorter(match.group())
    if match.string[match.start() - 1] != "[":
        return short
    return max(short, f"{4 * SCRAPE_SECONDS * 1000}ms", key=milliseconds) if SCALE > 1 else short


def scaled(node, key=""):
    """A configuration with its durations divided by SCALE."""
    if isinstance(node, dict):
        return {name: scaled(value, name) for name, value in node.items()}
    if isinstance(node, list):
        return [scaled(value, key) for value in node]
    if key in DURATION_KEYS and isinstance(node, str):
        return shorter(node)
    if key == "expr":
        short = IN_EXPRESSION.sub(shorter_in_expression, node)
        assert IN_EXPRESSION.sub("-", short) == IN_EXPRESSION.sub("-", node), "more than a duration would change"
        return short
    return node


class Alertmanager(alertmanagers.Alertmanager):
    def __init__(self, directory, secrets):
        directory.mkdir(parents=True)
        (directory / "secrets").mkdir()
        for name, value in secrets.items():
            (directory / "secrets" / name).write_text(value)
        made = directory / "alertmanager.yml"
        subprocess.run([ROOT / "scripts/alertmanager-config", "--secrets", directory / "secrets", "--out", made],
                       check=True, capture_output=True, timeout=PATIENCE)
        config = yaml.safe_load(made.read_text())
        config["route"] = scaled(config["route"])
        # Alertmanager refuses an interval of 0, and one below a second is shorter than a scrape.
        for route in [config["route"], *config["route"]["routes"]]:
            if "group_interval" in route:
                route["group_interval"] = max(route["group_interval"], "1s", key=milliseconds)
            if "repeat_interval" in route:
                route["repeat_interval"] = max(route["repeat_interval"], "1s", key=milliseconds)
        made.write_text(yaml.safe_dump(config, sort_keys=False))
        super().__init__(directory, free_port(), log_path=directory / "alertmanager.log")
        self.start()

    def inhibited(self, **labels):
        return [alert for alert in self.alerts(**labels) if alert["status"]["inhibitedBy"]]

    def post(self, *alerts, annotations=None):
        """Send alerts as Prometheus does: label sets, with the external labels added."""
        annotations = annotations or (lambda labels: {
            "summary": f"summary of {labels['alertname']}", "description": f"description of {labels['alertname']}",
            "runbook_url": "http://127.0.0.1/runbook"})
        web.send("POST", self.url + "/api/v2/alerts",
                 [{"labels": {"cluster": "prospectflow", "environment": "development", **labels}, "annotations": annotations(labels),
                   "generatorURL": "http://127.0.0.1/graph"} for labels in alerts])

    def close(self):
        assert self.stop() == 0


class Prometheus(prometheuses.Prometheus):
    """A Prometheus with the shipped rules that scrapes `targets` as job ingest-api."""

    def __init__(self, directory, targets, alertmanager=None):
        directory.mkdir(parents=True)
        (directory / "rules").mkdir()
        for path in (INFRA / "prometheus/rules").glob("*.yml"):
            rules = scaled(yaml.safe_load(path.read_text()))
            for group in rules["groups"]:
                if "interval" in group:
                    group["interval"] = max(group["interval"], "1s", key=milliseconds)
            (directory / "rules" / path.name).write_text(yaml.safe_dump(rules, sort_keys=False))
        config = yaml.safe_load((INFRA / "prometheus/prometheus.yml").read_text())
        config["global"] |= {"scrape_interval": f"{SCRAPE_SECONDS}s", "scrape_timeout": f"{SCRAPE_SECONDS}s",
                             "evaluation_interval": f"{SCRAPE_SECONDS}s"}
        config["scrape_configs"] = [job for job in config["scrape_configs"] if job["job_name"] in ("ingest-api", "prometheus", "alertmanager")]
        super().__init__(directory, free_port(), wanted=("exemplar-storage", "native-histograms"), log_path=directory / "prometheus.log", flags=[
            "--rules.alert.resend-delay=1s" if SCALE > 1 else "--rules.alert.resend-delay=1m"])
        addresses = {"ingest-api": list(targets), "prometheus": [f"127.0.0.1:{self.port}"],
                     "alertmanager": [f"127.0.0.1:{alertmanager.port}"] if alertmanager else []}
        for job in config["scrape_configs"]:
            job.pop("scrape_interval", None), job.pop("scrape_timeout", None), job.pop("file_sd_configs", None)
            job["static_configs"] = [{"targets": addresses[job["job_name"]]}]
        config["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": addresses["alertmanager"]}]
        self.configure(**config)
        self.start()
        if alertmanager:
            wait_until("Alertmanager known to Prometheus", self.alertmanagers)

    def values(self, expression):
        """{labels as a sorted tuple: value}"""
        return {tuple(sorted(item["metric"].items())): float(item["value"][1])
                for item in self.api("query", query=expression)["result"]}

    def firing(self, alertname):
        return [alert for alert in self.api("alerts")["alerts"]
                if alert["labels"]["alertname"] == alertname and alert["state"] == "firing"]

    def rule_faults(self):
        return [(rule["name"], rule["lastError"]) for rule in self.rules() if rule["health"] == "err"]

    def close(self):
        assert self.stop() == 0


def milliseconds(text):
    number, unit = DURATION.match(text).groups()
    return int(number) * UNITS[unit]
