# SPDX-License-Identifier: Apache-2.0
"""The store goes away under load: PostgreSQL stopped, PostgreSQL killed, the disk of SQLite full."""
import os
import subprocess
import time
from collections import Counter

import pytest
from backends import PostgreSQL, serving
from support.faults import PATIENCE, Importers, Outbox, Watch, record
from support.http import csv_rows
from support.ports import wait_until
from support.proxy import TO_CLIENT, Proxy


@pytest.fixture(scope="module")
def postgres():
    """A server that these tests alone use: they stop and kill it."""
    with serving(PostgreSQL) as server:
        yield server


def status_of(client, path):
    return client.get(path).status


@pytest.mark.parametrize("how", ["kill", pytest.param("stop", marks=pytest.mark.slow)])
def test_postgres_comes_and_goes(make_service, tmp_path, postgres, how):
    """An API that takes imports and a worker that sends e-mails lose their server for some seconds."""
    store, outbox, n = postgres.database(), Outbox(tmp_path / "outbox"), 400
    api = make_service(STORE=store, QUEUE="embedded", ROLE="api", STORE_TIMEOUT_MS=1000)
    worker = make_service(STORE=store, QUEUE="embedded", ROLE="worker", MAIL=f"file:{outbox.directory}")
    api.errors_allowed = worker.errors_allowed = True  # a lost connection is said
    organisation, sender = api.organisation("imports"), api.organisation("sends")
    client, sending = api.client(organisation), api.client(sender)
    assert sending.import_csv(csv_rows(n, tag="mail")).status == 200
    campaign = sending.campaign()
    assert sending.act(campaign, "start").status == 200

    with Watch(api) as watch, Watch(worker):
        load = Importers(api, organisation, pause=0.01)
        load.wait_for(200)
        assert sending.act(campaign, "send").status == 202
        wait_until("some e-mails", outbox.receivers, PATIENCE)
        getattr(postgres, how)()
        wait_until("/health/ready says so", lambda: status_of(client, "/health/ready") == 503, PATIENCE)
        wait_until("imports refused", lambda: load.refused > 0, PATIENCE)
        time.sleep(1)
        postgres.start()
        ended = time.monotonic()
        resumed = load.resumed(ended)
        wait_until("/health/ready again", lambda: status_of(client, "/health/ready") == 200, PATIENCE)
        load.stop()
        wait_until("all e-mails", lambda: sending.stats(campaign)["emails"]["sent"] >= n, PATIENCE, 0.2)

    receivers = Counter(outbox.receivers())
    lost = load.lost(client) + n - len(receivers)
    twice = sum(times - 1 for times in receivers.values())
    assert (lost, twice) == (0, 0)
    metrics = api.metrics()
    assert metrics.total("db_query_errors_total") > 0
    assert metrics.total("http_requests_total", route="/api/v1/prospects/import", status_code="503") >= load.refused > 0
    assert worker.metrics().total("queue_message_failures_total", reason="dead_lettered") == 0
    assert watch.peak < 256 << 20
    record(f"PostgreSQL {'stopped and started' if how == 'stop' else 'killed with -9'} under load",
           len(load.acknowledged) + n, lost, twice, resumed, watch.peak, f"{load.refused} imports refused with 503; {watch.word}")


class Disk:
    """A small file system of its own."""

    def __init__(self, path):
        self.path = path
        path.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", path], capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            pytest.skip(f"nobody may mount here: {mounted.stderr.strip()}")

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
        pytest.skip("root alone can mount")
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
        refusal = client.import_csv(csv_rows(200, tag="refused"))
        assert (refusal.status, refusal.error_code) == (503, "store_full"), refusal
        assert client.get("/api/v1/prospects").status == 200, "reads go on"
        wait_until("/health says so", lambda: status_of(client, "/health") == 503, PATIENCE)
        disk.clear()
        ended = time.monotonic()
        resumed = load.resumed(ended)
        load.stop()  # before it fills the disk by itself
        wait_until("/health again", lambda: status_of(client, "/health") == 200, PATIENCE)
    lost = load.lost(client)
    assert lost == 0
    metrics = service.metrics()
    assert metrics.total("db_query_errors_total", sqlstate_class="53") > 0
    assert watch.peak < 256 << 20
    # It is all on the disk and not only in the process.
    service.kill()
    service.start()
    assert load.lost(service.client(organisation)) == 0
    record("the disk of SQLite full", len(load.acknowledged), lost, 0, resumed, watch.peak, f"{load.refused} imports refused with 503; {watch.word}")


class Forgetful(Proxy):
    """Resets a connection in front of the answer to each eleventh COMMIT while `armed`."""
    armed, seen = False, 0

    def _cut_in(self, direction, data):
        at = data.find(b"COMMIT\0") if direction == TO_CLIENT and self.armed else -1
        if at < 0:
            return None
        self.seen += 1
        if self.seen % 11 != 0:
            return None
        self.cuts_made += 1
        return at


@pytest.mark.slow
def test_the_answer_to_a_commit_is_lost(make_service, postgres, relay):
    """Again and again the connection breaks behind a COMMIT of the worker: applied, and the worker cannot know it."""
    n, proxy = 200, Forgetful(postgres.port)
    store = postgres.database()
    api = make_service(STORE=store, QUEUE="embedded", ROLE="api")
    worker = make_service(STORE=postgres.url(store.rsplit("/", 1)[1], proxy.port), QUEUE="embedded", ROLE="worker",
                          MAIL=relay.url)
    api.errors_allowed = worker.errors_allowed = True  # a lost connection is said
    client = api.client(api.organisation())
    try:
        assert client.import_csv(csv_rows(n, tag="mail")).status == 200
        worker.settled("researched", lambda m: m.total("prospects_processed_total", action="researched") == n, PATIENCE)
        campaign = client.campaign()
        assert client.act(campaign, "start").status == 200
        with Watch(api), Watch(worker) as watch:
            proxy.armed = True
            assert client.act(campaign, "send").status == 202
            # A lease that was committed and not heard of is waited for: a minute.
            wait_until("every e-mail sent or failed", lambda: (e := client.stats(campaign)["emails"])["sent"] + e["failed"] == n,
                       60 + PATIENCE, 0.2)
            proxy.armed = False
        emails = client.stats(campaign)["emails"]
        assert relay.twice() == 0
        # A claim that may be ours or not is in doubt: recorded, and nothing is sent.
        assert emails["sent"] == len(relay.taken) and emails["failed"] <= proxy.cuts_made
        metrics = worker.settled("counted", lambda m: m.total("db_query_errors_total", operation="commit") >= proxy.cuts_made > 0, PATIENCE)
        # As many are dead letters; of some the COMMIT of that was cut too, and they are not counted.
        assert 0 <= emails["failed"] - metrics.total("queue_message_failures_total", reason="dead_lettered") <= proxy.cuts_made
        record(f"the answer to a COMMIT is lost, {proxy.cuts_made} times", n, n - emails["sent"] - emails["failed"], relay.twice(), None, watch.peak,
               f"e-mails: {emails['sent']} sent, {emails['failed']} in doubt and dead-lettered; {watch.word}")
    finally:
        proxy.close()
