# SPDX-License-Identifier: Apache-2.0
"""Slow, disconnected, faulty or too many clients next to good ones; and a clock that is set while jobs wait.

tests/test_http_front.py tests each kind of bad client alone. tests/test_shutdown.py and tests/test_durability.py test SIGTERM and
kill -9 of the whole service under load.
"""
import glob
import resource
import threading
import time
from collections import Counter

import pytest
from support.faults import PATIENCE, Importers, Outbox, Watch, record
from support.http import csv_rows, raw_connection, raw_exchange, reset
from support.ports import wait_until


def head(key, more):
    return (f"POST /api/v1/prospects/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: text/csv\r\n"
            f"{more}\r\n").encode()


class BadClients:
    """One thread that repeats one kind of fault until stop(). `done` counts the repetitions."""

    def __init__(self, service, key, kind):
        self.port, self.key = service.port, key
        self.done, self.failures = 0, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(getattr(self, kind),), daemon=True)
        self._thread.start()

    def _work(self, kind):
        while not self._stop.is_set():
            try:
                kind()
            except OSError:  # the server may cut it off
                pass
            except Exception as error:  # noqa: BLE001 - the test checks it
                self.failures.append(error)
                return
            self.done += 1

    def drips(self):
        """Fifty connections that each send one byte per second and never finish."""
        held = [raw_connection(self.port) for _ in range(50)]
        for s in held:
            s.sendall(head(self.key, "Content-Length: 9999\r\nExpect: 100-continue\r\n"))
            assert s.recv(100).startswith(b"HTTP/1.1 100 ")
        for byte in b"email":
            for s in held:
                s.sendall(bytes([byte]))
            if self._stop.wait(1):
                break
        for s in held:
            reset(s)

    def aborts(self):
        s = raw_connection(self.port)
        s.sendall(head(self.key, "Content-Length: 5000\r\nExpect: 100-continue\r\n"))
        assert s.recv(100).startswith(b"HTTP/1.1 100 ")
        s.sendall(b"email\r\naborted@example.invalid\r\n")
        reset(s)

    def smuggles(self):
        body = csv_rows(1, tag="smuggled").encode()
        received = raw_exchange(self.port, head(self.key, f"Content-Length: {len(body)}\r\nTransfer-Encoding: chunked\r\n") + body)
        assert received.startswith(b"HTTP/1.1 400 ") and received.count(b"HTTP/1.1 ") == 1, received

    def pipelines(self):
        one = f"GET /api/v1/campaigns HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\n"
        received = raw_exchange(self.port, (f"{one}\r\n" * 49 + f"{one}Connection: close\r\n\r\n").encode())
        assert received.count(b"HTTP/1.1 200 ") == 50, received

    def vanishes(self):
        """Disconnect in an endless chunk extension, without a key. Such a connection must not stay until IDLE_TIMEOUT or use CPU time."""
        with raw_connection(self.port) as s:
            s.sendall(b"POST /nope HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;" + b"a" * 30000)

    def floods(self):
        """10 MB of headers: refused long before the end."""
        s = raw_connection(self.port)
        try:
            s.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n")
            for _ in range(160):
                s.sendall(b"A: " + b"a" * 65533)
            raise AssertionError("10 MB of headers were taken")
        finally:
            s.close()

    def stop(self):
        self._stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "a bad client hangs"
        assert not self.failures, self.failures
        return self.done


