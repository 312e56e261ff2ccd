# SPDX-License-Identifier: Apache-2.0
"""The HTTP front end with faulty, slow, disconnected or too many clients: raw sockets, the real binary."""
import contextlib
import json
import os
import random
import re
import resource
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.http import csv_rows, raw_connection, raw_exchange, reset
from support.metrics import promtool_check
from support.ports import PATIENCE, free_port, wait_until
from support.service import BINARY, Service, clean_environment

GOOD = b"Host: x\r\n"


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    """One service for all tests that leave no data in it."""
    service = Service(tmp_path_factory.mktemp("front")).start()
    yield service
    service.close()


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    """A service with short time-outs, for requests that never end: with the usual 60 s, each test would take that long."""
    service = Service(tmp_path_factory.mktemp("impatient"), IDLE_TIMEOUT=5).start()
    yield service
    service.close()


def answers(received):
    """[(status, headers, body)] of the answers in a stream. Each must be complete and have a Content-Length."""
    found = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(re.fullmatch(r"HTTP/1\.1 (\d{3}) .*", lines[0]).group(1))
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        found.append((status, headers, rest[:length]))
        received = rest[length:]
    return found


def error_of(service, data):
    """The only answer to `data`. It must be one of our errors, and the connection must be closed after it."""
    received = raw_exchange(service.port, data)
    (status, headers, body), = answers(received)
    assert headers["content-type"] == "application/json" and headers["x-request-id"], received
    assert headers.get("connection", "").lower() == "close", received
    error = json.loads(body)["error"]
    assert set(error) == {"code", "message", "request_id"} and error["request_id"] == headers["x-request-id"]
    return status, error


