# SPDX-License-Identifier: Apache-2.0
"""QUEUE=amqp://…: jobs through a real RabbitMQ, with faults. No acknowledged row is lost, no email is sent twice, the metrics show what
happened, and the service recovers by itself.
"""
import json
import os
import subprocess
import time
from contextlib import contextmanager
from urllib.parse import quote, unquote, urlparse

import pytest
from backends import RabbitMQ, serving
from support.faults import PATIENCE, Importers, Watch, record
from support.http import csv_rows
from support.metrics import Samples, promtool_check
from support.ports import wait_until
from support.proxy import TO_CLIENT, TO_SERVER, Proxy
from support.service import BINARY, BUILD

QUEUES = ("prospect.validate", "prospect.research", "draft.generate", "email.send")
# Class and method on the wire. ACK to the server acknowledges a delivery; ACK from the server confirms a publish.
PUBLISH, DELIVER, ACK = b"\x00\x3c\x00\x28", b"\x00\x3c\x00\x3c", b"\x00\x3c\x00\x50"


@pytest.fixture
def vhost(rabbitmq_server):
    return rabbitmq_server.vhost()


def proxied(url, proxy):
    """The URL of the same broker through the proxy."""
    at = urlparse(url)
    return url.replace(f":{at.port}/", f":{proxy.port}/")


@pytest.fixture
def proxy(rabbitmq_server):
    made = Proxy(rabbitmq_server.port)
    yield made
    made.close()


class Broker:
    """One virtual host, accessed through the management API."""

    def __init__(self, server, url):
        self.server, self.vhost = server, quote(unquote(urlparse(url).path[1:]), safe="")

    def get(self, queue, count=100):
        """Remove messages from a queue and return them."""
        return self.server.api("POST", f"queues/{self.vhost}/{queue}/get",
                               {"count": count, "ackmode": "ack_requeue_false", "encoding": "auto"})

    def publish(self, queue, payload, **properties):
        answer = self.server.api("POST", f"exchanges/{self.vhost}/amq.default/publish",
                                 {"properties": properties, "routing_key": queue, "payload": payload, "payload_encoding": "string"})
        assert answer["routed"]

    def purge(self, queue):
        self.server.api("DELETE", f"queues/{self.vhost}/{queue}/contents")

    def delete(self, queue):
        self.server.api("DELETE", f"queues/{self.vhost}/{queue}")

    def queue(self, queue):
        return self.server.api("GET", f"queues/{self.vhost}/{queue}")


class Campaign:
    """A campaign to n people."""

    def __init__(self, service, n, tag="row"):
        self.n = n
        self.client = service.client(service.organisation(tag))
        assert self.client.import_csv(csv_rows(n, tag=tag)).status == 200
        self.id = self.client.campaign()
        assert self.client.act(self.id, "start").status == 200

    def send(self):
        assert self.client.act(self.id, "send").status == 202

    def sent(self):
        return self.client.stats(self.id)["emails"]["sent"]

    def finished(self):
        wait_until("every email sent", lambda: self.sent() == self.n, PATIENCE, 0.1)


def drained(service, queue="email.send"):
    """Wait until the queue is empty and everything is acknowledged. Return the metrics."""
    return service.settled(f"{queue} drained", lambda m: m.select("queue_depth", queue=queue) and m.total("queue_depth") == 0, PATIENCE)


# ---- the path of a job ----

