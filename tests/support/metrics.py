# SPDX-License-Identifier: Apache-2.0
"""Scrapes, parsed by the reference parsers of Prometheus' Python client."""
import subprocess

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from .ports import PATIENCE

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Samples:
    """The samples of one scrape. Select them by name and by some of their labels."""

    def __init__(self, text, parser=parse_text):
        self.families = list(parser(text))
        self.samples = [s for family in self.families for s in family.samples]

    def select(self, name, **labels):
        return [s for s in self.samples
                if s.name == name and all(s.labels.get(k) == v for k, v in labels.items())]

    def total(self, name, **labels):
        """The sum over all series with these labels; 0 if there are none."""
        return sum(s.value for s in self.select(name, **labels))

    def value(self, name, **labels):
        found = self.select(name, **labels)
        assert len(found) == 1, f"{name}{labels}: {len(found)} series"
        return found[0].value

    def names(self):
        return {s.name for s in self.samples}


def scrape(client, openmetrics=False):
    answer = client.get("/metrics", headers={"Accept": OPENMETRICS if openmetrics else "text/plain;version=0.0.4"})
    assert answer.status == 200, answer
    expected = "application/openmetrics-text" if openmetrics else "text/plain"
    assert answer.headers["content-type"].startswith(expected), answer.headers
    return Samples(answer.text, parse_openmetrics if openmetrics else parse_text)


def promtool_check(text):
    """Check an exposition in the text format with promtool. Return its complaints, or None."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=PATIENCE)
    return None if done.returncode == 0 else f"status {done.returncode}\n{done.stdout}{done.stderr}"