POST = b"POST /api/v1/prospects/import HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize("data, status", [
    (b"GET /health HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400),                      # folded
    (b"GET /health HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc: d\r\nE: f\r\n\r\n", 400),
    (b"GET /health HTTP/1.1\nHost: x\n\n", 400),                                          # bare LF everywhere
    (b"GET /health HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400),                              # bare LF in between
    (b"GET /health HTTP/1.1\r\nHost: x\r\nA: b\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\nHost: x\r\nA: b\rC: d\r\n\r\n", 400),                      # bare CR
    (b"GET /health HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n", 400),                         # NUL in a value
    (b"GET /health HTTP/1.1\r\nHost: x\r\nA: b\0\0C: d\r\n\r\n", 400),
    (b"GET /hea\0lth HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n", 400),                                   # blank before the colon
    (b"GET /health HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n", 400),                         # no name
    (b"GET /health HTTP/1.1\r\nHost: x\r\nA: b\x01\r\n\r\n", 400),                        # control character
    (b"GET /health HTTP/1.1\r\n\r\n", 400),                                               # no Host
    (b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\nHost: x/y\r\n\r\n", 400),
    (b"GET  /health HTTP/1.1\r\nHost: x\r\n\r\n", 400),                                   # blanks in the request line
    (b"GET /health  HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /hea lth HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GE\"T /health HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),    # smuggling
    (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    (POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    (POST + b"Transfer-Encoding: identity\r\n\r\n", 501),
    (b"POST /x HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (POST + b"Expect: the-unexpected\r\nContent-Length: 3\r\n\r\nabc", 417),
    (b"GET /health?" + b"q" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    (b"GET /health HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 17000 + b"\r\n\r\n", 431),
], ids=range(30))
def test_an_ambiguous_head_is_refused_and_the_connection_closed(front, data, status):
    # the bytes that follow must not be read as a second request
    found, error = error_of(front, data + b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    assert found == status and error["message"]


@pytest.mark.parametrize("data, status", [
    (b"GET\r\n\r\n", 400), (b"GET\r\n", 400), (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400), (b"nonsense\r\n\r\n", 400),
    (b"GET /x HTTP/2.0\r\n\r\n", 505), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505), (b"GET /x HTTP/1.11\r\n\r\n", 505),
    (POST + b"Content-Length: -1\r\n\r\n", 400), (POST + b"Content-Length: 1x\r\n\r\nab", 400),
    (POST + b"Content-Length: 7abc\r\n\r\nab", 400), (POST + b"Content-Length: 0x7\r\n\r\nab", 400),
    (POST + b"Content-Length: +1\r\n\r\na", 400), (POST + b"Content-Length:\r\n\r\na", 400),
    (POST + b"Content-Length: 1 1\r\n\r\na", 400), (POST + b"Content-Length: 99999999999999999999\r\n\r\nabc", 400),
    (POST + b"no colon in this line\r\n\r\n", 400), (b"GET /health HTTP/1.1\r\nHost: x\r\nA\0: b\r\n\r\n", 400),
    (b"GET health HTTP/1.1\r\nHost: x\r\n\r\n", 400), (b"GET /health HTTP/1.1\r\nHost: x:1:2\r\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\nHost:\r\n\r\n", 400), (b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400), (b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\nHost: x\r\nA: " + b"a" * (16384 - 37) + b"\r\n\r\n", 431),  # one byte too many
    (b"GET /" + b"a" * 60000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 100000 + b"\r\n", 431),
    (b"\0" * 1000, 400), (b"\xff" + random.Random(1).randbytes(4096), 400),
], ids=range(28))
def test_a_malformed_request_gets_one_answer_and_the_connection_closes(front, data, status):
    found, _ = error_of(front, data)
    assert found == status
    assert front.client().get("/health/live").status == 200


def test_the_longest_head_passes(front):
    head = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: "
    received = raw_exchange(front.port, head + b"a" * (16384 - len(head) - 4) + b"\r\n\r\n")
    assert [status for status, _, _ in answers(received)] == [200]


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("body", [
    b"2;\nxx\r\n47\r\n0\r\n\r\n", b"2\nxx\r\n0\r\n\r\n", b"2\r\nxx\n0\r\n\r\n", b"2\r\nxxx\r\n0\r\n\r\n", b"2\r\nxx0\r\n\r\n",
    b"2 \r\nxx\r\n0\r\n\r\n", b"0x2\r\nxx\r\n0\r\n\r\n", b"+2\r\nxx\r\n0\r\n\r\n", b"-2\r\nxx\r\n0\r\n\r\n", b"\r\n0\r\n\r\n",
    b"2;a=\"b\r\nxx\r\n0\r\n\r\n", b"2;\0\r\nxx\r\n0\r\n\r\n", b"10000000000000002\r\nxx\r\n0\r\n\r\n",
    b"0\r\na: b\r\n c\r\n\r\n", b"0\r\na: b\n\r\n", b"0\r\na: \0\r\n\r\n", b"0\r\na\r\n\r\n", b"0\r\na : b\r\n\r\n", b"0\r\n\n",
    b"0\n\n", b"0\r\n\rx",
], ids=range(21))
def test_a_malformed_chunked_body_is_refused_and_the_connection_closed(front, body):
    for path in (b"/nope", b"/health/live", b"/api/v1/prospects/import"):
        found, _ = error_of(front, b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + CHUNKED + body
                            + b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        # some paths are refused before the body is read, with their own status
        assert found in (400, 401, 404, 405)


def test_extensions_and_trailers_are_ignored(service, organisation):
    body = csv_rows(1).encode()
    received = raw_exchange(service.port, POST + f"Authorization: Bearer {organisation.key}\r\nContent-Type: text/csv\r\n".encode()
                            + CHUNKED + b"001;a;b=c ; d=\"e\\\"\" \t;f\r\n" + body[:1] + b"\r\n%x\r\n" % (len(body) - 1) + body[1:]
                            + b"\r\n00;x\r\nContent-Length: 7\r\nB:\r\n\r\nGET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    found = answers(received)
    assert [status for status, _, _ in found] == [200, 200] and json.loads(found[0][2])["imported"] == 1


@pytest.mark.parametrize("body, status", [(b"5;" + b"a" * 30000, 431), (b"0\r\nA: " + b"a" * 30000, 431), (b"0" * 30000, 431)])
def test_a_disconnect_in_an_endless_extension_frees_the_connection(make_service, body, status):
    """Endless extensions, then a disconnect. The connection must be freed at once, without using CPU time."""
    limit = 20
    service = make_service(LOOPS=1, MAX_CONNECTIONS=limit, IDLE_TIMEOUT=3600, REQUEST_TIMEOUT=3600, SHUTDOWN_TIMEOUT=3600)
    organisation = service.organisation()
    head = POST + f"Authorization: Bearer {organisation.key}\r\nContent-Type: text/csv\r\n".encode()
    for _ in range(2 * limit):
        with raw_connection(service.port) as s, contextlib.suppress(ConnectionError):
            s.sendall(head + CHUNKED + body)
    assert service.client().get("/health/live").status == 200
    metrics = service.settled("all requests ended", lambda m: m.total("http_requests_total") >= 2 * limit and m.total("http_requests_in_flight") == 0)
    assert metrics.total("http_requests_total") == metrics.total("http_requests_total", status_code=str(status)) + metrics.total(
        "http_requests_aborted_total") == 2 * limit
    service.stop()


@pytest.mark.parametrize("sent", [b"5\r\nab", b"5", b"5;a", b"", b"0\r\nA: b", b"5\r\nhello"])
def test_a_disconnect_in_the_body_frees_the_connection(make_service, sent):
    service = make_service(LOOPS=1, MAX_CONNECTIONS=5, IDLE_TIMEOUT=3600, REQUEST_TIMEOUT=3600)
    organisation = service.organisation()
    for path in (b"/nope", b"/api/v1/prospects/import"):
        for _ in range(6):
            with raw_connection(service.port) as s:
                s.sendall(b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n"
                          + f"Authorization: Bearer {organisation.key}\r\nContent-Type: text/csv\r\n".encode() + CHUNKED + sent)
    metrics = service.settled("all ended", lambda m: m.total("http_requests_total") == 12 and m.total("http_requests_in_flight") == 0)
    assert metrics.total("http_requests_aborted_total") == metrics.total("http_requests_total", status_code="499") == 12


def test_blanks_after_a_header_value(service, organisation):
    body = csv_rows(1).encode()
    with raw_connection(service.port) as s:
        s.sendall(b"POST /api/v1/prospects/import HTTP/1.1\r\nHost: x \t\r\nExpect: 100-continue \r\nConnection: close \r\n"
                  + f"Authorization:  Bearer {organisation.key} \r\nContent-Type: text/csv ; charset=\"UTF-8\" \r\n"
                  f"Content-Length: {len(body)} \t \r\n\r\n".encode())
        assert s.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        s.sendall(body)
        received = b""
        while chunk := s.recv(65536):
            received += chunk
    assert [status for status, _, _ in answers(received)] == [200]


@pytest.mark.parametrize("charset, status", [("utf-8", 200), ("UTF8", 200), ('"utf-8"', 200), ("us-ascii", 200), ("utf-8999", 415),
                                             ("koi8-r", 415), ("", 415), ('"utf-8', 415), ("utf-8x", 415)])
def test_charsets(service, client, charset, status):
    answer = client.request("POST", "/api/v1/prospects/import", csv_rows(1), {"Content-Type": f"text/csv;header=present; charset={charset}"})
    assert answer.status == status


@pytest.mark.parametrize("first, route", [
    (b"GE", "<unmatched>"), (b"GET /health/live HTTP/1.1\r\nHost: x\r\nA", "<unmatched>"),
    (POST + b"Authorization: Bearer KEY\r\nContent-Type: text/csv\r\nContent-Length: 9\r\n\r\nab", "/api/v1/prospects/import"),
    (POST + b"Authorization: Bearer KEY\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n5;", "/api/v1/prospects/import"),
], ids=range(4))
def test_a_slow_client_gets_408(make_service, first, route):
    service = make_service(IDLE_TIMEOUT=3600, REQUEST_TIMEOUT=3)  # long enough to read the head, even on a busy machine
    key = service.organisation().key.encode()
    with raw_connection(service.port) as s:
        s.sendall(first.replace(b"KEY", key))
        received = b""
        while chunk := s.recv(65536):
            received += chunk
    (status, headers, body), = answers(received)
    assert status == 408 and headers["connection"] == "close" and json.loads(body)["error"]["code"] == "request_timeout"
    metrics = service.settled("counted", lambda m: m.total("http_requests_total") == 1)
    assert metrics.total("http_requests_total", status_code="408", route=route) == 1
    assert metrics.total("http_requests_aborted_total") == 0


def test_http_1_0(front):
    one = b"GET /health/live HTTP/1.0\r\n\r\n"
    (status, headers, _), = answers(raw_exchange(front.port, one + one))
    assert status == 200 and headers["connection"] == "close"
    kept = b"GET /health/live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    found = answers(raw_exchange(front.port, kept + one))
    assert [headers["connection"] for _, headers, _ in found] == ["keep-alive", "close"]
    received = raw_exchange(front.port, b"GET /metrics HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"Connection: close" in head and b"chunked" not in head and promtool_check(body.decode()) is None


def test_empty_lines_before_a_request_are_skipped(front):
    received = raw_exchange(front.port, b"\r\n\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n\r\n"
                            b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert [status for status, _, _ in answers(received)] == [200, 200]


def test_refusals_are_counted_with_the_status_that_was_sent(service):
    n = 20
    for _ in range(n):
        raw_exchange(service.port, b"GET /x HTTP/2.0\r\n\r\n")
        raw_exchange(service.port, POST + b"no colon\r\n\r\n")
        raw_exchange(service.port, b"GET /health HTTP/1.1\r\nHost: x\r\nA: b\0\r\n\r\n")
        raw_exchange(service.port, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    metrics = service.settled("all counted", lambda m: m.total("http_requests_total") >= 4 * n)
    assert metrics.total("http_requests_total") == metrics.total("http_requests_total", route="<unmatched>") == 4 * n
    assert {status: metrics.total("http_requests_total", status_code=status) for status in ("400", "414", "505")} == {
        "400": 2 * n, "414": n, "505": n}
    assert metrics.total("http_requests_aborted_total") == 0


@pytest.mark.parametrize("path, status, code", [
    ("/api/v1/campaigns/%00", 400, "bad_path"), ("/api/v1/campaigns/%zz", 400, "bad_path"),
    ("/api/v1/campaigns/%", 400, "bad_path"), ("/api/v1/campaigns/%4", 400, "bad_path"),
    ("/api/v1/campaigns/%ff", 400, "bad_path"), ("/health?x=%00", 400, "bad_query"), ("/health?x=%e", 400, "bad_query"),
    ("/health?" + "&".join(f"a{i}" for i in range(65)), 400, "bad_query"),
    ("/health%2Flive", 404, "not_found"), ("/health/", 404, "not_found"), ("//health", 404, "not_found"),
    ("/Health", 404, "not_found"), ("/../health", 404, "not_found"), ("/" + "/".join("abcdefghijklmn"), 404, "not_found"),
], ids=range(14))
def test_unknown_paths(front, path, status, code):
    answer = front.client().get(path)
    assert (answer.status, answer.error_code) == (status, code)


def test_paths_are_decoded_by_segment(front):
    for path in ("/%68ealth/live", "/health/%6Cive", "/health/live?", "/metrics?name[]=%41+b&name%5B%5D"):
        assert front.client().get(path).status == 200, path
    received = raw_exchange(front.port, b"GET http://x/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answers(received)[0][0] == 200


def test_unknown_and_repeated_query_parameters_are_refused(service, client):
    for path in ("/health?x=1", "/health/live?x", "/metrics?name=a", "/api/v1/prospects?limit=5&limit=5", "/api/v1/prospects?Limit=5",
                 "/api/v1/prospects?status=validated&organisation_id=1", "/api/v1/campaigns?email=a", "/api/v1/campaigns?limit=1&limit=2",
                 "/api/v1/campaigns/00000000-0000-0000-0000-000000000000?limit=1"):
        answer = client.get(path)
        assert (answer.status, answer.error_code) == (400, "invalid_parameter"), path
    assert client.post("/api/v1/campaigns?dry_run=1", {}).error_code == "invalid_parameter"
    assert client.get("/api/v1/prospects?limit=5&status=validated").status == 200
    assert client.get("/metrics?name[]=a&name[]=a").status == 200


def test_a_405_lists_the_allowed_methods(service, client):
    answer = client.request("DELETE", "/api/v1/prospects/import")
    assert answer.status == 405 and answer.headers["allow"] == "POST"
    assert service.client().request("BREW", "/health").headers["allow"] == "GET, HEAD"
    assert service.client().request("OPTIONS", "/health/live").status == 405
    service.settled("counted", lambda m: m.total("http_requests_total", method="DELETE", route="/api/v1/prospects/import", status_code="405") == 1)


def test_head_is_get_without_a_body(service, client):
    for path in ("/health", "/health/live", "/metrics", "/api/v1/prospects"):
        received = raw_exchange(service.port, (f"HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                               f"Authorization: Bearer {client.key}\r\n\r\n").encode())
        head, _, body = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ") and body == b"", path


def test_request_ids(front):
    client = front.client()
    seen = {client.get("/health/live").headers["x-request-id"] for _ in range(50)}
    assert len(seen) == 50 and all(re.fullmatch(r"[A-Za-z0-9._-]{1,63}", i) for i in seen)
    for sane in ("a", "a.B_c-9", "x" * 63):
        assert client.get("/health/live", headers={"X-Request-Id": sane}).headers["x-request-id"] == sane
    for bad in ("", "x" * 64, "a b", "a\"b", "a;b", "ü"):
        given = client.get("/health/live", headers={"X-Request-Id": bad.encode("latin-1")}).headers["x-request-id"]
        assert given != bad and re.fullmatch(r"[A-Za-z0-9._-]{1,63}", given)
    answer = client.get("/api/v1/prospects", headers={"X-Request-Id": "find-me"})
    assert answer.json()["error"]["request_id"] == "find-me"
    wait_until("the access log", lambda: any(line.get("reqId") == "find-me" for line in front.log_lines()))
    line = next(line for line in front.log_lines() if line.get("reqId") == "find-me")
    assert line["req"] == {"method": "GET"} and line["route"] == "/api/v1/prospects" and line["statusCode"] == 401
    assert line["level"] == 30 and line["responseTime"] >= 0 and line["bytes"] == len(answer.body)


def test_refusal_instead_of_100_continue(service, organisation):
    for head, status in [
        (f"Authorization: Bearer {organisation.key}\r\nContent-Type: text/csv\r\nContent-Length: 99999999999\r\n", 413),
        (f"Authorization: Bearer {organisation.key}\r\nContent-Type: image/png\r\nContent-Length: 10\r\n", 415),
        (f"Authorization: Bearer {organisation.key}\r\nContent-Encoding: gzip\r\nContent-Type: text/csv\r\nContent-Length: 10\r\n", 415),
        (f"Authorization: Bearer {organisation.key}\r\nContent-Type: text/csv; charset=koi8-r\r\nContent-Length: 10\r\n", 415),
        ("Content-Type: text/csv\r\nContent-Length: 10\r\n", 401),
        ("Authorization: Basic eDp5\r\nContent-Type: text/csv\r\nContent-Length: 10\r\n", 401),
        ("Authorization: Bearer pf_unknown_unknown_unknown\r\nContent-Type: text/csv\r\nContent-Length: 10\r\n", 401),
    ]:
        with raw_connection(service.port) as s:
            s.sendall(POST + head.encode() + b"Expect: 100-continue\r\n\r\n")
            received = b""
            while chunk := s.recv(65536):
                received += chunk
        assert received.startswith(b"HTTP/1.1 %d " % status), (head, received)
        if status == 401:
            assert b"WWW-Authenticate: Bearer" in received


def test_a_refused_body_is_read_and_the_connection_stays_open(service, organisation):
    client = service.client()
    for _ in range(3):
        assert client.request("POST", "/api/v1/prospects/import", b"x" * 100000, {"Content-Type": "text/csv"}).status == 401
        sock = client.connection.sock
        assert client.request("POST", "/nowhere", b"x" * 100000).status == 404
        assert client.get("/health/live").status == 200
        assert client.connection.sock is sock


def test_bodies_of_every_size_arrive_complete(make_service):
    service = make_service(MAX_IMPORT_BYTES=3_000_000)
    client = service.client(service.organisation())
    for rows in (1, 100, 4000, 40000):  # in memory, and in a file
        answer = client.import_csv(csv_rows(rows, tag=f"r{rows}"))
        assert answer.status == 200 and answer.json()["imported"] == rows
    body = csv_rows(2000, tag="chunked").encode()

    def chunks():
        for i in range(0, len(body), 777):
            yield body[i:i + 777]
    answer = client.request("POST", "/api/v1/prospects/import", chunks(), {"Content-Type": "text/csv"})
    assert answer.status == 200 and answer.json()["imported"] == 2000
    # one byte too many, by Content-Length and by chunks
    assert client.import_csv("x" * 3_000_001).status == 413
    client.close()
    too_many = (b"x" * 10000 for _ in range(301))
    assert client.request("POST", "/api/v1/prospects/import", too_many, {"Content-Type": "text/csv"}).status == 413
    assert client.get("/health/live").status == 200
    # an endless body: the server disconnects and counts it
    with raw_connection(service.port) as s:
        s.sendall(POST + f"Authorization: Bearer {client.key}\r\nContent-Type: text/csv\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n".encode())
        with pytest.raises(OSError):
            for _ in range(100000):
                s.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
    metrics = service.settled("counted", lambda m: m.total("http_requests_total", status_code="413") >= 3)
    assert metrics.total("http_requests_total", status_code="413") == 3
    assert not [f for f in os.listdir(service.data_dir) if f.startswith("body-")]


def test_slow_clients_are_cut_off(make_service):
    service = make_service(IDLE_TIMEOUT=2, REQUEST_TIMEOUT=3)
    organisation = service.organisation()
    drips = [b"GET /health/live HTTP/1.1\r\nHost: x\r\nA: ", b"GE",
             POST + f"Authorization: Bearer {organisation.key}\r\nContent-Type: text/csv\r\nContent-Length: 9999\r\n\r\n".encode(),
             POST + f"Authorization: Bearer {organisation.key}\r\nContent-Type: text/csv\r\n"
             "Transfer-Encoding: chunked\r\n\r\n".encode()]
    socks = []
    for first in drips:
        s = raw_connection(service.port)
        s.sendall(first)
        s.settimeout(0.1)
        socks.append(s)
    alive = set(socks)

    def all_cut_off():
        for s in list(alive):
            try:
                s.sendall(b"1")
                if s.recv(1000) == b"":
                    alive.discard(s)
            except TimeoutError:
                pass
            except OSError:
                alive.discard(s)
        return not alive
    wait_until("all slow connections are cut off", all_cut_off, interval=0.2)
    for s in socks:
        s.close()
    service.settled("the requests counted", lambda m: m.total("http_requests_total") >= 2 and m.total("http_requests_in_flight") == 0
                    and m.total("http_requests_total", status_code="499") == m.total("http_requests_aborted_total"))


def test_clients_that_do_not_read_are_cut_off(make_service):
    n = 12
    service = make_service(IDLE_TIMEOUT=2, REQUEST_TIMEOUT=2, METRICS_SCRAPES=16)
    before = service.metrics().value("process_open_fds")
    held = []
    for _ in range(n):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(PATIENCE)
        s.connect(("127.0.0.1", service.port))
        with contextlib.suppress(ConnectionError):  # on a slow machine it may be cut off already
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 200)  # more answers than the kernel buffers
            assert s.recv(1), "no answer"
        held.append(s)
    service.settled("their descriptors free", lambda m: m.value("process_open_fds") < before + n / 2)
    for s in held:
        s.close()


def test_an_endless_chunk_size_line_does_not_keep_a_core_busy(make_service):
    service = make_service(LOOPS=1, IDLE_TIMEOUT=30)
    organisation = service.organisation()

    def asleep():
        """All threads sleep in fifty checks in a row, so a busy thread is noticed. A thread that ends meanwhile counts as not asleep."""
        try:
            return all(stat.read_text().rpartition(")")[2].split()[0] == "S"
                       for _ in range(50) for stat in Path(f"/proc/{service.process.popen.pid}/task").glob("*/stat"))
        except (FileNotFoundError, ProcessLookupError):
            return False
    with raw_connection(service.port) as s:
        s.sendall(POST + f"Authorization: Bearer {organisation.key}\r\nContent-Type: text/csv\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n".encode() + b"1" * 15000)
        assert service.client().get("/health/live").status == 200  # by the same loop, which has then read the first bytes
        wait_until("it waits for more", asleep)


def test_pipelined_requests_are_answered_in_order(front):
    n = 500
    received = raw_exchange(front.port, b"".join(
        f"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: p{i}\r\n{'Connection: close' if i == n - 1 else 'A: b'}\r\n\r\n".encode()
        for i in range(n)))
    found = answers(received)
    assert [h["x-request-id"] for _, h, _ in found] == [f"p{i}" for i in range(n)]


def test_a_request_in_single_bytes(service, organisation):
    s = raw_connection(service.port)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    body = csv_rows(1).encode()
    for byte in POST + (f"Authorization: Bearer {organisation.key}\r\nContent-Type: text/csv\r\nConnection: close\r\n"
                        f"Content-Length: {len(body)}\r\n\r\n").encode() + body:
        s.sendall(bytes([byte]))
    received = b""
    while chunk := s.recv(65536):
        received += chunk
    assert answers(received)[0][0] == 200


def test_many_idle_connections(make_service):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    service = make_service(IDLE_TIMEOUT=3)
    try:
        idle = [raw_connection(service.port) for _ in range(1500)]
        assert service.client().get("/health").status == 200
        for s in idle[::2]:
            reset(s)
        wait_until("the rest timed out", lambda: service.metrics().total("process_open_fds") < 100)
        for s in idle[1::2]:
            s.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def accepted(port):
    """The clients whose connections the server on this port has accepted. Connections that wait in the kernel have no inode yet."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return {remote for _, local, remote, state, *_, inode in (fields[:10] for fields in lines)
            if local.endswith(f":{port:04X}") and state == "01" and inode != "0"}


def test_the_connection_limit_holds(make_service):
    limit = 10
    service = make_service(LOOPS=1, MAX_CONNECTIONS=limit, IDLE_TIMEOUT=3)
    held = [raw_connection(service.port) for _ in range(3 * limit)]
    # connections over the limit wait until idle ones are closed
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(service.client().get, "/health/live")
        seen = [set()]
        wait_until("the answer to the waiting connection", lambda: seen.append(accepted(service.port)) or answer.done())
    # The kernel's list is not a snapshot. Use only states that were read twice in a row.
    steady = [len(one) for one, next_one in zip(seen, seen[1:]) if one == next_one]
    assert answer.result().status == 200 and max(steady) == limit, steady
    for s in held:
        s.close()


def test_rate_limit(make_service):
    service = make_service(RATE_LIMIT=5)
    first, second = service.client(service.organisation("one")), service.client(service.organisation("two"))
    begun = time.monotonic()
    asked, refused = 0, []
    while asked < 20 or not refused:
        answer = first.get("/api/v1/campaigns")
        asked += 1
        refused += [answer] if answer.status == 429 else []
        assert time.monotonic() - begun < PATIENCE, "never refused"
    # Five at once, and five more each second.
    assert asked - len(refused) <= 5 + 5 * (time.monotonic() - begun) + 1
    assert all(a.error_code == "too_many_requests" and int(a.headers["retry-after"]) >= 1 for a in refused)
    assert second.get("/api/v1/campaigns").status == 200, "another organisation has its own limit"
    wait_until("some are let through again", lambda: first.get("/api/v1/campaigns").status == 200)
    assert service.client().get("/health/live").status == 200


def test_metrics_on_their_own_port_and_with_a_token(make_service, tmp_path):
    port = free_port()
    token = tmp_path / "token"
    token.write_text("s3cret-s3cret\n")
    service = make_service(started=False, METRICS_LISTEN=f"127.0.0.1:{port}", METRICS_TOKEN_FILE=token)
    service.start()
    assert service.client().get("/metrics").status == 404
    from support.http import Client
    apart = Client(port)
    refused = apart.get("/metrics")
    assert refused.status == 401 and "Bearer" in refused.headers["www-authenticate"]
    assert apart.get("/metrics", headers={"Authorization": "Bearer wrong-wrong"}).status == 401
    answer = apart.get("/metrics", headers={"Authorization": "Bearer s3cret-s3cret"})
    assert answer.status == 200 and "http_requests_total" in answer.text
    assert apart.get("/health/ready").status == 200
    assert apart.get("/api/v1/campaigns").status == 404
    apart.close()


def test_metrics_by_name(front):
    text = front.client().get("/metrics?name[]=http_requests_in_flight&name%5B%5D=process_open_fds").text
    assert {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")} == {
        "http_requests_in_flight", "process_open_fds"}


def test_metrics_off(make_service):
    service = make_service(METRICS_ENABLED=0)
    client = service.client(service.organisation())
    assert client.get("/metrics").status == 404
    assert client.get("/api/v1/campaigns").status == 200
    assert client.import_csv(csv_rows(3)).status == 200
    assert client.get("/health").json()["metrics"]["enabled"] is False


def test_a_long_scrape_is_sliced_and_complete(make_service):
    """Other requests are served between the slices of a scrape. A scrape that is aborted frees its place."""
    buckets = ",".join(f"{i / 100}" for i in range(1, 251))
    service = make_service(METRICS_SCRAPES=1, PROMC_OVERRIDES=f"http_request_duration_seconds buckets={buckets}")
    client, other = service.client(), service.client()
    text = client.get("/metrics").text
    assert len(text) > 4 * 128 * 1024, "too short for several slices"
    assert promtool_check(text) is None
    assert text.count("http_request_duration_seconds_count") * 251 == text.count("http_request_duration_seconds_bucket")
    for _ in range(5):
        with raw_connection(service.port) as s:
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            assert s.recv(1000)
            assert other.get("/health/live").status == 200
            reset(s)
        wait_until("the place of the aborted scrape", lambda: client.get("/metrics").status == 200)
    service.stop()


def hold_a_scrape(port):
    """A connection whose scrape does not end: its pipelined answers do not fit into the kernel's buffers, and we read only the first
    bytes. If the first scrape is refused, all of them are refused at once."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    s.settimeout(PATIENCE)
    s.connect(("127.0.0.1", port))
    s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
    assert s.recv(12, socket.MSG_WAITALL) in (b"HTTP/1.1 200", b"HTTP/1.1 503")
    return s


def test_scrapes_are_limited(make_service):
    service = make_service(METRICS_SCRAPES=2)
    client = service.client()

    def refused():
        # Two new connections each time: our own scrape may take the place of a held one between two of its answers. Then the
        # rest of the held scrapes are refused, and that connection holds nothing any more.
        held = [hold_a_scrape(service.port) for _ in range(2)]
        answer = client.get("/metrics")
        for s in held:
            reset(s)
        return answer.status == 503 and answer.headers["retry-after"] == "1"
    wait_until("a third scrape refused", refused)
    wait_until("scrapes again", lambda: client.get("/metrics").status == 200)


def test_worker_role_serves_only_health_and_metrics(make_service):
    service = make_service(ROLE="worker")
    client = service.client(service.organisation())
    assert client.get("/health/ready").status == client.get("/metrics").status == 200
    assert client.get("/api/v1/campaigns").status == 404


def test_health_has_the_required_members(front):
    health = front.client().get("/health")
    body = health.json()
    assert body["status"] == "ok" and body["checks"] == {"store": "ok", "queue": "ok"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["timestamp"])
    assert body["metrics"]["endpoint"] == "/metrics" and body["uptime"] > 0 and body["version"]


@pytest.mark.parametrize("env, words", [
    ({"PORT": "70000"}, ["PORT", "70000", "65535"]),
    ({"PORT": "80x"}, ["PORT", "80x"]),
    ({"LOG_LEVEL": "loud", "LOOPS": "0"}, ["LOG_LEVEL", "loud", "LOOPS"]),
    ({"STORE": "mysql://root:hunter2@db"}, ["STORE"]),
    ({"METRICS_TOKEN_FILE": "/nonexistent/token"}, ["METRICS_TOKEN_FILE", "/nonexistent/token"]),
    ({"METRICS_LISTEN": "9464"}, ["METRICS_LISTEN", "9464"]),
    ({"HOST": "no.such.host.invalid"}, ["no.such.host.invalid"]),
    ({"DATA_DIR": "/proc/nothing"}, ["DATA_DIR"]),
    ({"DATA_DIR": "/etc/passwd"}, ["DATA_DIR", "Not a directory"]),
    ({"MAIL": "smtp://root:hunter2@mx:99999", "MAIL_FROM": "a@example.com"}, ["MAIL", "ort number"]),
])
def test_a_wrong_configuration_is_reported_clearly(tmp_path, env, words):
    settings = {"PORT": free_port(), "DATA_DIR": tmp_path, **env}
    done = subprocess.run([BINARY], env=clean_environment(**settings), capture_output=True, text=True, timeout=180)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and all(word in said for word in words), said
    assert "hunter2" not in said and len(said.splitlines()) <= 4, said


def test_a_busy_port_gives_one_line_and_status_1(front, tmp_path):
    done = subprocess.run([BINARY], env=clean_environment(PORT=front.port, DATA_DIR=tmp_path), capture_output=True,
                          text=True, timeout=180)
    fatal = [json.loads(line) for line in done.stdout.splitlines() if '"level":60' in line]
    assert done.returncode == 1 and len(fatal) == 1 and str(front.port) in fatal[0]["msg"]
    assert "another process" in fatal[0]["msg"] and done.stderr == ""


def test_command_line(tmp_path):
    def run(*arguments):
        return subprocess.run([BINARY, *arguments], env=clean_environment(DATA_DIR=tmp_path), capture_output=True, text=True,
                              timeout=180)
    assert run("--version").stdout.startswith("ingest-api 1.") and run("--help").stdout.startswith("usage:")
    for wrong in (["nonsense"], ["org"], ["org", "delete"], ["org", "create"], ["org", "create", "a", "b"]):
        done = run(*wrong)
        assert done.returncode == 2 and "usage:" in done.stderr and done.stdout == ""
    assert run("--role=boss").returncode == 1 and "boss" in run("--role=boss").stderr
    assert run("org", "create", "").returncode == 1
    made = json.loads(run("org", "create", "Köln \"1\"").stdout)
    assert made["name"] == "Köln \"1\"" and made["api_key"].startswith("pf_") and len(made["api_key"]) == 46


def test_sigterm_with_idle_and_slow_connections(make_service):
    service = make_service(SHUTDOWN_TIMEOUT=2, IDLE_TIMEOUT=3600, REQUEST_TIMEOUT=3600)  # longer than the test: only SHUTDOWN_TIMEOUT may end them
    organisation = service.organisation()
    idle = [raw_connection(service.port) for _ in range(50)]
    for s in idle[:25]:
        s.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert s.recv(1000).startswith(b"HTTP/1.1 200")
    slow = raw_connection(service.port)
    slow.sendall(POST + f"Authorization: Bearer {organisation.key}\r\nContent-Type: text/csv\r\nContent-Length: 100\r\n\r\nemail".encode())
    service.stop()
    for s in (*idle, slow):
        s.close()
    last = service.log_lines()[-1]
    assert last["msg"] == "stopped" and last["status"] == 0


def test_requests_sent_before_sigterm_are_answered(make_service):
    service = make_service()
    organisation = service.organisation()
    client = service.client(organisation)
    assert client.get("/api/v1/prospects").status == 200
    socks = []
    for i in range(20):
        s = raw_connection(service.port)
        body = csv_rows(50, tag=f"t{i}").encode()
        s.sendall(POST + (f"Authorization: Bearer {organisation.key}\r\nContent-Type: text/csv\r\n"
                          f"Content-Length: {len(body)}\r\n\r\n").encode() + body)
        socks.append(s)
    ended = 0

    def all_started(m):
        """The requests that had ended at the scrape before, and those in flight now. One that ends during a scrape may be in both numbers of
        that scrape."""
        nonlocal ended
        before, ended = ended, m.total("http_requests_total")
        return before + m.total("http_requests_in_flight") >= 21
    wait_until("all requests started", lambda: all_started(service.metrics()))
    service.process.signal(signal.SIGTERM)
    for s in socks:
        received = b""
        while chunk := s.recv(65536):
            received += chunk
        assert received.startswith(b"HTTP/1.1 200 "), received
        s.close()
    assert service.process.wait() == 0


def test_no_log_line_is_torn(make_service):
    service = make_service()
    organisation = service.organisation()

    def load():
        client = service.client(organisation)
        for _ in range(300):
            client.get("/api/v1/campaigns")
    threads = [threading.Thread(target=load) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    service.stop()
    completed = [line for line in service.log_lines() if line["msg"] == "request completed"]
    assert len(completed) == 1200 and len({line["reqId"] for line in completed}) == 1200