def test_jobs_flow_and_are_counted(make_service, rabbitmq_server, vhost, relay):
    service = make_service(QUEUE=vhost, MAIL=relay.url)
    campaign = Campaign(service, 300)
    assert campaign.client.act(campaign.id, "drafts").status == 202
    campaign.send()
    campaign.finished()
    drained(service)

    def counted(m):
        """Each counter moves shortly after its event, and an acknowledgement comes after the work."""
        return m.total("queue_consumers") == 4 and all(m.total("queue_messages_total", queue=q, action="published") == m.total("queue_messages_total", queue=q, action="consumed") > 0
                   for q in QUEUES) and m.total("queue_messages_total", queue="email.send", action="consumed") >= 300 \
            and m.total("amqp_settlements_total", connection="consumer", queue="email.send", outcome="ack") >= 300 \
            and m.total("queue_oldest_message_age_seconds") == 0
    metrics = service.settled("the messages of every queue counted", counted, PATIENCE)
    assert metrics.total("queue_messages_total", queue="email.send", action="consumed") == 300
    assert metrics.total("queue_messages_total", queue="draft.generate", action="published") == 300
    assert metrics.total("queue_message_failures_total") == 0
    for queue in QUEUES:
        assert metrics.value("queue_consumers", queue=queue) == 1
        assert metrics.value("queue_oldest_message_age_seconds", queue=queue) == 0
        assert abs(time.time() - metrics.value("queue_depth_last_success_timestamp_seconds", queue=queue)) < PATIENCE
    assert relay.twice() == 0 and len(relay.taken) == 300
    for connection in ("relay", "consumer", "monitor"):
        assert metrics.value("amqp_connection_up", connection=connection) == 1
    assert metrics.value("amqp_confirms_total", connection="relay", destination="email.send", outcome="ack") == 300
    assert metrics.value("amqp_settlements_total", connection="consumer", queue="email.send", outcome="ack") == 300
    state = Broker(rabbitmq_server, vhost).queue("email.send")
    assert state["type"] == "quorum" and state["durable"], "the queue must exist at the broker"


def test_the_request_is_known_in_the_worker(make_service, vhost):
    """The id of the HTTP request is in the worker's log line and in the exemplars of the processing time."""
    service = make_service(QUEUE=vhost, LOG_LEVEL="debug")
    client = service.client(service.organisation())
    answer = client.request("POST", "/api/v1/prospects/import", csv_rows(5), {"Content-Type": "text/csv", "X-Request-Id": "import-of-monday"})
    assert answer.status == 200
    drained(service, "prospect.research")

    def done():
        return {line.get("queue") for line in service.log_lines() if line["msg"] == "job done" and line.get("reqId") == "import-of-monday"}
    wait_until("both jobs of the import in the log", lambda: done() >= {"prospect.validate", "prospect.research"}, PATIENCE)
    for queue in ("prospect.validate", "prospect.research"):
        def exemplars(queue=queue):
            return [s.exemplar.labels for s in service.metrics(openmetrics=True).select("queue_processing_duration_seconds_bucket", queue=queue)
                    if s.exemplar]
        wait_until(f"its exemplar of {queue}", lambda: {"request_id": "import-of-monday"} in exemplars(), PATIENCE)


def test_invalid_messages_go_to_the_dead_letters(make_service, rabbitmq_server, vhost):
    service = make_service(QUEUE=vhost)
    service.errors_allowed = True
    broker = Broker(rabbitmq_server, vhost)
    service.settled("consumers", lambda m: m.total("queue_consumers") == 4, PATIENCE)
    # A foreign message, and a job with an invalid payload.
    broker.publish("email.send", "\x00 not even text")
    broker.publish("email.send", json.dumps({"campaign": 1}), message_id="not an id")
    metrics = service.settled("both dead-lettered", lambda m: all(m.total("queue_message_failures_total", queue="email.send", reason=reason) >= 2
                                                                  for reason in ("dead_lettered", "rejected")), PATIENCE)
    assert all(metrics.total("queue_message_failures_total", queue="email.send", reason=reason) == 2 for reason in ("dead_lettered", "rejected"))
    found = []
    wait_until("two dead letters", lambda: found.extend(broker.get("email.send.dead")) or len(found) == 2, PATIENCE, 0.2)
    # A message for a job that is already done (delivered twice) is dropped.
    broker.publish("email.send", "{}", message_id="018f0000-0000-7000-8000-000000000000")
    campaign = Campaign(service, 3)
    campaign.send()
    campaign.finished()
    assert drained(service).total("queue_message_failures_total", reason="dead_lettered") == 2


