# SPDX-License-Identifier: Apache-2.0
"""Ports for servers under test: on 127.0.0.1 and below 32768, where the kernel takes none for outgoing connections."""
import random
import socket
import time

_given = set()


def free_port():
    while True:
        port = random.randrange(12000, 32768)
        if port in _given:
            continue
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port


def is_listening(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


# Nothing is failed for being slow before this many seconds: the machine may have other things to do. What works is waited for
# no longer than it takes.
PATIENCE = 180


def wait_until(what, condition, seconds=PATIENCE, interval=0.05):
    """The first true value of `condition()`; AssertionError naming `what` when time is up. Less than PATIENCE is not asked for."""
    seconds = max(seconds, PATIENCE)
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(interval)
