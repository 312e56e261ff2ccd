# SPDX-License-Identifier: Apache-2.0
"""Error reports to a real HTTP receiver: their content, that no request waits for them, and the limit on their number."""
import json
import sqlite3
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aiosmtpd.controller import Controller
from support.certificates import make_certificate, server_context
from support.http import csv_rows
from support.ports import free_port, wait_until
from support.service import BINARY

SECONDS = 180
SHORT = 200  # ms until a write times out; longer than the service needs to start, even on a busy machine
KEY = "0123456789abcdef0123456789abcdef"


class Receiver:
    """Accepts envelopes as Sentry does. It answers with `status` and `headers`; while `hold` is cleared, it does not answer."""

    def __init__(self, context=None):
        """@param context a TLS context: with it, the receiver speaks HTTPS"""
        self.scheme = "https" if context else "http"
        self.events, self.requests, self.status, self.headers, self.hold = [], [], 200, {}, threading.Event()
        self.hold.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((self.path, dict(self.headers), body))
                receiver.hold.wait(SECONDS)
                if receiver.status == 200:
                    receiver.events.append(parse(body))
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass
        self.server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.server.daemon_threads = True
        if context:  # handshake in the thread of the connection: a client that does not trust us must not end the server
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def dsn(self):
        return f"{self.scheme}://{KEY}@127.0.0.1:{self.server.server_port}/42"

    def close(self):
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()


def parse(body):
    header, item, payload = body.split(b"\n", 2)
    header, item = json.loads(header), json.loads(item)
    assert item["type"] == "event" and len(payload) == item["length"] + 1 and payload.endswith(b"\n")
    event = json.loads(payload)
    assert event["event_id"] == header["event_id"] and len(event["event_id"]) == 32
    return event


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@contextmanager
def busy_store(service):
    """Another process holds the write lock: writes are answered with 503."""
    other = sqlite3.connect(service.data_dir / "ingest.db", isolation_level=None, timeout=SECONDS)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def refused(client, **headers):
    answer = client.request("POST", "/api/v1/prospects/import", body=csv_rows(3), headers={"Content-Type": "text/csv", **headers})
    assert answer.status == 503
    return answer


def outcomes(service):
    metrics = service.metrics()
    return {outcome: metrics.total("error_reports_total", outcome=outcome) for outcome in ("sent", "failed", "queue_full", "rate_limited")}


def test_a_server_error_is_reported(make_service, receiver):
    service = make_service(SENTRY_DSN=receiver.dsn, SENTRY_ENVIRONMENT="staging", STORE_TIMEOUT_MS=3000)
    service.errors_allowed = True
    organisation = service.organisation()
    client = service.client(organisation)
    assert client.get("/api/v1/prospects").status == 200
    assert client.get("/api/v1/prospects", limit="x").status == 400  # client errors are not reported
    with busy_store(service):
        refused(client, **{"X-Request-Id": "req-of-the-test"})
    event = wait_until("a report", lambda: next((e for e in receiver.events if e["tags"].get("status_code")), None), SECONDS)
    assert event["tags"]["request_id"] == "req-of-the-test" and event["tags"]["status_code"] == "503"
    assert event["tags"]["route"] == "/api/v1/prospects/import" and event["level"] == "error" and event["platform"] == "c"
    assert event["environment"] == "staging" and event["release"].startswith("ingest-api@1.") and event["server_name"]
    assert abs(event["timestamp"] - time.time()) < 3600 and "server error" in event["message"]["formatted"]
    path, headers, _ = receiver.requests[0]
    assert path == "/api/42/envelope/" and f"sentry_key={KEY}" in headers["X-Sentry-Auth"]
    assert headers["Content-Type"] == "application/x-sentry-envelope"
    everything = b"".join(body for _, _, body in receiver.requests)
    for secret in (organisation.key, organisation.id, KEY, "@example.invalid"):
        assert secret.encode() not in everything
    assert KEY not in service.process.log()
    assert not [e for e in receiver.events if e["tags"].get("status_code") in ("200", "400")]


def test_a_dead_letter_is_reported(make_service, receiver):
    class Refuses:
        async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
            return f"550 5.1.1 nobody called {address}"
    smtp = Controller(Refuses(), hostname="127.0.0.1", port=free_port(), ready_timeout=SECONDS)
    smtp.start()
    try:
        service = make_service(SENTRY_DSN=receiver.dsn, MAIL=f"smtp://127.0.0.1:{smtp.port}", LOG_LEVEL="silent")
        client = service.client(service.organisation())
        assert client.import_csv(csv_rows(1)).status == 200
        campaign = client.campaign()
        assert client.act(campaign, "start").status == 200
        assert client.act(campaign, "send").status == 202
        # reported even when the log is silent
        event = wait_until("a report", lambda: next((e for e in receiver.events if e["tags"].get("queue")), None), SECONDS)
        assert event["tags"]["queue"] == "email.send" and event["tags"]["job_id"] and event["tags"]["request_id"]
        assert "550 5.1.1" in event["extra"]["error"]
        assert b"@example.invalid" not in b"".join(body for _, _, body in receiver.requests)
        service.settled("counted", lambda m: m.total("error_reports_total", outcome="sent") >= 1)
        assert service.process.log() == ""
    finally:
        smtp.stop()


def test_reports_over_the_limit_are_dropped_and_counted(make_service, receiver):
    service = make_service(SENTRY_DSN=receiver.dsn, STORE_TIMEOUT_MS=SHORT)
    service.errors_allowed = True
    organisation = service.organisation()
    with busy_store(service):
        threads = [threading.Thread(target=lambda: refused(service.client(organisation))) for _ in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    settled = wait_until("all reports counted", lambda: (o := outcomes(service)) and sum(o.values()) >= 60 and o, SECONDS)
    wait_until("every sent report has arrived", lambda: len(receiver.events) == outcomes(service)["sent"], SECONDS)
    assert settled["sent"] > 0 and settled["failed"] == 0


def test_a_hanging_receiver_delays_no_request(make_service, receiver):
    receiver.hold.clear()
    service = make_service(SENTRY_DSN=receiver.dsn, STORE_TIMEOUT_MS=SHORT)
    service.errors_allowed = True
    client = service.client(service.organisation())
    with busy_store(service):
        refused(client)
        wait_until("the receiver hangs", lambda: receiver.requests, SECONDS)
        for _ in range(30):
            refused(client)
    wait_until("it works again", lambda: client.import_csv(csv_rows(10)).status == 200, SECONDS)
    service.stop()  # the shutdown does not wait for the receiver either


def test_a_429_with_retry_after_is_obeyed(make_service, receiver):
    receiver.status, receiver.headers = 429, {"Retry-After": "3600"}
    service = make_service(SENTRY_DSN=receiver.dsn, STORE_TIMEOUT_MS=SHORT)
    service.errors_allowed = True
    client = service.client(service.organisation())
    with busy_store(service):
        refused(client)
        wait_until("the first is refused", lambda: outcomes(service)["failed"] >= 1, SECONDS)
        before = len(receiver.requests)
        for _ in range(5):
            refused(client)
        wait_until("the others dropped", lambda: outcomes(service)["rate_limited"] >= 5, SECONDS)
    # reports that were queued before the refusal may still be sent
    assert len(receiver.requests) <= before + 5


@pytest.fixture
def secure(tmp_path):
    """An HTTPS receiver with `certificate`."""
    certificate, key = make_certificate(tmp_path, "sentry")
    made = Receiver(server_context(certificate, key))
    made.certificate = certificate
    yield made
    made.close()


def test_reports_by_https(make_service, secure):
    service = make_service(SENTRY_DSN=secure.dsn, SENTRY_CA=secure.certificate, STORE_TIMEOUT_MS=SHORT)
    service.errors_allowed = True
    client = service.client(service.organisation())
    with busy_store(service):
        refused(client, **{"X-Request-Id": "by-https"})
    wait_until("a report", lambda: [e for e in secure.events if e["tags"].get("request_id") == "by-https"], SECONDS)
    service.settled("counted", lambda m: m.total("error_reports_total", outcome="sent") >= 1)
    assert outcomes(service)["failed"] == 0


@pytest.mark.parametrize("trust", ["another authority", "the system's", "another name"])
def test_no_report_to_an_untrusted_receiver(make_service, secure, tmp_path, trust):
    """The certificate and its name are checked. Without trust, no report is sent, and no request waits."""
    (tmp_path / "other").mkdir()
    ca = {"another authority": {"SENTRY_CA": make_certificate(tmp_path / "other", "sentry")[0]}, "the system's": {},
          "another name": {"SENTRY_CA": secure.certificate}}[trust]
    dsn = secure.dsn.replace("127.0.0.1", "localhost") if trust == "another name" else secure.dsn
    service = make_service(SENTRY_DSN=dsn, STORE_TIMEOUT_MS=SHORT, **ca)
    service.errors_allowed = True
    client = service.client(service.organisation())
    with busy_store(service):
        for _ in range(5):
            refused(client)
    service.settled("counted", lambda m: m.total("error_reports_total", outcome="failed") >= 5)
    assert outcomes(service)["sent"] == 0 and secure.requests == []
    wait_until("it works again", lambda: client.import_csv(csv_rows(10)).status == 200, SECONDS)


def test_an_invalid_dsn(make_service):
    service = make_service(started=False)
    for wrong in ("sentry.io/42", f"https://{KEY}@host/project", "https://host/42", f"ftp://{KEY}@host/42"):
        done = subprocess.run([BINARY], env=service.env | {"SENTRY_DSN": wrong}, capture_output=True, text=True, check=False, timeout=SECONDS)
        assert done.returncode == 1 and "SENTRY_DSN" in done.stderr and KEY not in done.stderr
    done = subprocess.run([BINARY], env=service.env | {"SENTRY_CA": "/nowhere"}, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 1 and 'SENTRY_CA="/nowhere": cannot be read' in done.stderr