@pytest.mark.slow
def test_an_email_that_is_always_refused_is_retried_then_dead_lettered(make_service, rabbitmq_server, vhost, relay):
    service = make_service(QUEUE=vhost, MAIL=relay.url, MAIL_RETRY_MIN=1, MAIL_RETRY_FOR=1)
    relay.mode = "later"
    campaign = Campaign(service, 2)
    campaign.send()
    metrics = service.settled("dead-lettered", lambda m: all(m.total("queue_message_failures_total", queue="email.send", reason=reason) >= 2
                                                             for reason in ("dead_lettered", "rejected")), PATIENCE)
    assert metrics.total("queue_message_failures_total", queue="email.send", reason="dead_lettered") == 2
    assert metrics.total("queue_message_retries_total", queue="email.send") == 2
    assert metrics.total("queue_message_failures_total", queue="email.send", reason="error") == 2
    assert metrics.total("queue_message_failures_total", queue="email.send", reason="rejected") == 2
    broker, found = Broker(rabbitmq_server, vhost), []
    wait_until("two dead letters", lambda: found.extend(broker.get("email.send.dead")) or len(found) == 2, PATIENCE, 0.2)
    assert all(json.loads(message["payload"])["campaign"] == campaign.id for message in found)
    drained(service)
    assert service.metrics().total("queue_messages_total", queue="email.send", action="published") == 4, "each attempt must be one message"


# ---- faults ----

CUTS = {"publish": (TO_SERVER, PUBLISH), "confirm": (TO_CLIENT, ACK), "deliver": (TO_CLIENT, DELIVER), "ack": (TO_SERVER, ACK)}


@pytest.mark.parametrize("where", CUTS)
def test_the_connection_is_cut_inside_a_frame(make_service, rabbitmq_server, vhost, proxy, relay, where):
    """Twice: once before the other side gets the frame, once after."""
    service = make_service(QUEUE=proxied(vhost, proxy), MAIL=relay.url)
    service.errors_allowed = True  # a health check may fail meanwhile
    n, resumed = 100, 0
    with Watch(service) as watch:
        for cut, after in enumerate((False, True), start=1):
            proxy.cut_at(*CUTS[where], after=after)
            campaign = Campaign(service, n, tag=f"{where}{cut}")
            campaign.send()
            campaign.finished()
            assert proxy.cuts_made == cut
            resumed = max(resumed, (relay.first_after(proxy.last_cut) or time.monotonic()) - proxy.last_cut)
        drained(service)
        metrics = service.settled("all counted", lambda m: m.total("queue_messages_total", queue="email.send", action="consumed")
                                  == m.total("queue_messages_total", queue="email.send", action="published") == 2 * n, PATIENCE)
    assert relay.twice() == 0 and len(relay.taken) == 2 * n
    assert metrics.total("queue_message_failures_total", reason="dead_lettered") == 0
    assert metrics.total("amqp_reconnects_total") >= 1 and metrics.total("amqp_disconnects_total") >= 1
    record(f"RabbitMQ's connection cut mid-{where}, twice", 2 * n, 0, 0, resumed, watch.peak,
           f"emails; from the cut to the next; {watch.word}")


