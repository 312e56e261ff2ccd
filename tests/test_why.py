# SPDX-License-Identifier: Apache-2.0
"""`ingest-api why` and the member `why` of /health: what waits, for what, and since when."""
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from backends import PostgreSQL, serving
from support.http import csv_rows
from support.ports import PATIENCE, free_port, wait_until
from support.service import BINARY

from stack.servers import postgres

HOLDER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=180)
held.execute("begin immediate")
print("held", flush=True)
sys.stdin.read()
"""


def ask(service, *words):
    """(status, output) of the command, with the server's environment."""
    done = subprocess.run([BINARY, "why", *words], env=service.env, cwd=service.directory, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout


def causes(service, **wanted):
    """The causes in `why --json` that have these members."""
    return [cause for cause in json.loads(ask(service, "--json")[1]) if all(cause.get(name) == value for name, value in wanted.items())]


def cause(service, what, **wanted):
    return wait_until(what, lambda: causes(service, **wanted), PATIENCE, 0.2)[0]


def gone(service, what, **wanted):
    wait_until(what, lambda: not causes(service, **wanted), PATIENCE, 0.2)


@contextmanager
def locked(path):
    """Another process holds the write lock."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        yield holder
    finally:
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()


def test_nothing_waits(make_service):
    service = make_service()
    assert ask(service) == (0, f"nothing waits (http://127.0.0.1:{service.port}/health)\n")
    assert ask(service, "--json") == (0, "[]\n")
    assert service.client().get("/health").json()["why"] == []
    assert ask(service, "--xml")[0] == 2


@pytest.mark.embedded
def test_a_held_write_lock(make_service):
    service = make_service()
    service.errors_allowed = True
    client = service.client()
    with locked(service.data_dir / "ingest.db") as holder:
        found = cause(service, "the lock seen", part="store", kind="locked")
        assert found["process"]["pid"] == holder.pid and found["process"]["name"].startswith("python"), found
        assert f"SQLite is locked by process {holder.pid} (python" in found["text"] and found["text"].startswith("writes have waited "), found
        assert found["seconds"] >= 1 and found["path"].endswith("/ingest.db"), found
        status, said = ask(service)
        assert status == 1 and f"locked by process {holder.pid} (python" in said and " (since " in said, said
        # A request through a proxy may come from anybody, so it must not show details.
        public = client.get("/health", headers={"X-Forwarded-For": "192.0.2.1"})
        assert public.status == 503 and str(holder.pid) not in json.dumps(public.json()["why"]), public
        assert "another process has SQLite's write lock" in public.json()["why"][0]["text"]
        # Asking does not disturb the locks: the lock is still held since the same time.
        assert causes(service, part="store")[0]["since"] == found["since"]
    gone(service, "the lock gone", part="store")


@pytest.mark.embedded
def test_a_lock_while_the_service_is_down(make_service):
    service = make_service()
    service.stop()
    with locked(service.data_dir / "ingest.db") as holder:
        status, said = ask(service)
        assert status == 1
        assert f"ingest-api does not answer (http://127.0.0.1:{service.port}/health)" in said, said
        assert f"store: SQLite is locked by process {holder.pid} (python" in said, said
    service.start()


@pytest.mark.embedded
def test_a_suspended_service_is_named(make_service):
    service = make_service()
    os.kill(service.process.pid, signal.SIGSTOP)
    try:
        status, said = ask(service)
    finally:
        os.kill(service.process.pid, signal.SIGCONT)
    assert status == 1 and f"process {service.process.pid} (ingest-api) has its database open, and is stopped" in said, said


def test_details_need_the_token_or_metrics_listen(make_service):
    """With METRICS_TOKEN set, only a request with the token sees details. With METRICS_LISTEN set, only a request to that address does."""
    token = "a-token-of-the-metrics"
    dead = free_port()
    worker = make_service(ROLE="worker", METRICS_TOKEN=token, MAIL=f"smtp://127.0.0.1:{dead}")
    port = free_port()
    other = make_service(ROLE="worker", DATA_DIR=worker.env["DATA_DIR"], METRICS_LISTEN=f"127.0.0.1:{port}", MAIL=f"smtp://127.0.0.1:{dead}")
    api = make_service(ROLE="api", DATA_DIR=worker.env["DATA_DIR"])
    send(api)
    for service in (worker, other):
        found = cause(service, "the mail server missed", part="mail")
        assert found["host"] == f"127.0.0.1:{dead}"
        public = wait_until("the check made", lambda s=service: s.client().get("/health").json()["why"])
        assert str(dead) not in json.dumps(public) and "the mail server is not available" in json.dumps(public), public
    bearer = {"Authorization": f"Bearer {token}"}
    assert str(dead) in json.dumps(worker.client().get("/health", headers=bearer).json()["why"])
    assert str(dead) not in json.dumps(worker.client().get("/health", headers={"Authorization": "Bearer another-token"}).json()["why"])


def send(service, n=12, subject="Hello {{first_name}}"):
    """Start a campaign and request n emails."""
    client = service.client(service.organisation())
    assert client.import_csv(csv_rows(n, tag="to")).status == 200
    campaign = client.campaign(subject=subject)
    assert client.act(campaign, "start").status == 200 and client.act(campaign, "drafts").status == 202
    wait_until("drafts made or failed", lambda: (d := client.stats(campaign)["drafts"])["generated"] + d["failed"] == n, PATIENCE, 0.1)
    assert client.act(campaign, "send").status == 202
    return client, campaign


@pytest.mark.parametrize("how", ["gone", "refuse"])
def test_a_mail_server_in_trouble(make_service, relay, how):
    service = make_service(MAIL=relay.url)
    if how == "gone":
        relay.stop()
    else:
        relay.mode = "refuse"
    client, campaign = send(service)
    if how == "gone":
        found = cause(service, "the mail server missed", part="mail", kind="away")
        assert f"the mail server is not available (127.0.0.1:{relay.port}): " in found["text"], found
        relay.start()
        gone(service, "emails again", part="mail")
    else:
        found = cause(service, "the refusals seen", part="mail", kind="refused")
        assert f"127.0.0.1:{relay.port} has refused " in found["text"] and "550" in found["text"] and "@" not in found["text"], found
        assert found["count"] >= 5
    assert found["host"] == f"127.0.0.1:{relay.port}"


def test_drafts_that_fail(make_service):
    service = make_service()
    _, campaign = send(service, subject="Hello {{shoe_size}}")
    found = cause(service, "the drafts seen", part="drafts", kind="failing")
    assert campaign in found["text"] and "shoe_size" in found["text"] and found["count"] >= 5, found
    # Nothing fails any more, but the cause is still shown for some time, with its age.
    ages = []
    for _ in range(2):
        time.sleep(1)
        text = cause(service, "the drafts seen", part="drafts", kind="failing")["text"]
        ages.append(float(re.search(r", the latest (\d+\.\d) s ago of ", text)[1]))
    assert ages[1] > ages[0] >= 1, ages
    public = service.client().get("/health", headers={"Via": "1.1 proxy"}).json()["why"]
    assert campaign not in json.dumps(public) and "templates cannot be filled in" in json.dumps(public), public


@pytest.mark.embedded
def test_jobs_without_a_worker(make_service):
    api = make_service(ROLE="api")
    client = api.client(api.organisation())
    assert client.import_csv(csv_rows(3)).status == 200
    # Make the jobs one hour older.
    with sqlite3.connect(api.data_dir / "ingest.db", timeout=PATIENCE) as rows:
        assert rows.execute("update tracking_jobs set due_at = due_at - 3600000, created_at = created_at - 3600000").rowcount > 0
    found = cause(api, "the jobs seen", part="queue", kind="unattended")
    assert "prospect.validate has " in found["text"] and "--role=api" in found["text"] and found["seconds"] > 3500, found
    make_service(ROLE="worker", DATA_DIR=api.env["DATA_DIR"])
    gone(api, "the jobs done", part="queue")


@contextmanager
def psql(url):
    """A named session that locks a table. Returns its process id."""
    words = [postgres.programs() / "psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-d", url]
    session = subprocess.Popen(words, env=os.environ | {"PGAPPNAME": "somebody"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        session.stdin.write("begin; lock table crm.prospects in access exclusive mode; select pg_backend_pid();\n")
        session.stdin.flush()
        yield int(session.stdout.readline())
    finally:
        session.stdin.close()
        session.wait()
        session.stdout.close()


def test_postgres_locked_by_a_session(make_service, postgres_server):
    service = make_service(STORE=postgres_server.database())
    service.errors_allowed = True
    client = service.client(service.organisation())
    with psql(service.env["STORE"]) as pid:
        found = cause(service, "the session seen", part="store", kind="locked")
        assert found["process"] == {"pid": pid, "name": "somebody"} and "idle in transaction" in found["text"], found
    gone(service, "the session gone", part="store")
    assert client.import_csv(csv_rows(2)).status == 200


@pytest.fixture
def own_postgres():
    with serving(PostgreSQL) as server:
        yield server


def test_postgres_away(make_service, own_postgres):
    server = own_postgres
    service = make_service(STORE=server.database())
    service.errors_allowed = True
    server.stop()
    found = cause(service, "PostgreSQL missed", part="store", kind="away")
    assert found["host"].endswith(f":{server.port}") and "PostgreSQL (" in found["text"], found
    assert service.env["STORE"] not in json.dumps(found)
    server.start()
    gone(service, "PostgreSQL back", part="store")


def test_an_unreachable_prometheus(make_service):
    """`why` reports missing scrapes only after Prometheus has scraped once; a request with curl does not count."""
    service = make_service()
    assert service.client().get("/metrics").status == 200
    assert causes(service, part="monitoring") == []
    status, said = ask_with(service, PROMETHEUS_URL=f"http://127.0.0.1:{free_port()}")
    assert status == 1 and "monitoring: Prometheus does not answer (127.0.0.1:" in said, said


def ask_with(service, **env):
    done = subprocess.run([BINARY, "why"], env=service.env | env, cwd=service.directory, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout
