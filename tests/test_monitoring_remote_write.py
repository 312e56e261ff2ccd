# SPDX-License-Identifier: Apache-2.0
"""remote_write to a long-term store: every sample arrives, also those from a time when the store was down."""
import json
import shutil
import subprocess
import time
import urllib.parse

import pytest
import yaml
from stack.process import Process
from stack.servers.prometheus import Prometheus
from stack.web import answers, fetch
from support.http import csv_rows
from support.ports import free_port, wait_until
from support.service import ROOT

FOLDER = ROOT / "infra/prometheus/remote-write"


def merged(name):
    """prometheus.yml merged with one of the remote-write files, as docs/service/monitoring-scale.md describes."""
    config = yaml.safe_load((ROOT / "infra/prometheus/prometheus.yml").read_text())
    extra = yaml.safe_load((FOLDER / name).read_text())
    config["global"]["external_labels"] |= extra.get("global", {}).get("external_labels", {})
    config["remote_write"] = extra["remote_write"]
    return config


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.yml")))
def test_configuration(tmp_path, name):
    config = merged(name)
    config["rule_files"] = [str(ROOT / "infra/prometheus/rules/*.yml")]
    for write in config["remote_write"]:
        if "basic_auth" in write:  # promtool checks that the file exists
            write["basic_auth"]["password_file"] = str(tmp_path / "password")
            (tmp_path / "password").write_text("x")
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    done = subprocess.run(["promtool", "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class Store:
    """VictoriaMetrics. It can be stopped and started again on the same data."""

    def __init__(self, directory):
        self.directory, self.port = directory, free_port()
        directory.mkdir()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        self.process = Process("victoria-metrics", [
            "victoria-metrics", f"-storageDataPath={self.directory / 'data'}", f"-httpListenAddr=127.0.0.1:{self.port}",
            "-retentionPeriod=12", "-search.latencyOffset=0s", "-loggerLevel=WARN",
        ], self.directory / "log")
        wait_until("VictoriaMetrics ready", lambda: answers(self.url + "/health"), 30)

    def export(self, selector):
        """{labels: {milliseconds: value}}"""
        text = fetch(f"{self.url}/api/v1/export?{urllib.parse.urlencode({'match[]': selector})}").decode()
        found = {}
        for line in text.splitlines():
            item = json.loads(line)
            # null: Prometheus's stale marker.
            found.setdefault(tuple(sorted(item["metric"].items())), {}).update(
                {at: value for at, value in zip(item["timestamps"], item["values"]) if value is not None})
        return found


@pytest.mark.skipif(not shutil.which("victoria-metrics"), reason="victoria-metrics is not installed")
def test_every_sample_arrives(tmp_path, make_service):
    service = make_service()
    client = service.client(service.organisation())
    store = Store(tmp_path / "store")
    config = merged("victoria-metrics.yml")
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["rule_files"], config["alerting"] = [], {}
    config["scrape_configs"] = [{"job_name": "ingest-api", "static_configs": [{"targets": [f"127.0.0.1:{service.port}"]}]}]
    config["remote_write"][0]["url"] = f"{store.url}/api/v1/write"
    config["remote_write"][0]["queue_config"] |= {"batch_send_deadline": "1s", "min_backoff": "100ms", "max_backoff": "1s"}
    prometheus = Prometheus(tmp_path, free_port(), wanted=("exemplar-storage", "native-histograms"), log_path=tmp_path / "prometheus.log")
    prometheus.configure(**config)
    prometheus.launch()
    url = prometheus.url
    try:
        prometheus.wait_ready()

        def raw(selector, seconds=3600):
            """The same from Prometheus: its stored samples, without stale markers."""
            query = urllib.parse.urlencode({"query": f"{selector}[{seconds}s]"})
            result = json.loads(fetch(f"{url}/api/v1/query?{query}"))["data"]["result"]
            external = {"cluster": "prospectflow", "environment": "development"}
            return {tuple(sorted((item["metric"] | external).items())): {round(float(at) * 1000): float(value) for at, value in item["values"]}
                    for item in result}

        def scrapes():
            return sum(len(samples) for samples in raw('up{job="ingest-api"}').values())

        wait_until("scraped", scrapes)
        for i in range(5):
            client.import_csv(csv_rows(50, start=50 * i))
            seen = scrapes()
            wait_until("scraped", lambda: scrapes() > seen, interval=0.2)
        # The store is down for some seconds. Samples of that time wait in Prometheus's WAL.
        store.process.stop()
        down_from = time.time() * 1000
        def in_outage():
            return [at for samples in raw('process_resident_memory_bytes{job="ingest-api"}').values() for at in samples if at > down_from]
        number = iter(range(5, 10**6))

        def three_scrapes_more():
            client.import_csv(csv_rows(50, start=50 * next(number)))
            return len(in_outage()) >= 3
        wait_until("scrapes while the store is down", three_scrapes_more, interval=0.8)
        down_until = time.time() * 1000
        store.start()
        client.import_csv(csv_rows(50, start=50 * next(number)))
        seen = scrapes()
        wait_until("scrapes with the store back", lambda: scrapes() > seen + 2, interval=0.2)
        service.stop()  # no more scrapes: the data of both sides stops changing
        wait_until("the last scrape", lambda: 0 in [value for samples in raw('up{job="ingest-api"}').values() for value in samples.values()])

        for selector in ('prospects_processed_total{job="ingest-api"}', 'http_requests_total{job="ingest-api",status_code="200"}',
                         'http_request_duration_seconds_bucket{job="ingest-api"}', 'process_resident_memory_bytes{job="ingest-api"}',
                         'queue_depth{job="ingest-api"}'):
            here = raw(selector)
            assert here

            def equal(here=here, selector=selector):
                there = store.export(selector)
                return {k: v for k, v in there.items() if v} == here
            try:
                wait_until(f"{selector} equal", equal, 60, 0.5)
            except AssertionError:
                there = store.export(selector)
                missing = {labels: sorted(set(samples.items()) ^ set(there.get(labels, {}).items()))[:5]
                           for labels, samples in here.items() if samples != there.get(labels)}
                raise AssertionError(f"{selector}: {len(here)} series here, {len(there)} there; differing: {list(missing.items())[:3]}") from None
        outage = [at for samples in raw('process_resident_memory_bytes{job="ingest-api"}').values() for at in samples
                  if down_from < at < down_until]
        assert len(outage) >= 2, "nothing was scraped while the store was down, so the test proves nothing"
        # Series that the configuration drops are in Prometheus only.
        assert raw('eventloop_lag_seconds_bucket{job="ingest-api"}') and not store.export("eventloop_lag_seconds_bucket")
        # This store does not keep exemplars (docs/service/monitoring-scale.md). A query for them is no error and returns none.
        answer = json.loads(fetch(f"{store.url}/api/v1/query_exemplars?{urllib.parse.urlencode({'query': 'http_requests_total', 'start': 0, 'end': time.time()})}"))
        assert answer["status"] == "success" and not answer["data"]
        sent = fetch(url + "/metrics").decode()
        for name in ("prometheus_remote_storage_samples_failed_total", "prometheus_remote_storage_samples_dropped_total"):
            failed = [line for line in sent.splitlines() if line.startswith(name + "{")]
            # "dropped" counts samples dropped by relabelling, "failed" those that could not be sent at all.
            assert failed and (name.endswith("dropped_total") or all(line.endswith(" 0") for line in failed)), failed
    finally:
        prometheus.stop()
        if store.process.running():
            store.process.stop()
