# SPDX-License-Identifier: Apache-2.0
"""/health checks the store and the queue."""
import json
import sqlite3
import subprocess

import pytest
from support.http import csv_rows
from support.ports import PATIENCE, wait_until
from support.service import BINARY


def ask(service, *words):
    """Run `ingest-api health` as a container's probe does, with the server's environment."""
    return subprocess.run([BINARY, "health", *words], env=service.env, cwd=service.directory, capture_output=True, text=True, timeout=180, check=False)


def test_all_well(service):
    client = service.client()
    health = client.get("/health")
    assert health.status == 200
    body = health.json()
    assert body["status"] == "ok" and body["timestamp"]
    # The object that the requirements ask for.
    assert body["metrics"]["endpoint"] == "/metrics" and body["metrics"]["prometheus"] and body["metrics"]["grafana"]
    assert client.get("/health/live").status == 200
    assert client.get("/health/ready").status == 200


@pytest.mark.embedded
def test_503_only_while_the_store_cannot_write(make_service):
    service = make_service(STORE_TIMEOUT_MS=5000)
    service.errors_allowed = True
    organisation = service.organisation()
    client = service.client(organisation)
    assert client.import_csv(csv_rows(1)).status == 200
    database = next(service.data_dir.glob("*.db"))
    # Another process holds the write lock.
    thief = sqlite3.connect(database, isolation_level=None, timeout=PATIENCE)
    thief.execute("begin immediate")
    try:
        health = wait_until("/health says 503", lambda: (h := client.get("/health")).status == 503 and h)
        assert health.json()["status"] != "ok"
        assert client.get("/health/ready").status == 503
        assert client.get("/health/live").status == 200
        assert ask(service).returncode == 1
        wait_until("an answer within the command's four seconds", lambda: ask(service, "live").returncode == 0)
        assert client.get("/metrics").status == 200
        assert client.import_csv(csv_rows(1, start=1)).status == 503
    finally:
        thief.execute("rollback")
        thief.close()
    wait_until("/health says 200 again", lambda: client.get("/health").status == 200)
    assert client.import_csv(csv_rows(1, start=2)).status == 200
    assert len(client.prospects()) == 2


def test_the_command_asks_the_running_server(make_service):
    service = make_service()
    for words in ((), ("ready",), ("live",)):
        done = wait_until("an answer within the command's four seconds", lambda words=words: (d := ask(service, *words)).returncode == 0 and d)
        assert json.loads(done.stdout)["status"] == "ok" and done.stderr == "", done
    assert ask(service, "metrics").returncode == ask(service, "live", "ready").returncode == 2
    service.stop()
    done = ask(service)
    assert done.returncode == 1 and done.stdout == "" and f"http://127.0.0.1:{service.port}/health/ready: " in done.stderr, done


@pytest.mark.parametrize("host, asked", [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("localhost", "localhost")])
def test_the_command_finds_the_address(make_service, host, asked):
    service = make_service(started=False, HOST=host)
    assert f"http://{asked}:{service.port}/health/live: " in ask(service, "live").stderr


def test_a_taken_port_gives_one_clear_line(service):
    done = subprocess.run([BINARY], env=service.env | {"DATA_DIR": str(service.directory / "other")},
                          capture_output=True, text=True, timeout=180)
    assert done.returncode not in (0, -6, -11)
    said = (done.stdout + done.stderr).strip().splitlines()
    assert [line for line in said if str(service.port) in line], said


def test_all_wrong_settings_are_reported_together(service):
    done = subprocess.run([BINARY], env=service.env | {"PORT": "99999", "LOOPS": "many", "STORE_THREADS": "0"},
                          capture_output=True, text=True, timeout=180)
    assert done.returncode not in (0, -6, -11)
    said = done.stdout + done.stderr
    for name, value in (("PORT", "99999"), ("LOOPS", "many"), ("STORE_THREADS", "0")):
        assert any(name in line and value in line for line in said.splitlines()), (name, said)


def test_a_misspelt_setting_is_reported(make_service):
    service = make_service(STORE_THREAD=2)
    said = [line["msg"] for line in service.log_lines() if line.get("component") == "settings"]
    assert said == ["STORE_THREAD is not a setting: did you mean STORE_THREADS?"]
