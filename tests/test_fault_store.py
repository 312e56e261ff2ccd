# SPDX-License-Identifier: Apache-2.0
"""The store fails under load: PostgreSQL stopped, PostgreSQL killed, SQLite's disk full."""
import itertools
import os
import subprocess
import time
from collections import Counter

import pytest
from backends import PostgreSQL, serving
from support.faults import PATIENCE, Importers, Outbox, Watch, record
from support.http import csv_rows
from support.ports import wait_until
from support.proxy import TO_CLIENT, TO_SERVER, Proxy


@pytest.fixture(scope="module")
def postgres():
    """A server for these tests only: they stop and kill it."""
    with serving(PostgreSQL) as server:
        yield server


def status_of(client, path):
    return client.get(path).status


@pytest.mark.parametrize("how", ["kill", pytest.param("stop", marks=pytest.mark.slow)])
def test_postgres_comes_and_goes(make_service, tmp_path, postgres, how):
    """An API during imports and a worker during sending lose their PostgreSQL server for some seconds."""
    store, outbox, n = postgres.database(), Outbox(tmp_path / "outbox"), 400
    api = make_service(STORE=store, QUEUE="embedded", ROLE="api", STORE_TIMEOUT_MS=1000)
    worker = make_service(STORE=store, QUEUE="embedded", ROLE="worker", MAIL=f"file:{outbox.directory}")
    api.errors_allowed = worker.errors_allowed = True  # a lost connection is logged as an error
    organisation, sender = api.organisation("imports"), api.organisation("sends")
    client, sending = api.client(organisation), api.client(sender)
    assert sending.import_csv(csv_rows(n, tag="mail")).status == 200
    campaign = sending.campaign()
    assert sending.act(campaign, "start").status == 200

    with Watch(api) as watch, Watch(worker):
        load = Importers(api, organisation, pause=0.01)
        load.wait_for(200)
        assert sending.act(campaign, "send").status == 202
        wait_until("some emails", outbox.receivers, PATIENCE)
        getattr(postgres, how)()
        wait_until("/health/ready says so", lambda: status_of(client, "/health/ready") == 503, PATIENCE)
        wait_until("imports refused", lambda: load.refused > 10, PATIENCE)
        postgres.start()
        ended = time.monotonic()
        resumed = load.resumed(ended)
        wait_until("/health/ready again", lambda: status_of(client, "/health/ready") == 200, PATIENCE)
        load.stop()
        wait_until("all emails", lambda: sending.stats(campaign)["emails"]["sent"] >= n, PATIENCE, 0.2)

    receivers = Counter(outbox.receivers())
    lost = load.lost(client) + n - len(receivers)
    twice = sum(times - 1 for times in receivers.values())
    assert (lost, twice) == (0, 0)
    metrics = api.metrics()
    assert metrics.total("db_query_errors_total") > 0
    assert metrics.total("http_requests_total", route="/api/v1/prospects/import", status_code="503") >= load.refused > 0
    assert worker.metrics().total("queue_message_failures_total", reason="dead_lettered") == 0
    record(f"PostgreSQL {'stopped and started' if how == 'stop' else 'killed with -9'} under load",
           len(load.acknowledged) + n, lost, twice, resumed, watch.peak, f"{load.refused} imports refused with 503; {watch.word}")


class Disk:
    """A small file system."""

    def __init__(self, path):
        self.path = path
        path.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", path], capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            pytest.skip(f"mount is not allowed here: {mounted.stderr.strip()}")

    def fill(self):
        ballast = os.open(self.path / "ballast", os.O_WRONLY | os.O_CREAT)
        with pytest.raises(OSError, match="No space left"):
            while True:
                os.write(ballast, b"x" * 65536)
        os.close(ballast)

    def clear(self):
        (self.path / "ballast").unlink()

    def close(self):
        subprocess.run(["umount", "--lazy", self.path], check=True)


@pytest.fixture
def disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    made = Disk(tmp_path / "disk")
    yield made
    made.close()


def test_the_disk_is_full(make_service, disk):
    service = make_service(DATA_DIR=disk.path, STORE="sqlite", QUEUE="embedded")
    service.errors_allowed = True
    organisation = service.organisation()
    client = service.client(organisation)
    with Watch(service) as watch:
        load = Importers(service, organisation, workers=2, rows=20, pause=0.01)
        load.wait_for(200)
        disk.fill()
        wait_until("imports refused", lambda: load.refused > 10, PATIENCE)
        refused = (client.import_csv(csv_rows(200, tag=f"refused{i}")) for i in itertools.count())
        # After a checkpoint, SQLite's WAL may have room again.
        refusal = wait_until("a large import refused", lambda: (answer := next(refused)).status != 200 and answer, PATIENCE)
        assert (refusal.status, refusal.error_code) == (503, "store_full"), refusal
        assert client.get("/api/v1/prospects").status == 200, "reads must still work"
        wait_until("/health says so", lambda: status_of(client, "/health") == 503, PATIENCE)
        disk.clear()
        ended = time.monotonic()
        resumed = load.resumed(ended)
        load.stop()  # before the imports themselves fill the disk
        wait_until("/health again", lambda: status_of(client, "/health") == 200, PATIENCE)
    lost = load.lost(client)
    assert lost == 0
    metrics = service.metrics()
    assert metrics.total("db_query_errors_total", sqlstate_class="53") > 0
    # All rows are on the disk, not only in the process.
    service.kill()
    service.start()
    assert load.lost(service.client(organisation)) == 0
    record("the disk of SQLite full", len(load.acknowledged), lost, 0, resumed, watch.peak, f"{load.refused} imports refused with 503; {watch.word}")


