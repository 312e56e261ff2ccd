# SPDX-License-Identifier: Apache-2.0
"""Local receivers for Alertmanager: HTTP like Slack, PagerDuty and plain webhooks, and SMTP."""
import email
import email.policy
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller

from .ports import PATIENCE, free_port, wait_until

# Slack refuses a message that has none of the first; PagerDuty's Events API v2 refuses an event that lacks any of the others.
SLACK_NEEDS_ONE = {"text", "attachments", "blocks"}
PAGERDUTY_NEEDS = {"routing_key", "event_action"}
PAGERDUTY_PAYLOAD_NEEDS = {"summary", "source", "severity"}
PAGERDUTY_SEVERITIES = {"critical", "error", "warning", "info"}


class Message:
    """One delivery: its content, channel and time."""

    def __init__(self, channel, body):
        self.channel, self.body, self.at = channel, body, time.monotonic()

    def __contains__(self, words):
        return words in self.text

    @property
    def text(self):
        return self.body if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False)

    def brief(self):
        title = self.body["attachments"][0]["title"] if self.channel == "slack" else self.text
        return f"{self.channel}: {title[:160]}"

    def __repr__(self):
        return f"{self.channel}: {self.text}"


class Receivers:
    """/slack, /v2/enqueue, /webhook, /deadman on one port; SMTP on another. Every well-formed message is kept."""

    def __init__(self):
        self._lock = threading.Lock()
        self._messages = []
        self.refused = []        # (channel, status) of deliveries that were answered with an error
        self.broken = set()      # channels that answer 503
        self.faults = []         # what a real Slack or PagerDuty would have refused
        receivers = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status = receivers._take(self.path, body)
                answer = b"ok" if status < 300 and self.path == "/slack" else b""  # Slack's answer: without it Alertmanager takes the message for not delivered
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.port = free_port()
        self._http = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.smtp_port = free_port()
        self._smtp = Controller(self, hostname="127.0.0.1", port=self.smtp_port, ready_timeout=PATIENCE)
        self._smtp.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def secrets(self):
        """The secret files that make Alertmanager send here."""
        return {"slack_webhook_url": f"{self.url}/slack", "pagerduty_url": f"{self.url}/v2/enqueue",
                "pagerduty_routing_key": "0123456789abcdef0123456789abcdef", "webhook_url": f"{self.url}/webhook",
                "deadman_url": f"{self.url}/deadman", "smtp_smarthost": f"127.0.0.1:{self.smtp_port}",
                "smtp_from": "alerts@example.invalid", "email_to": "team@example.invalid"}

    def _take(self, path, data):
        channel = {"/slack": "slack", "/v2/enqueue": "pagerduty", "/webhook": "webhook", "/deadman": "deadman"}.get(path)
        if channel is None:
            return 404
        if channel in self.broken:
            with self._lock:
                self.refused.append((channel, 503))
            return 503
        try:
            body = json.loads(data)
            fault = getattr(self, f"_check_{channel}", lambda _: None)(body)
        except ValueError as error:
            fault = str(error)
        with self._lock:
            if fault:
                self.faults.append(f"{channel}: {fault}: {data!r}")
                return 400
            self._messages.append(Message(channel, body))
        return 202 if channel == "pagerduty" else 200

    @staticmethod
    def _check_slack(body):
        return None if SLACK_NEEDS_ONE & set(body) else "neither text nor attachments"

    @staticmethod
    def _check_pagerduty(body):
        if not PAGERDUTY_NEEDS <= set(body):
            return f"needs {PAGERDUTY_NEEDS}"
        if body["event_action"] not in ("trigger", "acknowledge", "resolve"):
            return "event_action"
        payload = body.get("payload", {})
        if body["event_action"] == "trigger" and not PAGERDUTY_PAYLOAD_NEEDS <= set(payload):
            return f"payload needs {PAGERDUTY_PAYLOAD_NEEDS}"
        if payload.get("severity", "critical") not in PAGERDUTY_SEVERITIES or len(payload.get("summary", "")) > 1024:
            return "severity or summary"
        return None

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        # Not after DATA: Alertmanager before 0.28 ignores that answer (its pull request 4006).
        if "email" in self.broken:
            with self._lock:
                self.refused.append(("email", 503))
            return "451 4.3.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = {"from": mail["From"], "to": mail["To"], "subject": mail["Subject"]}
        for part in mail.walk():
            if part.get_content_type() in ("text/plain", "text/html"):
                body[part.get_content_type()] = part.get_content()
        with self._lock:
            self._messages.append(Message("email", body))
        return "250 OK"

    def messages(self, channel, *words):
        with self._lock:
            return [m for m in self._messages if m.channel == channel and all(word in m for word in words)]

    def wait(self, channel, *words, seconds=60):
        """Wait for the first message of a channel with all these words."""
        try:
            return wait_until(f"{channel}: {words}", lambda: self.messages(channel, *words), seconds)[0]
        except AssertionError as error:
            with self._lock:
                came = [m.brief() for m in self._messages if m.channel != "deadman"]
                raise AssertionError(f"{error}\ncame: {came}\nrefused: {self.refused[-5:]}\nfaults: {self.faults}") from None

    def close(self):
        self._http.shutdown()
        self._http.server_close()
        self._smtp.stop()
        assert not self.faults, self.faults