def test_accepts_while_the_broker_is_away(make_service, rabbitmq_server, vhost, proxy, relay):
    """Rows and their jobs are accepted, and /health shows the fault. When the broker is back, all jobs are done."""
    proxy.refusing = True
    service = make_service(QUEUE=proxied(vhost, proxy), MAIL=relay.url)
    service.errors_allowed = True  # a failed health check logs an error
    with Watch(service) as watch:
        client = service.client()
        wait_until("/health says so", lambda: (h := client.get("/health")).status == 503 and h.json()["checks"] == {"store": "ok", "queue": "error"},
                   PATIENCE)
        assert client.get("/health/ready").status == 200, "it must still accept requests"
        campaign = Campaign(service, 50)
        campaign.send()
        metrics = service.settled("the depth is the store's", lambda m: m.value("queue_depth", queue="email.send") == 50
                                  and not m.select("queue_consumers"), PATIENCE)
        assert all(metrics.value("queue_depth_last_success_timestamp_seconds", queue=queue) > time.time() - PATIENCE for queue in QUEUES)
        assert metrics.total("queue_messages_total") == 0 and not relay.taken
        assert metrics.total("amqp_connects_total", connection="relay", outcome="failure") > 0
        ended = time.monotonic()
        proxy.refusing = False
        resumed = wait_until("emails again", lambda: relay.first_after(ended), PATIENCE) - ended
        campaign.finished()
        wait_until("/health again", lambda: client.get("/health").status == 200, PATIENCE)
        drained(service)
    assert relay.twice() == 0 and len(relay.taken) == 50
    record("RabbitMQ not there when the service starts", 50, 0, 0, resumed, watch.peak, "emails, accepted meanwhile; " + watch.word)


def test_a_broker_that_falls_silent(make_service, vhost, proxy, relay):
    """No reset and no answer: heartbeats notice it. Rows are accepted meanwhile, and afterwards all jobs are done once."""
    service = make_service(QUEUE=proxied(vhost, proxy), MAIL=relay.url, QUEUE_HEARTBEAT=1)
    service.errors_allowed = True  # a failed health check logs an error
    client = service.client()
    campaign = Campaign(service, 50)
    proxy.frozen = True
    with Watch(service) as watch:
        campaign.send()
        service.settled("both connections given up", lambda m: all(m.value("amqp_connection_up", connection=c) == 0
                                                                   for c in ("relay", "consumer")), PATIENCE)
        wait_until("/health says so", lambda: client.get("/health").status == 503, PATIENCE)
        ended = time.monotonic()
        proxy.frozen = False
        resumed = wait_until("emails again", lambda: relay.first_after(ended), PATIENCE) - ended
        campaign.finished()
        wait_until("/health again", lambda: client.get("/health").status == 200, PATIENCE)
        drained(service)
    assert relay.twice() == 0 and len(relay.taken) == 50
    record("RabbitMQ falls silent (no answer, no reset)", 50, 0, 0, resumed, watch.peak, "emails, accepted meanwhile; " + watch.word)


def test_a_broker_without_memory(make_service, rabbitmq_server, vhost, relay):
    """With a memory alarm, the broker reads nothing from publishers. Rows are accepted meanwhile, and every email is sent once."""
    api = make_service(ROLE="api", QUEUE=vhost)
    worker = make_service(ROLE="worker", QUEUE=vhost, DATA_DIR=api.data_dir, MAIL=relay.url)
    api.errors_allowed = worker.errors_allowed = True  # a failed health check logs an error
    organisation = api.organisation("imports")
    client = api.client(organisation)
    campaign = Campaign(api, 50)
    with Watch(api) as watch, Watch(worker):
        load = Importers(api, organisation, workers=2, pause=0.02)
        load.wait_for(20)
        try:
            rabbitmq_server.ctl("set_vm_memory_high_watermark", "0.00001")
            api.settled("blocked", lambda m: m.value("amqp_connection_blocked", connection="relay") == 1, PATIENCE)
            wait_until("/health says so", lambda: (h := client.get("/health")).status == 503 and h.json()["checks"] == {"store": "ok", "queue": "error"},
                       PATIENCE)
            campaign.send()
            assert client.get("/health/ready").status == 200, "it must still accept requests"
            assert any("memory" in line.get("error", "") for line in api.log_lines() if line["msg"] == "the broker accepts no messages")
            load.wait_for(len(load.acknowledged) + 100)
            assert not relay.taken
        finally:
            begun = time.monotonic()  # all emails may be sent before the command returns
            rabbitmq_server.ctl("set_vm_memory_high_watermark", "0.4")
        ended = time.monotonic()
        resumed = max(0, wait_until("emails again", lambda: relay.first_after(begun), PATIENCE) - ended)
        wait_until("/health again", lambda: client.get("/health").status == 200, PATIENCE)
        load.stop()
        campaign.finished()
        metrics = drained(api)
    lost = load.lost(client) + 50 - len(relay.taken)
    assert (lost, relay.twice(), load.refused, load.unanswered) == (0, 0, 0, 0)
    assert metrics.value("amqp_connection_blocked", connection="relay") == 0
    record("RabbitMQ accepts no messages (alarm of memory)", len(load.acknowledged) + 50, lost, relay.twice(), resumed, watch.peak,
           f"no request refused; {watch.word}")


