# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus that scrapes a service every second."""
from stack.servers import prometheus
from stack.web import fetch

from .ports import free_port, wait_until

__all__ = ["Prometheus", "fetch"]


class Prometheus(prometheus.Prometheus):
    def __init__(self, directory, target_port, job="ingest-api", interval="1s", wanted=("exemplar-storage", "native-histograms"),
                 more=(), **scrape):
        """more: ports of more targets; scrape: more members of the scrape configuration, e.g. scheme."""
        directory.mkdir(parents=True, exist_ok=True)
        super().__init__(directory, free_port(), wanted=wanted, log_path=directory / "prometheus.log")
        targets = [f"127.0.0.1:{port}" for port in (target_port, *more)]
        self.configure(**{"global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
                          "scrape_configs": [{"job_name": job, "static_configs": [{"targets": targets}], **scrape}]})
        self.start()
        wait_until("the targets scraped", lambda: [t["health"] != "unknown" for t in self.targets()] == [True] * len(targets))

    def target_state(self):
        """The state of its one target; {} before Prometheus has found it."""
        return next(iter(self.targets()), {})

    def query(self, expression, **options):
        """The value of an expression that has one result; None if it has none. `time`: the evaluation time."""
        result = self.api("query", query=expression, **options)["result"]
        assert len(result) <= 1, result
        return float(result[0]["value"][1]) if result else None

    def shows(self, expression, wanted):
        """Wait until an expression has this value, or a value for which `wanted` is true. On a busy machine Prometheus may miss a scrape.
        Then every series is gone until the next scrape, even if it was there a moment ago."""
        seen = []

        def look():
            seen[:] = [self.query(expression)]
            return seen[0] is not None and (wanted(seen[0]) if callable(wanted) else seen[0] == wanted)
        try:
            wait_until(expression, look)
        except AssertionError as error:
            raise AssertionError(f"{error}: it is {seen[0]}") from None

    def close(self):
        assert self.stop() == 0
        faults = prometheus.complaints(self.process.log())
        assert not faults, f"Prometheus complained: {faults[:5]}"
