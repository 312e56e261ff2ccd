# SPDX-License-Identifier: Apache-2.0
"""promc_exporter's page at /, in a browser. The program has a family of every type."""
import os
import re
import shutil
import subprocess

import pytest
from stack.process import die_with_parent
from support.prometheus import fetch
from support.service import BUILD, ROOT

TARGET = BUILD / "lib/promc-exporter/live-target"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


@pytest.fixture
def address():
    program = subprocess.Popen([TARGET], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
    try:
        yield f"http://127.0.0.1:{int(program.stdout.readline())}/"
    finally:
        program.stdin.close()
        program.stdout.close()
        assert program.wait() == 0


def test_the_page_loads_nothing_from_other_hosts(address):
    page = fetch(address).decode()
    assert len(page.encode()) < 40_000
    # These addresses are only XML namespaces and are never requested.
    assert set(re.findall(r"https?://[^\s\"'`)]*", page)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"}
    assert not re.search(r"<(script|img|iframe)[^>]* src=|<link[^>]* href=\"(?!data:)|@import|url\((?!data:)", page)


def test_in_the_browser(address):
    if not os.path.exists(CHROMIUM) or not (ROOT / "tools/dashboard-preview/node_modules/playwright-core").is_dir():
        pytest.skip("no chromium (scripts/setup browser) or no playwright-core (make dashboard-preview)")
    done = subprocess.run([shutil.which("node"), "--test", "--test-reporter=tap", "test/"], cwd=ROOT / "lib/promc-exporter/live",
                          env=os.environ | {"LIVE_URL": address, "CHROMIUM": CHROMIUM}, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
