# SPDX-License-Identifier: Apache-2.0
"""Two APIs and two workers on one PostgreSQL and one RabbitMQ: one of each is killed or stopped, and the others continue."""
import subprocess
import threading
import time

import pytest
from stack.process import Process
from support.faults import PATIENCE, Importers, Watch, record
from support.http import csv_rows
from support.ports import wait_until
from support.service import BINARY


@pytest.mark.parametrize("how", ["kill", pytest.param("stop", marks=pytest.mark.long)])
def test_one_api_and_one_worker_end(make_service, postgres_server, rabbitmq_server, relay, how):
    shared, n = {"STORE": postgres_server.database(), "QUEUE": rabbitmq_server.vhost(), "MAIL": relay.url, "STORE_TIMEOUT_MS": 60000}, 300
    apis = [make_service(ROLE="api", **shared) for _ in range(2)]
    workers = [make_service(ROLE="worker", **shared) for _ in range(2)]
    organisation, sender = apis[0].organisation("imports"), apis[0].organisation("sends")
    client, sending = apis[0].client(organisation), apis[0].client(sender)
    assert sending.import_csv(csv_rows(n, tag="mail")).status == 200
    campaign = sending.campaign()
    assert sending.act(campaign, "start").status == 200

    with Watch(apis[0]) as watch, Watch(workers[0]):
        loads = [Importers(api, organisation, workers=2, pause=0.01, tag=f"api{i}") for i, api in enumerate(apis)]
        for load in loads:
            load.wait_for(50)
        relay.on_message = lambda _receiver: time.sleep(0.005)
        assert sending.act(campaign, "send").status == 202
        wait_until("some sent", lambda: len(relay.taken) >= 40, PATIENCE)
        for victim in (apis[1], workers[1]):
            getattr(victim, how)()
        loads[0].wait_for(len(loads[0].acknowledged) + 50)  # the other API is not affected
        begun = time.monotonic()
        for victim in (apis[1], workers[1]):
            victim.start()
        resumed = loads[1].resumed(begun)
        for load in loads:
            load.stop()
        emails = sending.stats
        wait_until("every email sent or in doubt", lambda: (e := emails(campaign)["fates"])["accepted"] + e["in_doubt"] == n, PATIENCE, 0.1)

    lost = sum(load.lost(client) for load in loads)
    emails = emails(campaign)["fates"]
    assert (lost, relay.twice()) == (0, 0)
    assert loads[0].refused == loads[0].unanswered == 0
    # At most the two emails that a killed worker's two threads were sending are in doubt.
    assert emails["in_doubt"] <= (2 if how == "kill" else 0) and emails["accepted"] <= len(relay.taken) <= n
    # Every worker exposes the same shared depth, so it is read with max and not summed.
    for worker in workers:
        worker.settled("the campaign", lambda m: m.total("active_campaigns", organisation_id=sender.id) == 1, PATIENCE)
        worker.settled("nothing left", lambda m: [s.value for s in m.select("queue_depth", queue="email.send")] == [0], PATIENCE)
    what = "killed with -9" if how == "kill" else "stopped with SIGTERM"
    record(f"one API and one worker of two {what} under load (PostgreSQL, RabbitMQ)", sum(len(load.acknowledged) for load in loads) + n, lost,
           relay.twice(), resumed, watch.peak, f"{emails['in_doubt']} emails in doubt; from their start; the others: {watch.word}")


ELSEWHERE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


@pytest.mark.parametrize("queue", ["embedded", "rabbitmq"])
def test_a_worker_of_another_machine_is_killed(make_service, postgres_server, request, relay, queue):
    """The worker has its own process namespace, as in another container, so the others detect its death by its PostgreSQL sessions. Its
    jobs do not wait until their lease expires."""
    if subprocess.run([*ELSEWHERE, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not allow process namespaces")
    url = "embedded" if queue == "embedded" else request.getfixturevalue("rabbitmq_server").vhost()
    shared, n = {"STORE": postgres_server.database(), "QUEUE": url, "MAIL": relay.url}, 60
    api = make_service(ROLE="api", **shared)
    victim, other = (make_service(started=False, ROLE="worker", **shared) for _ in range(2))
    victim.process = Process("ingest-api", [*ELSEWHERE, BINARY], victim.log_path, env=victim.env, cwd=victim.directory)
    client = api.client(api.organisation())
    assert client.import_csv(csv_rows(n, tag="mail")).status == 200
    campaign = client.campaign()
    assert client.act(campaign, "start").status == 200
    go_on = threading.Event()
    relay.on_message = lambda _receiver: go_on.wait(PATIENCE)
    assert client.act(campaign, "send").status == 202
    wait_until("an email of the first worker, which has more of them", lambda: relay.taken, PATIENCE)
    with Watch(other.start()) as watch:
        relay.on_message = None
        killed = time.monotonic()  # noted before the kill: the other worker may have sent the rest when kill() returns
        victim.kill()
        go_on.set()
        resumed = wait_until("an email of the second worker", lambda: relay.first_after(killed), PATIENCE) - killed
        wait_until("every email sent or in doubt", lambda: (e := client.stats(campaign)["fates"])["accepted"] + e["in_doubt"] == n, PATIENCE, 0.1)
    emails = client.stats(campaign)["fates"]
    assert relay.twice() == 0 and emails["in_doubt"] <= 2, "more emails in doubt than it had threads"
    assert any(line["msg"] == "jobs of dead workers requeued" for service in (api, other) for line in service.log_lines())
    assert other.metrics().total("queue_message_failures_total", reason="timeout") == 0, "a lease had to expire first"
    record(f"worker of another machine killed with -9 ({'RabbitMQ' if queue == 'rabbitmq' else 'embedded queue'}, PostgreSQL)", n,
           n - emails["accepted"] - emails["in_doubt"], relay.twice(), resumed, watch.peak, f"emails: {emails['in_doubt']} in doubt; {watch.word}")