@contextmanager
def deaf(server, vhost, queue):
    """The broker's process of this queue does not answer, as when the queue has lost its leader. Requests to it wait."""
    process = f'whereis(list_to_atom("{unquote(urlparse(vhost).path[1:])}_{queue}"))'
    server.ctl("eval", f"sys:suspend({process}).")
    try:
        yield
    finally:
        server.ctl("eval", f"sys:resume({process}).")


def test_a_queue_that_does_not_answer(make_service, rabbitmq_server, vhost, relay):
    """Neither publishers nor consumers get an answer. The other queues work, its own jobs wait, and none is lost or done twice."""
    api = make_service(ROLE="api", QUEUE=vhost)
    worker = make_service(ROLE="worker", QUEUE=vhost, DATA_DIR=api.data_dir, MAIL=relay.url)
    campaign = Campaign(api, 30)
    drained(api, "prospect.research")
    worker.stop()

    others = api.organisation("others")

    def researched(n):
        return lambda m: m.total("prospects_processed_total", action="researched", organisation_id=others.id) == n
    with Watch(api) as watch:
        with deaf(rabbitmq_server, vhost, "email.send"):
            worker.start()  # its consumer gets no answer from this queue
            campaign.send()  # the relay gets no confirms
            client = api.client(others)
            for i in range(1, 4):
                assert client.import_csv(csv_rows(50, tag=f"more{i}")).status == 200
                worker.settled("the other queues go on", researched(50 * i), PATIENCE)
            wait_until("the log names the queue", lambda: any(line.get("error", "").startswith("waiting for confirms of email.send") for line in api.log_lines()), PATIENCE)
            assert client.import_csv(csv_rows(50, tag="last")).status == 200
            worker.settled("the other queues go on", researched(200), PATIENCE)
            assert not relay.taken
            begun = time.monotonic()
        ended = time.monotonic()
        resumed = max(0, wait_until("emails", lambda: relay.first_after(begun), PATIENCE) - ended)
        campaign.finished()
        drained(api)
    assert relay.twice() == 0 and len(relay.taken) == 30
    record("one queue of RabbitMQ does not answer", 30 + 200, 0, relay.twice(), resumed, watch.peak,
           f"emails and rows; the other queues go on; {watch.word}")


@pytest.mark.slow
def test_a_deleted_queue_is_declared_again(make_service, rabbitmq_server, vhost, relay):
    service = make_service(QUEUE=vhost, MAIL=relay.url)
    campaign = Campaign(service, 20)
    service.settled("its consumer", lambda m: m.total("queue_consumers", queue="email.send") == 1, PATIENCE)
    Broker(rabbitmq_server, vhost).delete("email.send")
    campaign.send()
    campaign.finished()
    service.settled("counted", lambda m: m.total("queue_messages_total", queue="email.send", action="published") == 20, PATIENCE)
    assert relay.twice() == 0


