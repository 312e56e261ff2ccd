# SPDX-License-Identifier: Apache-2.0
"""An incident in the running demo, and its pictures for the documents (`make pictures`): a foreign process holds the write lock of the
database. The alert fires, the page shows it, and the service names the process."""
import os
import shutil
import sqlite3
import subprocess
import time

import pytest
from stack.servers.others import Boards
from support.checkout import STACK, Checkout
from support.ports import PATIENCE, free_port, wait_until
from support.prometheus import fetch
from support.service import ROOT
from stack import web

PREVIEW = ROOT / "tools/dashboard-preview"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ALERT = "DatabasePoolTimeouts"
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not (PREVIEW / "dist/index.html").exists() or not shutil.which("node") or not os.path.exists(CHROMIUM),
                       reason="the page is not built (make dashboard-preview), or chromium is missing (scripts/setup browser)"),
]


def lasts(seconds, running):
    """Wait for a time that the graphs in the pictures show."""
    end = time.monotonic() + seconds
    wait_until(f"{seconds} s on the graphs", lambda: time.monotonic() > end or running.popen.poll() is not None, seconds + 60)
    assert running.popen.poll() is None, running.said


def test_pictures_of_an_incident(tmp_path):
    pictures = os.environ.get("SCREENSHOTS", str(tmp_path / "pictures"))
    checkout = Checkout(tmp_path / "checkout")
    page = None
    try:
        running = checkout.start(STACK, "demo", DEMO_RATE=40).ready()
        at = {name: f"http://127.0.0.1:{port}" for name, port in checkout.ports.items()}
        page = Boards(PREVIEW, free_port(), {"PROMETHEUS_URL": at["PROMETHEUS_PORT"], "ALERTMANAGER_URL": at["ALERTMANAGER_PORT"], "API_URL": at["PORT"],
                                             "LOGS_DIR": str(checkout.root / "var/log"), "PROMETHEUS_TIMEOUT_MS": "120000"},
                      log_path=tmp_path / "page.log").start()
        lasts(150, running)  # a quiet time before the incident
        holder = sqlite3.connect(checkout.root / "var/ingest-api/ingest.db", timeout=PATIENCE, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        wait_until(f"{ALERT} critical", lambda: any(
            alert["name"] == ALERT and alert["severity"] == "critical" and alert["state"] == "firing" and "cluster" in alert["labels"]
            for alert in web.send("GET", f"{page.url}/api/alerts")["alerts"]))
        assert f"process {os.getpid()} (" in fetch(f"{page.url}/api/service/health").decode(), "the service must name the process that holds the lock"
        lasts(90, running)
        env = dict(os.environ, PREVIEW_URL=page.url, SCREENSHOTS=pictures, ALERT=ALERT, CHROMIUM=CHROMIUM)
        done = subprocess.run(["node", "--test", "--test-reporter=tap", "pictures/"], cwd=PREVIEW, env=env, capture_output=True, text=True, timeout=1200)
        print(done.stdout)
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
        holder.execute("ROLLBACK")
        holder.close()
    finally:
        if page:
            page.stop()
        checkout.close()
