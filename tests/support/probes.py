# SPDX-License-Identifier: Apache-2.0
"""Valid and invalid HTTP/1.1 requests (tests/http_probes.json), and what a server answers to them.

MUST and SHOULD are the RFC's words. Most SHOULD cases are "octets that do not match the grammar", to be answered 400 (RFC 9112, 2.2).
MAY: a server may accept them, but it is safer to refuse.

A case is bytes to send. After them follows a plain GET that ends the connection, unless the bytes end it themselves. The outcome is one of
  ok      every request has been answered with 2xx, the last GET too: both sides agree where each request ends
  once    2xx to the first request, then the connection has ended
  400     one answer, a 400, and the connection has ended
  4xx     one answer that refuses (4xx, 501, 505), and the connection has ended
  any4xx  it is refused, but the last GET is answered: both sides still agree
  close   the connection has ended without an answer
or else the list of statuses, or "waits". `expect` lists the good outcomes.

As a program (`python3 -m support.probes`, in tests/) it prints the table of docs/service/http-scorecard.md.
"""
import contextlib
import json
import re
import socket
import sys
import time
from pathlib import Path

from .http_peers import PEERS, ours
from .ports import PATIENCE

CASES = json.loads(Path(__file__).parent.parent.joinpath("http_probes.json").read_text(encoding="ascii"))
WAITS = 3  # seconds without an answer after which we say that the server waits for more


def bytes_of(case, server):
    text = re.sub(r"\{a(\d+)\}", lambda m: "a" * int(m.group(1)), case["send"])
    for word in ("get", "post", "headers"):
        text = text.replace("{" + word + "}", getattr(server, word))
    return text.encode("latin-1")


def _receive(sock, data, patience):
    """Everything that the server sends, and whether the connection has ended."""
    received = b""
    sock.settimeout(patience)
    try:
        sock.sendall(data)
    except OSError:
        pass  # closed while we send: what the server sent before counts
    try:
        while chunk := sock.recv(65536):
            received += chunk
    except TimeoutError:
        return received, False
    except OSError:
        pass
    return received, True


def answers_in(received, heads):
    """[(status, head, body)] of the final answers; `heads` says which of them, in order, are to HEAD."""
    found = []
    while match := re.match(rb"HTTP/1\.[01] (\d{3})[^\r\n]*\r\n(?:[^\r\n]*\r\n)*?\r\n", received):
        status, head, rest = int(match.group(1)), match.group(0), received[match.end():]
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        if status < 200:
            received = rest
            continue
        if len(found) in heads:
            end = 0
        elif re.search(rb"\r\ntransfer-encoding: *chunked", head, re.IGNORECASE):
            end = rest.find(b"0\r\n\r\n") + 5 if b"0\r\n\r\n" in rest else len(rest)
        else:
            end = int(length.group(1)) if length else len(rest)
        found.append((status, head, rest[:end]))
        received = rest[end:]
    return found, received


def outcome(server, case, patience=WAITS):
    """(word, [(status, head, body)]) of a case."""
    data = bytes_of(case, server)
    heads = {0} if data.startswith(b"HEAD") else set()
    last = f"GET {server.get} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as sock:
        received, ended = _receive(sock, data if case["expect"] == ["once"] else data + last, patience)
    found, rest = answers_in(received, heads)
    statuses = [status for status, _, _ in found]
    good = [200 <= status < 300 for status in statuses]
    requests = 1 + len(re.findall(rb"GET [^ ]* HTTP/1\.1\r\nHost: x\r\n\r\nGET", data))
    if rest:
        word = f"{statuses} and {rest[:40]!r}"
    elif not ended:
        word = "waits" if not statuses else f"{statuses}, waits"
    elif not statuses:
        word = "close"
    elif len(statuses) == requests + 1:
        word = "ok" if all(good) else "any4xx" if good[-1] and not any(good[:-1]) else str(statuses)
    elif len(statuses) == 1:
        word = "once" if good[0] else "400" if statuses[0] == 400 else "4xx" if statuses[0] < 500 or statuses[0] in (501, 505) else str(statuses)
    else:
        word = str(statuses)
    return word, found


def is_good(case, word):
    return word in case["expect"] or (word == "400" and "4xx" in case["expect"]) or (word in ("400", "4xx") and "any4xx" in case["expect"])


def failures(server):
    """{id: outcome} of the cases in which the server fails."""
    wrong = {}
    for case in CASES:
        word, _ = outcome(server, case)
        if not is_good(case, word):
            wrong[case["id"]] = word
    return wrong


def main():
    results = {}
    with contextlib.ExitStack() as stack:
        for name, start in {"ingest-api": ours, **PEERS}.items():
            server = stack.enter_context(start())
            if server is None:
                print(f"{name} is left out: it is not installed", file=sys.stderr)
                continue
            results[f"{name} {server.version}"] = failures(server)
    print(f"| | {' | '.join(results)} |\n|---|{'---|' * len(results)}")
    for level in ("MUST", "SHOULD", "MAY"):
        ids = [case["id"] for case in CASES if case["level"] == level]
        print(f"| **{level}: failed of {len(ids)}** | {' | '.join(str(sum(i in wrong for i in ids)) for wrong in results.values())} |")
    for case in CASES:
        words = [wrong.get(case["id"], "") for wrong in results.values()]
        if any(words):
            print(f"| {case['level']} {case['id']} (RFC {case['rfc']}) | {' | '.join(words)} |")
    print(time.strftime("%Y-%m-%d"), file=sys.stderr)


if __name__ == "__main__":
    main()