@pytest.mark.slow
def test_a_full_queue_refuses_and_nothing_is_lost(make_service, rabbitmq_server, vhost, relay):
    """The broker answers nack: the jobs stay in the outbox and are published again after a pause."""
    api = make_service(ROLE="api", QUEUE=vhost)
    broker = Broker(rabbitmq_server, vhost)
    rabbitmq_server.api("PUT", f"policies/{broker.vhost}/short", {"pattern": "^email.send$", "definition": {"max-length": 1}, "apply-to": "queues"})
    relay.mode = "slow"  # the worker removes jobs only slowly, so the queue stays full
    worker = make_service(ROLE="worker", QUEUE=vhost, DATA_DIR=api.data_dir, MAIL=relay.url, QUEUE_PREFETCH=1)
    campaign = Campaign(api, 40)
    campaign.send()
    wait_until("nacks", lambda: sum(s.metrics().total("amqp_confirms_total", destination="email.send", outcome="nack")
                                    for s in (api, worker)) > 0, PATIENCE, 0.3)
    relay.mode = "take"
    campaign.finished()
    wait_until("all published, by either process", lambda: sum(s.metrics().total(
        "queue_messages_total", queue="email.send", action="published") for s in (api, worker)) == 40, PATIENCE)
    assert relay.twice() == 0 and len(relay.taken) == 40


@pytest.mark.slow
def test_several_relays_and_workers_share_the_work(make_service, vhost, relay):
    """Two APIs and two workers on one store and one broker: every job is done once."""
    first = make_service(ROLE="api", QUEUE=vhost)
    others = [make_service(ROLE=role, QUEUE=vhost, DATA_DIR=first.data_dir, MAIL=relay.url) for role in ("api", "worker", "worker")]
    everyone = [first, *others]
    campaigns = [Campaign(service, 400, tag=f"of{i}") for i, service in enumerate((first, others[0]))]
    for campaign in campaigns:
        campaign.send()
    for campaign in campaigns:
        campaign.finished()
    drained(first)

    def total(action):
        return sum(s.metrics().total("queue_messages_total", queue="email.send", action=action) for s in everyone)
    wait_until("every message counted", lambda: total("published") == total("consumed") == 800, PATIENCE)
    assert relay.twice() == 0 and len(relay.taken) == 800
    first.settled("two consumers", lambda m: m.total("queue_consumers", queue="email.send") == 2, PATIENCE)


@pytest.mark.parametrize("url, said", [("amqp://ingest:wrong@127.0.0.1:{port}/x", "ACCESS_REFUSED"),
                                       ("amqp://{login}@127.0.0.1:{port}/nowhere", "NOT_ALLOWED")])
def test_a_failed_login_is_reported(make_service, rabbitmq_server, url, said):
    login = f"{rabbitmq_server.user}:{quote(rabbitmq_server.password, safe='')}"
    service = make_service(QUEUE=url.format(port=rabbitmq_server.port, login=login))
    service.errors_allowed = True  # a failed health check logs an error
    wait_until("the broker's words in the log", lambda: any(said in str(line.get("error")) for line in service.log_lines()), PATIENCE)
    assert rabbitmq_server.password not in service.process.log()


