# SPDX-License-Identifier: Apache-2.0
"""The dashboards on the real stack with the demo's traffic: every query of every panel, and every panel in a browser."""
import json
import os
import re
import shutil
import subprocess
import time
import urllib.parse

import pytest

from stack.servers.others import Boards
from support.checkout import STACK, Checkout
from support.ports import free_port, wait_until
from support.prometheus import fetch
from support.service import ROOT

PREVIEW = ROOT / "tools/dashboard-preview"
BOARDS = sorted((ROOT / "infra/grafana/dashboards").glob("*.json"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (PREVIEW / "dist/index.html").exists() or not shutil.which("node"),
                       reason="the dashboard preview is not built (make dashboard-preview)"),
]

# Panels that may be empty with the demo's traffic, and why.
QUIET = {
    "Active alerts": "nothing need be pending or firing",
    "Active alerts of the organisation": "nothing need be wrong with an organisation",
    "Query errors": "a series appears with the first failed query",
    "Notifications by channel": "make run has no receivers until somebody gives it secrets",
    "Notifications failing": "nothing is sent, so nothing fails",
    "Days of SLO data": "counted once in five minutes, and the demo is younger",
} | {panel["title"]: "the demo's queue is embedded (tests/test_broker_away.py has RabbitMQ)"
     for path in BOARDS for panel in json.loads(path.read_text())["panels"]
     if panel.get("fieldConfig", {}).get("defaults", {}).get("noValue") in ("embedded queue", "none published", "none delivered")}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """The demo, run until every rate() has two scrapes and every campaign step has happened."""
    checkout = Checkout(tmp_path_factory.mktemp("boards") / "checkout")
    try:
        running = checkout.start(STACK, "demo", DEMO_RATE=60).ready()
        begun = time.monotonic()
        wait_until("a minute and a half of traffic", lambda: time.monotonic() - begun > 90 or running.popen.poll() is not None, 120)
        wait_until("emails in the recorded series", lambda: ask(checkout, "sum(organisation:emails_sent:increase15m) > 0"))
        assert running.popen.poll() is None, running.said
        yield checkout
    finally:
        checkout.close()


@pytest.fixture(scope="module")
def preview(stack):
    at = {name: f"http://127.0.0.1:{port}" for name, port in stack.ports.items()}
    page = Boards(PREVIEW, free_port(), {"PROMETHEUS_URL": at["PROMETHEUS_PORT"], "ALERTMANAGER_URL": at["ALERTMANAGER_PORT"], "API_URL": at["PORT"],
                                         "LOGS_DIR": str(stack.root / "var/log"), "PROMETHEUS_TIMEOUT_MS": "120000"}, log_path=stack.root / "var/log/preview.log")
    yield page.start().url
    page.stop()


def ask(stack, expr, **parameters):
    path = "query_range" if parameters else "query"
    url = f"http://127.0.0.1:{stack.ports['PROMETHEUS_PORT']}/api/v1/{path}?" + urllib.parse.urlencode({"query": expr} | parameters)
    return json.loads(fetch(url))["data"]["result"]


def label_value(stack, query):
    """One value of a variable's label_values() or query_result()."""
    result = re.fullmatch(r"query_result\((.*)\)", query, re.DOTALL)
    if result:
        found = ask(stack, re.sub(r"\$\{?\w+\}?", ".+", result[1]))
        assert all(set(r["metric"]) == {"name", "organisation_id"} and r["metric"]["name"] != r["metric"]["organisation_id"] for r in found), found
        return max((r["metric"]["organisation_id"] for r in found), default=None)
    match = re.fullmatch(r"label_values\((?:(.*),\s*)?(\w+)\)", query, re.DOTALL)
    selector, label = match.groups()
    selector = re.sub(r"\$\{?\w+\}?", ".+", selector or "up")
    values = sorted({r["metric"][label] for r in ask(stack, selector) if label in r["metric"]})
    return values[-1] if values else None


def variables(stack, board, one):
    values = {"__rate_interval": "60s",  # four scrapes of the slowest job
               "__range": "120s", "__interval": "5s"}
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            value = label_value(stack, variable["query"]["query"]) if one else None
            chosen = variable["current"]["value"][0]
            everything = ".+" if chosen == "$__all" else chosen
            values[variable["name"]] = re.escape(value).replace("\\", "\\\\") if value else everything
    return values


@pytest.mark.parametrize("path", BOARDS, ids=lambda p: p.stem)
@pytest.mark.parametrize("one", [False, True], ids=["all", "one value"])
def test_every_query_returns_data(stack, path, one):
    board = json.loads(path.read_text())
    values = variables(stack, board, one)
    if one and path.stem != "ingest-api":
        # Its panels show different jobs. With one job chosen, each query only has to be valid.
        values["job"], values["instance"] = "ingest-api", ".+"
    empty = []

    def shown():
        """Some panels get data only after more traffic. With one route, queue and organisation chosen, a few panels may stay empty, but
        not most of them."""
        empty.clear()
        now = time.time()
        for panel in board["panels"]:
            answers = [ask(stack, re.sub(r"\$\{?(\w+)\}?", lambda m: values.get(m[1], m[0]), target["expr"]), start=now - 120, end=now, step=5)
                       for target in panel.get("targets", [])]
            if answers and not any(answers) and panel["title"] not in QUIET:
                empty.append(panel["title"])
        return len(empty) < len(board["panels"]) / 2 if one else not empty
    try:
        wait_until(f"data in {path.stem}", shown, interval=1)
    except AssertionError as error:
        pytest.fail(f"{error}: nothing in {empty}")


def test_in_the_browser(preview):
    if not os.path.exists(os.environ.get("CHROMIUM", "/usr/bin/chromium")):
        pytest.skip("chromium is not installed (scripts/setup browser)")
    env = dict(os.environ, PREVIEW_URL=preview, QUIET_PANELS="|".join(QUIET))
    done = subprocess.run(["node", "--test", "test/"], cwd=PREVIEW, env=env, capture_output=True, text=True, timeout=2400)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