# The statuses that each kind adds to http_requests_total, and how many per repetition.
KINDS = {
    "drips": ("clients that send a byte a second", {"route": "/api/v1/prospects/import", "status_code": "499"}, 50),
    "aborts": ("clients that abort mid-body", {"route": "/api/v1/prospects/import", "status_code": "499"}, 1),
    "pipelines": ("clients that pipeline", {"route": "/api/v1/campaigns", "status_code": "200"}, 50),
    "smuggles": ("clients that send Content-Length and Transfer-Encoding", {"status_code": "400"}, 1),
    "vanishes": ("clients that go in an endless chunk extension", {"route": "<unmatched>"}, 1),
    "floods": ("clients that send 10 MB of headers", {"status_code": "431"}, 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_bad_clients_beside_good_ones(make_service, kind):
    what, counted, each = KINDS[kind]
    service = make_service(STORE_TIMEOUT_MS=60000)
    organisation, other = service.organisation("good"), service.organisation("bad")
    with Watch(service) as watch:
        load = Importers(service, organisation, workers=2, pause=0.002)
        bad = BadClients(service, other.key, kind)
        wait_until("some bad clients", lambda: bad.failures or bad.done >= (1 if kind == "drips" else 20), PATIENCE)
        load.wait_for(500)
        done = bad.stop()
        load.stop()
    client = service.client(organisation)
    lost = load.lost(client)
    assert (lost, load.refused, load.unanswered) == (0, 0, 0)
    assert service.client(other).prospects() == [], "an incomplete request stored a row"
    metrics = service.settled(f"{kind} counted", lambda m: m.total("http_requests_in_flight") == 0
                              and m.total("http_requests_total", **counted) >= done * each)
    assert metrics.total("http_requests_total") == metrics.total("http_request_duration_seconds_count")
    assert metrics.total("http_requests_total", status_code="499") == metrics.total("http_requests_aborted_total")
    assert metrics.total("http_requests_total", route="/api/v1/prospects/import", status_code="200") == len(load.times)
    record(what, len(load.acknowledged), lost, 0, None, watch.peak, f"{done * each} of them; {watch.word}")


def test_ten_thousand_idle_connections(make_service):
    n, (soft, hard) = 10_000, resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < n + 1000:
        pytest.skip(f"this machine allows {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held = []
    try:
        service = make_service(MAX_CONNECTIONS=n + 1000, IDLE_TIMEOUT=600, STORE_TIMEOUT_MS=60000)
        organisation = service.organisation()
        with Watch(service, limit=512 << 20) as watch:
            load = Importers(service, organisation, workers=2, pause=0.01)
            load.wait_for(50)
            before = watch.peak
            held = [raw_connection(service.port) for _ in range(n)]
            metrics = service.settled("all connections open", lambda m: m.value("process_open_fds") > n, PATIENCE)
            assert metrics.total("http_requests_in_flight") <= 2, "only the importers' requests"
            load.wait_for(len(load.acknowledged) + 200)  # the importers are served normally
            # Every idle connection still works.
            for s in held[:: n // 20]:
                s.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
                assert s.recv(1000).startswith(b"HTTP/1.1 200 ")
            each = (watch.peak - before) / n
            for s in held:
                s.close()
            service.settled("all connections closed", lambda m: m.value("process_open_fds") < 200, PATIENCE)
            load.stop()
        lost = load.lost(service.client(organisation))
        assert (lost, load.refused, load.unanswered) == (0, 0, 0)
        record("10,000 idle connections", len(load.acknowledged), lost, 0, None, watch.peak,
               f"{each / 1024:.1f} KiB a connection; {watch.word}")
    finally:
        for s in held:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def libfaketime():
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not found:
        pytest.skip("libfaketime is not installed (apt-get install faketime)")
    return found[0]


@pytest.mark.parametrize("hours", [-1, 1], ids=["back", "forward"])
def test_the_clock_is_set(make_service, tmp_path, hours):
    """The wall clock jumps by an hour during imports and sending. libfaketime changes only the service's clock."""
    offset, n = tmp_path / "offset", 300
    offset.write_text("+0\n")
    outbox = Outbox(tmp_path / "outbox")
    service = make_service(LD_PRELOAD=libfaketime(), FAKETIME_TIMESTAMP_FILE=offset, FAKETIME_CACHE_DURATION=1,
                           FAKETIME_DONT_FAKE_MONOTONIC=1, MAIL=f"file:{outbox.directory}")
    organisation, sender = service.organisation("imports"), service.organisation("sends")
    client, sending = service.client(organisation), service.client(sender)
    assert sending.import_csv(csv_rows(n, tag="mail")).status == 200
    campaign = sending.campaign()
    assert sending.act(campaign, "start").status == 200

    def the_time():
        return client.get("/health").json()["timestamp"]
    with Watch(service) as watch:
        load = Importers(service, organisation, workers=2, pause=0.01)
        load.wait_for(50)
        before = the_time()
        assert sending.act(campaign, "send").status == 202
        offset.write_text(f"{hours * 3600:+d}\n")
        wait_until("the clock has jumped", lambda: abs(seconds(the_time()) - seconds(before)) > 1800, PATIENCE)
        jumped = time.monotonic()
        resumed = load.resumed(jumped)
        wait_until("all emails", lambda: sending.stats(campaign)["emails"]["sent"] == n, PATIENCE, 0.1)
        # Work that starts after the jump finishes.
        assert sending.import_csv(csv_rows(1, tag="late")).status == 200
        service.settled("the late one researched", lambda m: m.total("prospects_processed_total", organisation_id=sender.id,
                                                                     action="researched") == n + 1, PATIENCE)
        load.stop()
    receivers = Counter(outbox.receivers())
    lost = load.lost(client) + n - len(receivers)
    twice = sum(times - 1 for times in receivers.values())
    assert (lost, twice) == (0, 0)
    metrics = service.metrics()
    for name in ("http_request_duration_seconds_sum", "queue_oldest_message_age_seconds", "queue_processing_duration_seconds_sum"):
        assert all(0 <= s.value < 600 for s in metrics.select(name)), name
    record(f"the clock set {'back' if hours < 0 else 'forward'} an hour", len(load.acknowledged) + n, lost, twice, resumed, watch.peak,
           watch.word)


def seconds(timestamp):
    return time.mktime(time.strptime(timestamp[:19], "%Y-%m-%dT%H:%M:%S"))