def test_an_invalid_url(make_service):
    service = make_service(started=False, QUEUE="amqp://host:port/vhost")
    done = subprocess.run([BINARY], env=service.env, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1 and "QUEUE: not of the form amqp[s]://USER:PASSWORD@HOST:PORT/VHOST" in done.stdout, done


def test_the_password_from_a_file(make_service, rabbitmq_server, vhost, tmp_path):
    secret = tmp_path / "password"
    secret.write_text(rabbitmq_server.password + "\n", encoding="utf-8")
    url = vhost.replace(":" + quote(rabbitmq_server.password, safe=""), "")
    service = make_service(QUEUE=url, QUEUE_PASSWORD_FILE=secret)
    assert service.client().get("/health").json()["checks"]["queue"] == "ok"


# ---- faults that take a long time ----

@pytest.fixture(scope="module")
def own_broker():
    """A broker for these tests only: they stop and kill it."""
    with serving(RabbitMQ) as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("how", [pytest.param("stop", marks=pytest.mark.long), "kill"])  # the variant "kill" also stops and starts the broker once
def test_rabbitmq_comes_and_goes_under_load(make_service, own_broker, relay, how):
    queue, n = own_broker.vhost(), 3000
    api = make_service(ROLE="api", QUEUE=queue)
    worker = make_service(ROLE="worker", QUEUE=queue, DATA_DIR=api.data_dir, MAIL=relay.url)
    api.errors_allowed = worker.errors_allowed = True  # a failed health check logs an error
    # If RabbitMQ 3.10 is killed within seconds after a quorum queue was declared, the queue may never get a leader again (the list of
    # queues is not on disk yet). We do not test that: an orderly restart writes the list.
    for service in (api, worker):
        wait_until("its queues declared", lambda: service.client().get("/health").status == 200, PATIENCE)
    own_broker.stop()
    own_broker.start()
    for service in (api, worker):
        wait_until("it is back", lambda: service.client().get("/health").status == 200, PATIENCE)
    campaign = Campaign(api, n)
    relay.on_message = lambda _receiver: time.sleep(0.002)
    with Watch(api) as watch, Watch(worker):
        organisation = api.organisation("imports")
        load = Importers(api, organisation, pause=0.02)
        load.wait_for(50)
        campaign.send()
        wait_until("some emails", lambda: len(relay.taken) > 50, PATIENCE)
        getattr(own_broker, how)()
        client = api.client()
        wait_until("/health says so", lambda: client.get("/health").status == 503, PATIENCE)
        accepted = len(load.acknowledged)
        load.wait_for(accepted + 100)  # while the broker is down
        begun = time.monotonic()  # all emails may be sent before start() returns
        own_broker.start()
        ended = time.monotonic()
        resumed = max(0, wait_until("emails again", lambda: relay.first_after(begun), PATIENCE) - ended)
        wait_until("/health again", lambda: client.get("/health").status == 200, PATIENCE)
        load.stop()
        campaign.finished()
        drained(api)
    lost = n - len(relay.taken) + load.lost(api.client(organisation))
    assert (lost, relay.twice()) == (0, 0)
    metrics = worker.metrics()
    assert metrics.total("queue_message_failures_total", reason="dead_lettered") == 0
    assert all(metrics.total(name, connection="consumer") >= 1 for name in ("amqp_disconnects_total", "amqp_reconnects_total"))
    record(f"RabbitMQ {'stopped and started' if how == 'stop' else 'killed with -9'} under load", n + len(load.acknowledged), lost, relay.twice(),
           resumed, watch.peak, f"no request refused; {watch.word}")


@pytest.mark.slow
def test_messages_that_the_broker_lost_are_published_again(make_service, rabbitmq_server, vhost, relay):
    """The broker's data is gone, or somebody purged the queue: after a minute the service notices and publishes the jobs again."""
    api = make_service(ROLE="api", QUEUE=vhost)
    campaign = Campaign(api, 30)
    campaign.send()
    # There is no consumer: the relay keeps the rest in the outbox.
    api.settled("some are at the broker", lambda m: m.total("queue_messages_total", queue="email.send", action="published") >= 8, PATIENCE)
    Broker(rabbitmq_server, vhost).purge("email.send")
    make_service(ROLE="worker", QUEUE=vhost, DATA_DIR=api.data_dir, MAIL=relay.url)
    wait_until("every email sent", lambda: campaign.sent() == 30, 60 + PATIENCE, 0.5)
    assert relay.twice() == 0


@pytest.mark.slow
def test_a_worker_killed_between_send_and_ack(make_service, vhost, relay):
    """The worker dies after the mail server has accepted the message, before it records that. Another worker takes over."""
    n = 300
    api = make_service(ROLE="api", QUEUE=vhost)
    campaign = Campaign(api, n)
    victim, other = (make_service(ROLE="worker", QUEUE=vhost, DATA_DIR=api.data_dir, MAIL=relay.url) for _ in range(2))

    def kill(_receiver):
        if len(relay.taken) >= 50 and victim.process.running():
            victim.kill()
    relay.on_message = kill
    with Watch(api) as watch:
        campaign.send()

        def over():
            fates = campaign.client.stats(campaign.id)["fates"]
            return fates["accepted"] + fates["in_doubt"] == n and fates
        emails = wait_until("every email sent or in doubt", over, PATIENCE, 0.1)
        drained(api)
    assert relay.twice() == 0
    assert emails["in_doubt"] <= 4 and emails["accepted"] <= len(relay.taken)
    assert not victim.process.running() and other.process.running()
    other.settled("the emails in doubt counted", lambda m: m.total("email_fates_total", fate="in_doubt") == emails["in_doubt"]
                  == m.total("queue_message_failures_total", queue="email.send", reason="dead_lettered"), PATIENCE)
    record("worker killed between send and ack, RabbitMQ", n, 0, relay.twice(), None, watch.peak,
           f"emails: {emails['accepted']} sent, {emails['in_doubt']} in doubt and dead-lettered; the other worker took over")


def certificates(directory):
    """Make our own CA and a certificate for 127.0.0.1, as PEM files."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True, timeout=PATIENCE)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test authority")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (directory / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n", encoding="ascii")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-out", "server.pem",
            "-extfile", "names")


@pytest.mark.slow
def test_amqps(make_service, tmp_path, relay):
    certificates(tmp_path)
    os.chmod(tmp_path / "server.key", 0o644)
    with serving(RabbitMQ, tls=tmp_path) as server:
        url = server.vhost().replace("amqp://", "amqps://").replace(f"127.0.0.1:{server.port}", f"localhost:{server.tls_port}")
        service = make_service(QUEUE=url, QUEUE_CA=tmp_path / "ca.pem", MAIL=relay.url)
        campaign = Campaign(service, 20)
        campaign.send()
        campaign.finished()
        assert relay.twice() == 0
        drained(service)
        # A CA that did not sign the certificate.
        (tmp_path / "other").mkdir()
        certificates(tmp_path / "other")
        stranger = make_service(QUEUE=url, QUEUE_CA=tmp_path / "other/ca.pem")
        stranger.errors_allowed = True
        wait_until("the certificate refused", lambda: any("certificate" in str(line.get("error")).lower() or "SSL" in str(line.get("error"))
                                                          for line in stranger.log_lines()), PATIENCE)
        assert stranger.client().get("/health").json()["checks"]["queue"] == "error"


def test_the_example_of_promc_amqp(rabbitmq_server, vhost):
    """The program publishes, confirms and consumes ten messages with its own rabbitmq-c calls."""
    done = subprocess.run([BUILD / "lib/promc/examples/with_rabbitmq_c", vhost], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done
    metrics = Samples(done.stdout)
    assert promtool_check(done.stdout) is None
    assert metrics.total("amqp_publishes_total", connection="main", outcome="sent") == 10
    assert metrics.total("amqp_confirms_total", outcome="ack") == metrics.total("amqp_publish_duration_seconds_count") == 10
    assert metrics.total("amqp_deliveries_total", redelivered="false") == 10
    assert (metrics.total("amqp_settlements_total", outcome="ack"), metrics.total("amqp_settlements_total", outcome="reject")) == (9, 1)
    assert metrics.total("amqp_unconfirmed_messages") == metrics.total("amqp_unsettled_messages") == metrics.total("amqp_connection_up") == 0
    assert metrics.value("amqp_disconnects_total", connection="main", reason="closed") == 1
