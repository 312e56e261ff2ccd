# SPDX-License-Identifier: Apache-2.0
"""`make run`, as a user starts it."""
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
from support.checkout import PORTS, SERVERS, STACK, Checkout
from support.ports import PATIENCE, wait_until
from support.prometheus import fetch
from support.service import ROOT

PREVIEW = "tools/dashboard-preview"
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change users")


@pytest.fixture
def checkout(tmp_path):
    made = Checkout(tmp_path / "checkout with a blank")
    yield made
    made.close()


def prometheus(checkout, path):
    return json.loads(fetch(f"http://127.0.0.1:{checkout.ports['PROMETHEUS_PORT']}/api/v1/{path}"))["data"]


def test_from_start_to_ctrl_c(checkout):
    stack = checkout.start(STACK, "run").ready()
    assert set(stack.servers()) == SERVERS
    for name in PORTS:
        assert f"http://127.0.0.1:{checkout.ports[name]}" in stack.said

    # Every printed address answers.
    printed = re.findall(r"^[\w-]+ +(http://127\.0\.0\.1:\d+)   \((/.*)\)$", stack.said, re.MULTILINE)
    assert [url.rpartition(":")[2] for url, _ in printed][:2] == [str(checkout.ports[name]) for name in ("PORT", "PROMETHEUS_PORT")], stack.said
    for url, paths in printed:
        for path in paths.split(", "):
            assert path == "/api/v1" or fetch(url + path), url + path

    # When it prints "ready", the service is ready.
    def health():
        return {t["labels"]["job"]: t["health"] for t in prometheus(checkout, "targets?state=active")["activeTargets"]}
    assert health()["ingest-api"] != "unknown"
    wait_until("a scrape in its time", lambda: health()["ingest-api"] == "up")
    assert sum(len(g["rules"]) for g in prometheus(checkout, "rules")["groups"]) > 20
    assert prometheus(checkout, "alertmanagers")["activeAlertmanagers"]
    assert prometheus(checkout, "targets?state=active")["activeTargets"][0]["scrapeInterval"] in ("5s", "15s")

    # The servers listen only on 127.0.0.1.
    listening = subprocess.run(["ss", "-H", "-ltnp"], capture_output=True, text=True, check=True).stdout.splitlines()
    ours = [line for line in listening if any(f"pid={pid}," in line for pid in stack.servers().values())]
    assert len(ours) >= 3 and all(" 127.0.0.1:" in line for line in ours), ours

    # The printed commands work unchanged, in another folder: from a file to emails, and Prometheus sees the numbers.
    lines = stack.curl_lines()
    assert len(lines) == 7
    shown = " && echo ';' && ".join(lines[:2] + [lines[2] + " && echo '\"'$campaign'\"'"] + lines[3:5])
    said = subprocess.run(["bash", "-c", shown], cwd="/", capture_output=True, text=True, timeout=180).stdout
    imported, listed, created, _, _ = map(json.loads, said.split(";\n"))
    rows = imported["imported"] + imported["updated"] + imported["rejected"]
    assert imported["imported"] and imported["updated"] and imported["rejected"]
    assert len(listed["data"]) == 3 and re.fullmatch(r"[0-9a-f-]{36}", created)
    query = "query?query=sum(prospects_processed_total{action=~%22imported|rejected%22})"
    wait_until("the rows in Prometheus", lambda: (r := prometheus(checkout, query)["result"]) and float(r[0]["value"][1]) == rows, 20)

    def run_line(line):
        return subprocess.run(line, shell=True, cwd="/", capture_output=True, text=True, timeout=180).stdout
    wait_until("an email for each", lambda: run_line(lines[5]).count(".eml") == imported["imported"])
    wait_until("their number in Prometheus", lambda: f'"{imported["imported"]}"]' in run_line(lines[6]))

    # A second start in the same checkout does not disturb it.
    status, said = checkout.run(STACK, "run", PORT=12001, PROMETHEUS_PORT=12002, ALERTMANAGER_PORT=12003)
    assert status == 1 and "another stack" in said and len(said.strip().splitlines()) == 1
    assert stack.popen.poll() is None and set(stack.servers()) == SERVERS

    stack.press_ctrl_c()
    assert stack.wait() == 0, stack.said
    assert stack.said.rstrip().endswith("stack: stopped")
    assert checkout.ports_are_free()
    for name in ("ingest-api", "prometheus", "alertmanager"):
        assert not re.search(r'level=error|"level":[56]0', checkout.log(name)), name


