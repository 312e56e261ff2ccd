# SPDX-License-Identifier: Apache-2.0
"""Ports for servers under test: on 127.0.0.1 and below 32768, outside the kernel's range for outgoing connections."""
import functools
import itertools
import random
import socket
import time

FIRST, LAST, EACH = 12000, 32767, 400


@functools.cache
def _block():
    """A block of ports that no other test process uses while this one lives. Each process binds a name in the abstract socket
    namespace, which belongs to the network namespace, as ports do. The kernel frees the name when the process ends."""
    blocks = list(range(FIRST, LAST + 1 - EACH, EACH))
    random.shuffle(blocks)
    for first in blocks:
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0promc-tests-ports-{first}")
        except OSError:
            name.close()
            continue
        return name, itertools.cycle(range(first, first + EACH))
    raise RuntimeError(f"{len(blocks)} processes of these tests at once are too many: no ports are left")


def free_port():
    """A port that nobody listens on. The same port is returned again only after all the others."""
    _name, ports = _block()
    while True:
        port = next(ports)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def is_listening(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


# No test fails for being slow in less than this many seconds: the machine may be busy. A wait ends as soon as its condition
# holds.
PATIENCE = 180


def wait_until(what, condition, seconds=PATIENCE, interval=0.05):
    """Return the first true value of `condition()`; AssertionError with `what` after the time is up. Waits at least PATIENCE."""
    seconds = max(seconds, PATIENCE)
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(interval)