class Forgetful(Proxy):
    """While `armed`, resets the connection at each seventh COMMIT: by turns after it, so that its answer is lost, and before it, so that
    it never arrives. The client cannot tell the difference."""
    armed, seen = False, 0

    def _cut_in(self, direction, data):
        # To the server: the Bind of the prepared statement "commit". To the client: CommandComplete.
        at = data.find(b"\0commit\0" if direction == TO_SERVER else b"COMMIT\0") if self.armed else -1
        if at < 0:
            return None
        with self._lock:
            self.seen += direction == TO_SERVER
            if self.seen % 7 != 0 or direction != (TO_CLIENT if self.seen % 14 else TO_SERVER):
                return None
            self.seen += 1  # cut only once per COMMIT
            self.cuts_made += 1
        return at


def acknowledged(client, n, rows=5):
    """Send n imports and repeat each until it is acknowledged. A refused one must have changed nothing."""
    for i in range(n):
        csv = csv_rows(rows, start=i * rows, tag="mail")
        while (answer := client.import_csv(csv)).status == 503:
            pass
        assert answer.status == 200 and answer.json()["imported"] == rows, answer


def test_the_answer_to_a_commit_is_lost(make_service, postgres, relay):
    """The connections of the API and the worker break repeatedly during a COMMIT. The service finds out whether it was applied: nothing is
    lost, done twice or in doubt, and every count equals the database."""
    requests, n = 60, 300
    store = postgres.database()
    behind_api, behind_worker = proxies = [Forgetful(postgres.port) for _ in range(2)]
    stores = [postgres.url(store.rsplit("/", 1)[1], proxy.port) for proxy in proxies]
    api = make_service(STORE=stores[0], QUEUE="embedded", ROLE="api")
    worker = make_service(STORE=stores[1], QUEUE="embedded", ROLE="worker", MAIL=relay.url)
    api.errors_allowed = worker.errors_allowed = True  # a lost connection is logged as an error
    client = api.client(api.organisation())

    def settled(what, name, count, **labels):
        return worker.settled(f"{what}: {count}", lambda m: m.total(name, **labels) >= count, PATIENCE)
    try:
        with Watch(api), Watch(worker) as watch:
            for proxy in proxies:
                proxy.armed = True
            acknowledged(client, requests)
            behind_api.armed = False
            settled("researched", "prospects_processed_total", n, action="researched")
            campaign = client.campaign()
            assert client.act(campaign, "start").status == 200
            assert client.act(campaign, "drafts").status == 202
            settled("drafts", "drafts_generated_total", n)
            assert client.act(campaign, "send").status == 202
            settled("sent", "emails_sent_total", n)
            worker.settled("consumed", lambda m: m.total("queue_messages_total", action="consumed")
                           >= api.metrics().total("queue_messages_total", action="published") + m.total("queue_messages_total", action="published"), PATIENCE)
            behind_worker.armed = False
        stats, metrics = client.stats(campaign), worker.metrics()
        assert relay.twice() == 0 and len(relay.taken) == n
        assert (stats["emails"]["sent"], stats["emails"]["failed"], stats["drafts"]["generated"]) == (n, 0, n)
        assert len(client.prospects()) == api.metrics().total("prospects_processed_total", action="imported") == n
        for action in ("validated", "researched"):
            assert metrics.total("prospects_processed_total", action=action) == n
        assert metrics.total("drafts_generated_total", success="true") == n == metrics.total("drafts_generated_total")
        assert metrics.total("emails_sent_total", success="true") == n == metrics.total("emails_sent_total")
        published = api.metrics().total("queue_messages_total", action="published") + metrics.total("queue_messages_total", action="published")
        assert metrics.total("queue_messages_total", action="consumed") == published == 2 * requests + 2 * n
        assert metrics.total("queue_message_failures_total") == metrics.total("queue_message_retries_total") == 0
        assert min(proxy.cuts_made for proxy in proxies) >= 2
        record(f"a connection to PostgreSQL lost during COMMIT, {behind_api.cuts_made + behind_worker.cuts_made} times, applied or not in turn", 2 * n, 0, relay.twice(), None,
               watch.peak, f"rows and emails, none in doubt; every counter equals the database; {watch.word}")
    finally:
        for proxy in proxies:
            proxy.close()
