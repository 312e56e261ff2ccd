# SPDX-License-Identifier: Apache-2.0
"""Prometheus, from 2.42 to 3.x. What differs between its versions is said here and nowhere else."""
import json
import re
import subprocess

from .. import Fault, web
from ..server import Server

PROGRAM = "prometheus"
# What the service's metrics are best read with.
WANTED = ("exemplar-storage", "native-histograms", "created-timestamp-zero-ingestion")


def version(program=PROGRAM):
    """(2, 42) of the program on PATH."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        raise Fault(f"{program} is not installed; run make setup") from None
    return parse_version(done.stdout + done.stderr)


def parse_version(said):
    found = re.search(r"version (\d+)\.(\d+)", said)
    if not found:
        raise Fault(f"{PROGRAM} --version says {said.strip()[:200]!r}: no version in it")
    return int(found[1]), int(found[2])


def features(of, wanted=WANTED):
    """The words of --enable-feature for this version. An unknown one is a warning in its log; one that became a setting is said
    in the configuration instead, see settings()."""
    since = {"created-timestamp-zero-ingestion": (2, 50)}
    until = {"native-histograms": (3, 8)}
    return [name for name in wanted if since.get(name, (0, 0)) <= of < until.get(name, (9999, 0))]


def settings(of, wanted=WANTED):
    """What belongs into `global:` of its configuration for the same: a feature once, a setting since 3.8."""
    return {"scrape_native_histograms": True} if "native-histograms" in wanted and of >= (3, 8) else {}


def with_settings(text, of, wanted=WANTED):
    """A configuration as text with settings() in its `global:`."""
    lines = "".join(f"  {name}: {json.dumps(value)}\n" for name, value in settings(of, wanted).items())
    return re.sub(r"^global:\n", lambda match: match.group() + lines, text, count=1, flags=re.MULTILINE)


def complaints(text):
    """The lines of its log that are warnings or errors: logfmt with small letters before 3.0, with capitals since."""
    return [line for line in text.splitlines() if re.search(r"\blevel=(warn|error)\b", line, re.IGNORECASE)]


class Prometheus(Server):
    """@param config its prometheus.yml, which somebody has written by the time it starts
    @param flags   on top of what every one of ours has
    @param wanted  features, as its newest version calls them"""
    title = "Prometheus"

    def __init__(self, directory, port, config=None, flags=(), wanted=WANTED, name="prometheus", **options):
        super().__init__(name, directory, **options)
        self.port, self.flags, self.wanted = port, list(flags), tuple(wanted)
        self.config = config or self.directory / "prometheus.yml"
        self.version = version()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def command(self):
        on = features(self.version, self.wanted)
        return [PROGRAM, f"--config.file={self.seen(self.config)}", f"--storage.tsdb.path={self.seen(self.directory / 'data')}",
                f"--web.listen-address=127.0.0.1:{self.port}", f"--web.external-url={self.url}/",
                *([f"--enable-feature={','.join(on)}"] if on else []), *self.flags]

    def answers(self):
        return web.answers(f"{self.url}/-/ready")

    def configure(self, **sections):
        """Writes a configuration (JSON is YAML) with the settings of its version."""
        sections["global"] = sections.get("global", {}) | settings(self.version, self.wanted)
        self.config.write_text(json.dumps(sections, indent=1), encoding="utf-8")

    def check(self, config=None):
        """promtool's word on its configuration, or on what is to become it."""
        config = config or self.config
        done = subprocess.run(["promtool", "check", "config", config], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Fault(f"promtool refuses {config} (made from infra/prometheus/): {done.stdout}{done.stderr}")

    # ---- its API

    def api(self, path, **query):
        """`data` of an answer of /api/v1/."""
        answer = json.loads(web.fetch(web.query(f"{self.url}/api/v1/{path}", **query)))
        if answer["status"] != "success":
            raise Fault(f"{self.url}/api/v1/{path}: {answer}")
        return answer["data"]

    def targets(self):
        return self.api("targets", state="active")["activeTargets"]

    def rules(self):
        return [rule for group in self.api("rules")["groups"] for rule in group["rules"]]

    def alertmanagers(self):
        return [known["url"] for known in self.api("alertmanagers")["activeAlertmanagers"]]

    def target_is_up(self, job="ingest-api"):
        return any(target["labels"]["job"] == job and target["health"] == "up" for target in self.targets())
