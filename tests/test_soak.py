# SPDX-License-Identifier: Apache-2.0
"""`make soak`: the demo for two hours at 40 requests a second. Memory and descriptors of ingest-api do not grow in the second half.

SOAK_MINUTES is the duration; without it the test is skipped. The table has one line per minute and is also in build/soak.txt.
"""
import os
import re
import statistics
import time
from pathlib import Path

import pytest
from support.checkout import STACK, Checkout
from support.metrics import Samples
from support.prometheus import fetch
from support.service import BUILD

MINUTES = int(os.environ.get("SOAK_MINUTES", 0))
RATE = 40
HEAD = "| minute | requests | prospects | resident MiB | of it its own | descriptors | threads | store MiB |\n" + "| ---: " * 8 + "|"


def memory(pid):
    """Resident memory and its anonymous part, in MiB."""
    said = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return tuple(int(re.search(rf"^{name}:\s+(\d+) kB", said, re.MULTILINE)[1]) / 1024 for name in ("VmRSS", "RssAnon"))


@pytest.mark.slow
@pytest.mark.skipif(not MINUTES, reason="runs for SOAK_MINUTES: make soak")
def test_memory_and_descriptors_are_flat_in_the_second_half(tmp_path):
    checkout = Checkout(tmp_path / "checkout")
    lines, own, descriptors = [HEAD], [], []
    try:
        stack = checkout.start(STACK, "demo", DEMO_RATE=RATE).ready()
        pid = stack.servers()["ingest-api"]
        begun = time.monotonic()
        for minute in range(1, MINUTES + 1):
            while time.monotonic() < begun + 60 * minute:
                assert stack.popen.poll() is None, stack.said
                time.sleep(1)
            m = Samples(fetch(f"http://127.0.0.1:{checkout.ports['PORT']}/metrics").decode())
            resident, anonymous = memory(pid)
            store = sum(file.stat().st_size for file in (checkout.root / "var/ingest-api").glob("*.db*"))
            own.append(anonymous)
            descriptors.append(len(os.listdir(f"/proc/{pid}/fd")))
            lines.append(f"| {minute} | {m.total('http_requests_total'):.0f} | {m.total('prospects_processed_total', action='imported'):.0f} | {resident:.1f} "
                         f"| {anonymous:.1f} | {descriptors[-1]} | {len(os.listdir(f'/proc/{pid}/task'))} | {store / 2**20:.0f} |")
            (BUILD / "soak.txt").write_text("\n".join(lines) + "\n")
        assert stack.servers()["ingest-api"] == pid, "ingest-api was restarted"
        stack.press_ctrl_c()
        assert stack.wait() == 0, stack.said
    finally:
        checkout.close()
        print("\n" + "\n".join(lines))
    quarter = max(1, MINUTES // 4)
    third, last = (statistics.median(own[i * quarter:(i + 1) * quarter]) for i in (2, 3))
    assert last - third < 1, f"{third:.1f} MiB in the third quarter, {last:.1f} in the last"
    assert max(descriptors[-quarter:]) <= max(descriptors[:-quarter]), "ingest-api leaks descriptors"
