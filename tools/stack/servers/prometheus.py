# SPDX-License-Identifier: Apache-2.0
"""Prometheus, from 2.42 to 3.x. Differences between versions are handled only here.

PROMETHEUS_BIN: a folder with `prometheus` and `promtool` to use instead of the system's: PROMETHEUS_BIN=$(scripts/prometheus-newest --where)
"""
import functools
import json
import os
import re
import subprocess

from .. import Fault, web
from ..process import PATIENCE
from ..server import Server, which

# Features that the service's metrics need.
WANTED = ("exemplar-storage", "native-histograms", "created-timestamp-zero-ingestion")


def program(name):
    """The path of `prometheus` or `promtool`."""
    return which(name, os.environ.get("PROMETHEUS_BIN"))


def known():
    """The installed program's features, from its --help."""
    done = subprocess.run([program("prometheus"), "--help"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    return parse_help(done.stdout + done.stderr)


def parse_help(said):
    found = re.search(r"feature names to enable\. Valid options: (.*?)\. ", " ".join(said.split()))
    if not found:
        raise Fault(f"prometheus --help does not list features: {said.strip()[:200]!r}")
    return {name.split()[0] for name in found[1].split(", ")}


def features(of, wanted=WANTED):
    """The values of --enable-feature: created timestamps since 2.50; a feature that became the default is no longer listed."""
    return [name for name in wanted if name in of]


def settings(of, wanted=WANTED):
    """The settings in `global:` of its configuration that replace features: native histograms since 3.9."""
    return {"scrape_native_histograms": True} if "native-histograms" in wanted and "native-histograms" not in of else {}


def with_settings(text, of, wanted=WANTED):
    """A configuration as text with settings() in its `global:`."""
    lines = "".join(f"  {name}: {json.dumps(value)}\n" for name, value in settings(of, wanted).items())
    return re.sub(r"^global:\n", lambda match: match.group() + lines, text, count=1, flags=re.MULTILINE)


def complaints(text):
    """Warnings and errors in its log: logfmt with lower-case levels before 3.0, upper-case since. The message about SIGTERM does not
    count; its text differs between 2.42 and 2.53."""
    return [line for line in text.splitlines() if re.search(r"\blevel=(warn|error)\b", line, re.IGNORECASE)
            and not re.search(r"Received (SIGTERM|an OS signal), exiting gracefully", line)]


class Prometheus(Server):
    """@param config its prometheus.yml, which must exist when it starts
    @param flags   in addition to the common ones
    @param wanted  names of features; versions that do not have one ignore it
    @param links   base address of links in alerts; default: its own, which has no pages in Debian's packages"""
    title = "Prometheus"

    def __init__(self, directory, port, config=None, flags=(), wanted=WANTED, name="prometheus", links=None, **options):
        super().__init__(name, directory, **options)
        self.port, self.flags, self.wanted = port, list(flags), tuple(wanted)
        self.config = config or self.directory / "prometheus.yml"
        self.links = links or self.url

    @functools.cached_property
    def known(self):
        return known()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def command(self):
        on = features(self.known, self.wanted)
        return [program("prometheus"), f"--config.file={self.seen(self.config)}", f"--storage.tsdb.path={self.seen(self.directory / 'data')}",
                f"--web.listen-address=127.0.0.1:{self.port}", f"--web.external-url={self.links}/",
                *([f"--enable-feature={','.join(on)}"] if on else []), *self.flags]

    def answers(self):
        return web.answers(f"{self.url}/-/ready")

    def configure(self, **sections):
        """Write a configuration (JSON is YAML) with the settings of its version."""
        sections["global"] = sections.get("global", {}) | settings(self.known, self.wanted)
        self.config.write_text(json.dumps(sections, indent=1), encoding="utf-8")

    def check(self, config=None):
        """Check its configuration, or a new one, with promtool."""
        config = config or self.config
        done = subprocess.run([program("promtool"), "check", "config", config], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Fault(f"promtool refuses {config} (made from infra/prometheus/): {done.stdout}{done.stderr}")

    # ---- its API

    def api(self, path, **query):
        """`data` of a response of /api/v1/."""
        answer = json.loads(web.fetch(web.query(f"{self.url}/api/v1/{path}", **query)))
        if answer["status"] != "success":
            raise Fault(f"{self.url}/api/v1/{path}: {answer}")
        return answer["data"]

    def targets(self):
        return self.api("targets", state="active")["activeTargets"]

    def rules(self):
        return [rule for group in self.api("rules")["groups"] for rule in group["rules"]]

    def pages(self):
        """Which web pages it has: Debian's package omits those that need npm, and has older ones or none."""
        for prefix in ("", "/classic"):
            found = [f"{prefix}/{name}" for name in ("targets", "rules", "alerts") if web.answers(f"{self.url}{prefix}/{name}")]
            if found:
                return found
        return []

    def alertmanagers(self):
        return [known["url"] for known in self.api("alertmanagers")["activeAlertmanagers"]]

    def target_is_up(self, job="ingest-api"):
        return any(target["labels"]["job"] == job and target["health"] == "up" for target in self.targets())