def test_the_key_of_the_first_run_is_kept(checkout):
    stack = checkout.start(STACK, "run").ready()
    first = stack.curl_lines()
    key_file = checkout.root / "var/demo-organisation"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    stack.popen.send_signal(signal.SIGTERM)
    assert stack.wait() == 0
    stack = checkout.start(STACK, "run").ready()
    assert stack.curl_lines() == first
    stack.press_ctrl_c()
    assert stack.wait() == 0
    # The log contains both runs.
    assert checkout.log("ingest-api").count('"msg":"stopped"') == 2
    # If the store is deleted but the key file is kept, a new key is made.
    shutil.rmtree(checkout.root / "var/ingest-api")
    stack = checkout.start(STACK, "run").ready()
    assert stack.curl_lines() != first
    listed = subprocess.run(stack.curl_lines()[1], shell=True, capture_output=True, text=True, check=True).stdout
    assert json.loads(listed)["data"] == []


def test_a_sighup_stops_everything(checkout):
    stack = checkout.start(STACK, "run").started()
    servers = stack.servers()
    stack.hang_up()
    assert stack.popen.wait(PATIENCE) == 0
    assert not [pid for pid in servers.values() if os.path.exists(f"/proc/{pid}")]


def test_killing_the_supervisor_ends_its_servers(checkout):
    stack = checkout.start(STACK, "run").started()
    servers = stack.servers()
    stack.popen.kill()
    wait_until("the servers gone", lambda: not [p for p in servers.values() if os.path.exists(f"/proc/{p}")], 30)


@pytest.mark.parametrize("victim", ["prometheus-alertmanager", "ingest-api"])
def test_a_dead_server_is_reported_and_stops_the_rest(checkout, victim):
    stack = checkout.start(STACK, "run").started()
    pid = stack.servers()[victim]
    os.kill(pid, signal.SIGKILL)
    assert stack.wait() == 1
    said = [line for line in stack.said.splitlines() if "has ended with" in line]
    assert said and str(pid) in said[0] and "signal KILL" in said[0] and "var/log/" in said[0]
    assert checkout.ports_are_free()


