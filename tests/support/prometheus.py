# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus that scrapes a service every second."""
import json
import urllib.parse
import urllib.request

from .ports import PATIENCE, free_port, wait_until
from .process import Process

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(url, timeout=PATIENCE):
    with _opener.open(url, timeout=timeout) as answer:
        return answer.read()


class Prometheus:
    def __init__(self, directory, target_port, job="ingest-api", interval="1s", features="exemplar-storage,native-histograms"):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.target = f"127.0.0.1:{target_port}"
        directory.mkdir(parents=True, exist_ok=True)
        config = directory / "prometheus.yml"
        config.write_text(f"""
global: {{scrape_interval: {interval}, scrape_timeout: {interval}, evaluation_interval: {interval}}}
scrape_configs:
  - job_name: {job}
    static_configs: [{{targets: ['{self.target}']}}]
""")
        self.process = Process("prometheus", [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}", f"--enable-feature={features}",
        ], directory / "prometheus.log")
        wait_until("Prometheus ready", self._ready)
        wait_until("the target scraped", lambda: self.target_state().get("health", "unknown") != "unknown")

    def _ready(self):
        assert self.process.running(), self.process.log()[-3000:]
        try:
            return fetch(self.url + "/-/ready")
        except OSError:
            return False

    def api(self, path, **query):
        answer = json.loads(fetch(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"))
        assert answer["status"] == "success", answer
        return answer["data"]

    def target_state(self):
        """What Prometheus says of its one target; {} before it has found it."""
        return next(iter(self.api("targets", state="active")["activeTargets"]), {})

    def query(self, expression):
        """The value of an expression with one result, None for none."""
        result = self.api("query", query=expression)["result"]
        assert len(result) <= 1, result
        return float(result[0]["value"][1]) if result else None

    def close(self):
        assert self.process.stop() == 0
        faults = [line for line in self.process.log().splitlines() if ("level=error" in line or "level=warn" in line)
                  and "Received SIGTERM" not in line]
        assert not faults, f"Prometheus complained: {faults[:5]}"
