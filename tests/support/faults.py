# SPDX-License-Identifier: Apache-2.0
"""Helpers of the fault tests: clients that record what was acknowledged, a check that the service always answers, and the table of
docs/service/reliability.md (`pytest -k fault` prints it).
"""
import http.client
import statistics
import subprocess
import threading
import time

from .http import Client, csv_rows
from .metrics import Samples
from .ports import PATIENCE, wait_until
from .service import BUILD

PROMC = BUILD / "tools/promc/promc"
_table, _increases = [], []


def recorded():
    """The rows of both tables, to pass to add() in another process."""
    return [_table, _increases]


def add(tables):
    for mine, others in zip((_table, _increases), tables):
        mine.extend(map(tuple, others))
        mine.sort(key=lambda row: row[:2] if mine is _increases else row[0])


def record(fault, acknowledged, lost, twice, resumed, memory, note=""):
    """Add a row to the table. `resumed`: seconds from the end of the cause, None if the service never stopped."""
    _table.append((fault, acknowledged, lost, twice, resumed, memory, note))


def record_increase(event, prometheus, truth, increase):
    """Add a row to the table that compares events with what Prometheus' increase() shows."""
    _increases.append((event, prometheus, truth, increase))


def table():
    """The lines of both tables. A table without rows has no lines."""
    if _increases:
        yield "| event | Prometheus | rows | increase() |"
        yield "| --- | --- | --- | --- |"
    for event, prometheus, truth, increase in _increases:
        yield f"| `{event}` | {prometheus} | {truth} | {increase:.2f} |"
    if _table:
        yield "| fault | acknowledged | lost | twice | resumed after | memory, peak | note |"
        yield "| --- | --- | --- | --- | --- | --- | --- |"
    for fault, acknowledged, lost, twice, resumed, memory, note in _table:
        after = "never stopped" if resumed is None else f"{resumed:.1f} s"
        yield f"| {fault} | {acknowledged} | {lost} | {twice} | {after} | {memory / 2**20:.0f} MiB | {note} |"


class Importers:
    """Threads that import a few rows at a time and remember which were acknowledged (200) and when."""

    def __init__(self, service, organisation, workers=4, rows=5, pause=0.0, tag=""):
        self.port, self.key, self.rows, self.pause, self.tag = service.port, organisation.key, rows, pause, tag
        self.acknowledged, self.times = set(), []
        self.refused, self.unanswered, self.wrong = 0, 0, []
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(w,), daemon=True) for w in range(workers)]
        for thread in self._threads:
            thread.start()

    def _work(self, worker):
        client, number = Client(self.port, self.key), 0
        while not self._stop.is_set():
            tag = f"{self.tag}w{worker}n{number}"
            number += 1
            try:
                answer = client.import_csv(csv_rows(self.rows, tag=tag))
            except (OSError, http.client.HTTPException):
                with self._lock:
                    self.unanswered += 1
                self._stop.wait(0.05)
                continue
            with self._lock:
                if answer.status == 200 and answer.json()["imported"] == self.rows:
                    self.acknowledged.update(f"{tag}.{i}@example.invalid" for i in range(self.rows))
                    self.times.append(time.monotonic())
                elif answer.status == 503:
                    self.refused += 1
                else:
                    self.wrong.append(answer)
            self._stop.wait(self.pause if answer.status == 200 else 0.05)
        client.close()

    def wait_for(self, rows):
        wait_until(f"{rows} rows acknowledged", lambda: len(self.acknowledged) >= rows, PATIENCE)

    def resumed(self, since):
        """Seconds from `since` to the first row that is acknowledged after it."""
        def first():
            with self._lock:
                return next((t for t in self.times if t > since), None)
        return wait_until("imports again", first, PATIENCE) - since

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "an importer hangs"
        assert not self.wrong, self.wrong[:3]
        return self

    def lost(self, client):
        """How many acknowledged rows the service does not list. Asserts that no row is there twice."""
        there = [p["email"] for p in client.prospects()]
        assert len(there) == len(set(there))
        return len(self.acknowledged - set(there))


class Watch:
    """Asks a service for /health/live and /metrics until the block ends. Both must answer, the process must keep running, and its
    memory must stay within `limit`. Once `ending` is set, they may be gone, but a wrong answer is still a failure."""

    def __init__(self, service, limit=256 << 20):
        self.service, self.pid, self.limit, self.ending = service, service.process.pid, limit, False
        self.faults, self.seconds, self.peak = [], [], 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def _resident(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        return 0

    def _work(self):
        client = Client(self.service.port, timeout=PATIENCE)
        while not self._stop.is_set():
            for path in ("/health/live", "/metrics"):
                begun = time.monotonic()
                try:
                    status = client.get(path).status
                    if status != 200:
                        self.faults.append((path, status))
                except (OSError, http.client.HTTPException) as error:
                    if self.ending:
                        return
                    self.faults.append((path, repr(error)))
                self.seconds.append(time.monotonic() - begun)
            try:
                self.peak = max(self.peak, self._resident())
            except OSError:
                if not self.ending:
                    self.faults.append(("the process", "gone"))
                return
            self._stop.wait(0.05)
        client.close()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *fault):
        self._stop.set()
        self._thread.join(PATIENCE)
        if fault[0] is None:
            assert not self.faults, self.faults[:5]
            assert self.seconds, "nothing was asked"
            assert self.peak < self.limit, f"{self.peak >> 20} MiB"

    @property
    def word(self):
        return f"/metrics and /health/live {len(self.seconds)} times, median {statistics.median(self.seconds) * 1000:.0f} ms"


def dumped(arena):
    """The metrics of a process that has ended, by `promc dump` of its METRICS_ARENA."""
    done = subprocess.run([PROMC, "dump", arena], capture_output=True, text=True, check=True, timeout=PATIENCE)
    return Samples(done.stdout)


class Outbox:
    """The folder that MAIL=file:… writes: which addresses got an email, and how many."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def receivers(self):
        found = []
        for path in self.directory.glob("**/*.eml"):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                if line.lower().startswith("to:"):
                    found.append(line[3:].strip())
                    break
        return found
