# SPDX-License-Identifier: Apache-2.0
"""Acknowledged rows survive kill -9. Other imports are complete or absent. No email is sent twice."""
import random
import threading
from collections import Counter

import pytest
from support.http import Client, csv_rows
from support.ports import PATIENCE, wait_until


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kill_during_imports_loses_no_acknowledged_row(service, organisation, seed):
    acknowledged, attempted, lock = set(), [], threading.Lock()

    def importer(worker):
        client = Client(service.port, organisation.key)
        for batch in range(100_000):
            tag, rows = f"w{worker}b{batch}", 1 + batch % 40
            with lock:
                attempted.append((tag, rows))
            try:
                answer = client.import_csv(csv_rows(rows, tag=tag))
            except Exception:  # noqa: BLE001 - the server is gone: the import is not acknowledged
                return
            assert answer.status == 200 and answer.json()["imported"] == rows, answer
            with lock:
                acknowledged.update(f"{tag}.{i}@example.invalid" for i in range(rows))

    threads = [threading.Thread(target=importer, args=(w,), daemon=True) for w in range(6)]
    for thread in threads:
        thread.start()
    wait_until("some rows acknowledged", lambda: len(acknowledged) > 500)
    more = len(acknowledged) + random.Random(seed).randrange(2000)
    wait_until("a random number of rows", lambda: len(acknowledged) >= more, interval=0.001)
    service.kill()
    for thread in threads:
        thread.join(PATIENCE)
    service.start()
    emails = [p["email"] for p in service.client(organisation).prospects()]
    assert len(emails) == len(set(emails))
    assert acknowledged <= set(emails), f"{len(acknowledged - set(emails))} acknowledged rows are lost"
    # An import is one transaction: complete or absent.
    there = Counter(e.split(".")[0] for e in emails)
    for tag, rows in attempted:
        assert there.get(tag, 0) in (0, rows), tag


def test_kill_during_one_large_import_leaves_all_or_nothing(service, organisation):
    rows = 60_000
    outcome = []

    def importer():
        try:
            outcome.append(Client(service.port, organisation.key).import_csv(csv_rows(rows)).status)
        except Exception as error:  # noqa: BLE001
            outcome.append(error)
    thread = threading.Thread(target=importer, daemon=True)
    thread.start()
    wait_until("rows in the store's log", lambda: sum(p.stat().st_size for p in service.data_dir.glob("*-wal")) > 1 << 20 or outcome,
               interval=0.001)
    service.kill()
    thread.join(PATIENCE)
    service.start()
    client = service.client(organisation)
    there = len(client.prospects())
    assert there in ((rows,) if outcome == [200] else (0, rows))
    assert client.import_csv(csv_rows(rows)).json()["imported"] == rows - there


def test_jobs_survive_kill_and_no_email_is_sent_twice(make_service):
    service = make_service()
    organisation = service.organisation()
    client = service.client(organisation)
    n = 1500
    assert client.import_csv(csv_rows(n)).status == 200
    campaign = client.campaign()
    for verb in ("start", "send"):
        assert client.act(campaign, verb).status in (200, 202)
    for part in (0.1, 0.4):
        wait_until("some emails", lambda: client_emails(service, organisation, campaign) >= n * part, 600)
        service.kill()
        service.start()
    wait_until("all emails", lambda: client_emails(service, organisation, campaign) >= n, 900, 0.3)
    wait_until("the queues empty", lambda: service.metrics().total("queue_depth") == 0, 600)
    receivers = Counter(receiver(path) for path in service.data_dir.glob("outbox/**/*.eml"))
    assert len(receivers) == n
    assert set(receivers.values()) == {1}, [r for r, times in receivers.items() if times > 1][:5]


def client_emails(service, organisation, campaign):
    client = Client(service.port, organisation.key)
    try:
        return client.stats(campaign)["emails"]["sent"]
    finally:
        client.close()


def receiver(path):
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.lower().startswith("to:"):
            return line[3:].strip()
    raise AssertionError(f"{path} has no To:")
