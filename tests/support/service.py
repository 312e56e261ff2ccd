# SPDX-License-Identifier: Apache-2.0
"""Starts ingest-api for a test, with its own folder and port, and keeps all its output."""
import json
import os
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from stack.servers.ingest_api import IngestApi

from .http import Client
from .metrics import scrape
from .ports import PATIENCE, free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
BINARY = BUILD / "apps/ingest-api/ingest-api"
ERROR = 50  # pino's number

# A developer's own settings must not change the tests: those of ingest-api, also as NAME_FILE, and those of `make run` and the like.
_OURS = (*re.findall(r"^\| `(\w+)`", (ROOT / "docs/service/settings.md").read_text(encoding="utf-8"), re.M),
         "ON_DEATH", "DEMO_", "DRILL_", "MONITORING", "ALERTMANAGER_SECRETS")


def clean_environment(**overrides):
    env = {k: v for k, v in os.environ.items() if not k.startswith(_OURS)}
    env.update({k: str(v) for k, v in overrides.items()})
    return env


@dataclass
class Organisation:
    id: str
    key: str


class Service(IngestApi):
    def __init__(self, directory, **env):
        directory = Path(directory)
        super().__init__("ingest-api", directory, free_port(), BINARY, log_path=directory / "ingest-api.log")
        self.data_dir = directory / "data"
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.env = clean_environment(**({"HOST": "127.0.0.1", "PORT": self.port, "DATA_DIR": self.data_dir, "VALIDATION_DELAY": 0,
                                        "MAIL_FROM": "ProspectFlow <hello@prospectflow.test>"} | env))
        self.errors_allowed = False  # set by tests that cause errors
        self._clients = []

    def environment(self):
        return dict(self.env)

    def working_directory(self):
        return self.directory

    def stop(self, seconds=PATIENCE):
        """Send SIGTERM and assert a clean exit."""
        status = super().stop(max(seconds, PATIENCE))
        assert status == 0, f"ingest-api ended with {status}:\n{self.process.log()[-3000:]}"

    def client(self, organisation=None, timeout=PATIENCE):
        client = Client(self.port, organisation.key if organisation else None, timeout)
        self._clients.append(client)
        return client

    def organisation(self, name="Test organisation"):
        # A short time-out of the store is meant for the service under test, not for this command.
        env = {key: value for key, value in self.env.items() if key != "STORE_TIMEOUT_MS"}
        done = subprocess.run([BINARY, "org", "create", name], env=env, cwd=self.directory,
                              capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done
        answer = json.loads(done.stdout)
        return Organisation(answer["organisation_id"], answer["api_key"])

    def metrics(self, openmetrics=False):
        client = Client(self.port)
        try:
            return scrape(client, openmetrics)
        finally:
            client.close()

    def settled(self, what, condition, seconds=PATIENCE):
        """Wait until `condition(metrics)` holds in two scrapes in a row, and return the metrics of the second. Some counters move shortly
        after the request has ended. A scrape reads one family after another, so an event during the first one may be in only some of the
        families that count it. It is in all families of the second."""
        last, held = None, False

        def look():
            nonlocal last, held
            before, last = held, self.metrics()
            held = condition(last)
            return before and held
        try:
            wait_until(what, look, seconds)
        except AssertionError as error:
            interesting = "\n".join(f"{s.name}{s.labels} {s.value}" for s in last.samples
                                    if s.value and not s.name.endswith(("_bucket", "_sum")) and s.name.startswith(
                                        ("http_requests", "queue_", "prospects", "drafts", "emails")))
            raise AssertionError(f"{error}\n{interesting}") from None
        return last

    def log_lines(self):
        """Every log line, parsed. A line that is not JSON fails. While the service runs, the last line may be there only in part: a write
        over two pages of the file is not read as one."""
        running = self.process.popen.poll() is None
        text = self.process.log()
        return [json.loads(line) for line in text[:text.rfind("\n") + 1 if running else None].splitlines() if line]

    def close(self):
        """At the end of a test: stop the service and check its log for errors."""
        for client in self._clients:
            client.close()
        if self.process is None:
            return
        killed = self.process.popen.poll() == -signal.SIGKILL
        if not killed:
            self.stop()
        errors = [line for line in self.log_lines() if line["level"] >= ERROR]
        assert self.errors_allowed or not errors, f"errors in the log of ingest-api: {errors[:5]}"