@pytest.mark.skipif(not shutil.which("node") or not shutil.which("npm"), reason="without npm the page is not built")
def test_the_dashboard_page_is_built_in_the_background(checkout):
    """There is only a package.json and no make rule, so the build fails. That is reported, and the rest keeps running."""
    page = checkout.root / "tools/dashboard-preview"
    page.mkdir()
    (page / "package.json").write_text("{}")
    stack = checkout.start(STACK, "run").ready()
    wait_until("the message is printed", lambda: "the dashboard page cannot be built here" in stack.said)
    assert "No rule to make target" in checkout.log("boards-build")
    assert set(stack.servers()) == SERVERS
    stack.press_ctrl_c()
    assert stack.wait() == 0, stack.said


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / PREVIEW / "dist/index.html").exists(), reason="the dashboard page is not built (make dashboard-preview)")
def test_the_dashboard_page_is_announced_when_it_is_built(checkout):
    for folder in (PREVIEW, "infra/grafana"):  # the npm packages are installed, the page is not built
        shutil.copytree(ROOT / folder, checkout.root / folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (checkout.root / PREVIEW / "node_modules").symlink_to(ROOT / PREVIEW / "node_modules")
    stack = checkout.start(STACK, "run").ready()
    url = f"http://127.0.0.1:{checkout.ports['GRAFANA_PORT']}"
    wait_until("the page", lambda: f"stack: the dashboards are at {url}" in stack.said, 600)
    assert b"<html" in fetch(url)
    stack.press_ctrl_c()
    assert stack.wait() == 0, stack.said
    assert checkout.port_is_free("GRAFANA_PORT")


def test_a_busy_port_is_one_clear_line_before_anything_starts(checkout):
    with socket.socket() as s:
        s.bind(("127.0.0.1", checkout.ports["PROMETHEUS_PORT"]))
        s.listen()
        status, said = checkout.run(STACK, "run")
    assert status == 1
    lines = said.strip().splitlines()
    assert len(lines) == 1, said
    assert str(checkout.ports["PROMETHEUS_PORT"]) in lines[0] and "PROMETHEUS_PORT" in lines[0]
    assert str(os.getpid()) in lines[0], "the process that uses the port must be named"
    assert not (checkout.root / "var/ingest-api").exists()


def test_wrong_ports_are_refused(checkout):
    for value in ("x", "0", "65536", "-1", "3000x"):
        status, said = checkout.run(STACK, "run", PORT=value)
        assert status == 1 and len(said.strip().splitlines()) == 1 and "PORT=" in said and value in said
    status, said = checkout.run(STACK, "run", PORT=checkout.ports["PROMETHEUS_PORT"])
    assert status == 1 and "PORT and PROMETHEUS_PORT" in said.replace("PROMETHEUS_PORT and PORT", "PORT and PROMETHEUS_PORT")


@ROOT_ONLY
@pytest.mark.parametrize("closed", [True, False], ids=["closed folder", "open folder"])
def test_root_drops_to_an_unprivileged_user(closed):
    directory = Path(tempfile.mkdtemp(prefix="stack-"))
    directory.chmod(0o700 if closed else 0o755)
    checkout = Checkout(directory / "checkout")
    try:
        stack = checkout.start(STACK, "run").ready()
        servers = stack.servers()
        if "running the servers as root" in stack.said:
            assert closed
            pytest.skip("this machine allows no mount namespace")
        for name, pid in servers.items():
            status = Path(f"/proc/{pid}/status").read_text()
            assert not re.search(r"^Uid:.*\b0\b", status, re.MULTILINE), name
            assert not re.search(r"^Gid:.*\b0\b", status, re.MULTILINE), name
            assert re.search(r"^CapEff:\s0+$", status, re.MULTILINE), name
        for line in stack.curl_lines():
            subprocess.run(line, shell=True, check=True, stdout=subprocess.DEVNULL)
        stack.press_ctrl_c()
        assert stack.wait() == 0, stack.said
    finally:
        checkout.close()
        shutil.rmtree(directory)


@ROOT_ONLY
def test_an_ordinary_user_can_run_it():
    directory = Path(tempfile.mkdtemp(prefix="stack-"))
    directory.chmod(0o755)
    checkout = Checkout(directory / "checkout")
    subprocess.run(["chown", "-R", "daemon:daemon", checkout.root], check=True)
    try:
        stack = checkout.start("setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", STACK, "run").ready()
        for pid in stack.servers().values():
            assert Path(f"/proc/{pid}").stat().st_uid == directory.joinpath("checkout").stat().st_uid
        stack.press_ctrl_c()
        assert stack.wait() == 0, stack.said
        # Then root starts the same checkout: the servers still run as the owner of the files, so the user can use it again.
        stack = checkout.start(STACK, "run").started()
        for pid in stack.servers().values():
            assert Path(f"/proc/{pid}").stat().st_uid == directory.joinpath("checkout").stat().st_uid
        stack.press_ctrl_c()
        assert stack.wait() == 0, stack.said
        assert not [f for f in (checkout.root / "var").rglob("*") if f.stat().st_uid == 0 and "log" not in f.parts]
    finally:
        checkout.close()
        shutil.rmtree(directory)
