# SPDX-License-Identifier: Apache-2.0
"""HTTP for the tests: a small client for valid requests, raw sockets for invalid ones."""
import http.client
import json
import socket
import struct
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from .ports import PATIENCE


@dataclass
class Response:
    status: int
    headers: dict  # lower-case names
    body: bytes

    @property
    def text(self):
        return self.body.decode("utf-8")

    def json(self):
        return json.loads(self.body)

    @property
    def error_code(self):
        return self.json()["error"]["code"]


# After a long wait, IDLE_TIMEOUT (60 s) may have closed the connection. A client that was idle for this long opens a new one.
IDLE_SECONDS = 20


class Client:
    """One kept-alive connection, not shared between threads. `key` goes into every request that has no key of its own."""

    def __init__(self, port, key=None, timeout=PATIENCE):
        self.key = key
        self.used = time.monotonic()
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def request(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if self.key and "Authorization" not in headers:
            headers["Authorization"] = f"Bearer {self.key}"
        if isinstance(body, str):
            body = body.encode()
        if time.monotonic() - self.used > IDLE_SECONDS:
            self.connection.close()
        try:
            self.connection.request(method, path, body=body, headers=headers)
            answer = self.connection.getresponse()
            return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        except Exception:
            self.connection.close()
            raise
        finally:
            self.used = time.monotonic()

    def get(self, path, headers=None, **query):
        return self.request("GET", path + ("?" + urlencode(query) if query else ""), headers=headers)

    def post(self, path, data=None):
        """POST a JSON value, or no body."""
        if data is None:
            return self.request("POST", path)
        return self.request("POST", path, json.dumps(data), {"Content-Type": "application/json"})

    def import_csv(self, text):
        return self.request("POST", "/api/v1/prospects/import", text, {"Content-Type": "text/csv"})

    def close(self):
        self.connection.close()

    # Requests that many tests need.

    def prospects(self):
        """Every prospect, page by page."""
        rows, query = [], {"limit": 500}
        while True:
            page = self.get("/api/v1/prospects", **query)
            assert page.status == 200, page
            rows += page.json()["data"]
            if not page.json()["next_cursor"]:
                return rows
            query["cursor"] = page.json()["next_cursor"]

    def campaign(self, subject="Hello {{first_name}}", body="A word, {{first_name}}?", name="A campaign"):
        made = self.post("/api/v1/campaigns", {"name": name, "subject_template": subject, "body_template": body})
        assert made.status == 201, made
        return made.json()["id"]

    def act(self, campaign, verb):
        return self.post(f"/api/v1/campaigns/{campaign}/{verb}")

    def stats(self, campaign):
        answer = self.get(f"/api/v1/campaigns/{campaign}/stats")
        assert answer.status == 200, answer
        return answer.json()


def csv_rows(rows, start=0, tag="row"):
    """A CSV file of `rows` valid prospects with distinct addresses."""
    lines = ["email,first_name,last_name,company"]
    lines += [f"{tag}.{i}@example.invalid,First{i},Last{i},Company {i % 7}" for i in range(start, start + rows)]
    return "\r\n".join(lines) + "\r\n"


def raw_connection(port, timeout=PATIENCE):
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def raw_exchange(port, data):
    """Send bytes and return everything that the server sends until it closes."""
    with raw_connection(port) as s:
        s.sendall(data)
        received = b""
        try:
            while chunk := s.recv(65536):
                received += chunk
        except (TimeoutError, ConnectionResetError):
            pass
        return received


def reset(sock):
    """Close with a reset instead of an orderly end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
