# SPDX-License-Identifier: Apache-2.0
"""From a breached threshold in the real service to the notification and to the all-clear.

Real ingest-api, Prometheus and Alertmanager. The receivers are local servers that accept what Slack, PagerDuty, a mail relay and
a webhook accept. The shipped rules, routes and templates with durations divided by 60, see support/alerting.py.
"""
import http.client
import os
import re
import socket
import sqlite3
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("aiosmtpd", reason="python3-aiosmtpd is not installed")

from aiosmtpd.controller import Controller  # noqa: E402
from stack.process import Process  # noqa: E402
from support.alerting import SCALE, Alertmanager, Prometheus  # noqa: E402
from support import generations  # noqa: E402
from support.http import csv_rows  # noqa: E402
from support.ports import PATIENCE, free_port, wait_until  # noqa: E402
from support.receivers import Receivers  # noqa: E402
from support.service import BINARY, Service  # noqa: E402

WAIT = PATIENCE if SCALE > 1 else 1800  # seconds to wait for a message
RUNBOOKS = "https://github.com/prospectflow/promc/blob/main/docs/runbooks/"
MEASURED = []  # (alert, channel, seconds from the breach to the message, seconds to the all-clear)


@pytest.fixture
def receivers():
    made = Receivers()
    yield made
    made.close()


@pytest.fixture
def alertmanager(tmp_path, receivers):
    made = Alertmanager(tmp_path / "alertmanager", receivers.secrets())
    yield made
    made.close()


@pytest.fixture(params=generations.LONG_OTHERS)
def generation(request, monkeypatch):
    return generations.use(request.param, monkeypatch)


@pytest.fixture
def watch(tmp_path, alertmanager, generation):
    """watch(service…): a Prometheus with the shipped rules that scrapes them."""
    made = []

    def start(*services):
        made.append(Prometheus(tmp_path / f"prometheus-{len(made)}", [f"127.0.0.1:{s.port}" for s in services], alertmanager))
        prometheus = made[-1]
        wait_until("the target up", lambda: sum(prometheus.values('up{job="ingest-api"}').values()) == len(services), WAIT)
        # Prometheus needs some seconds to find its targets. The scaled 5 minutes of IngestApiAbsent are shorter than that.
        wait_until("no alert at rest", lambda: not prometheus.firing("IngestApiAbsent"), WAIT)
        return prometheus
    yield start
    for prometheus in made:
        if prometheus.process.running():  # a test may have killed it
            faults = prometheus.rule_faults()
            prometheus.close()
            assert not faults, faults


@pytest.fixture(scope="session", autouse=True)
def report():
    """Print the measured seconds, for docs/service/alerting.md. Not of scope "module": the tests may run in several pytest processes."""
    yield
    if MEASURED:
        print(f"\nfrom the breach to the message, durations divided by {SCALE:g}:")
        for alert, channel, fired, cleared in MEASURED:
            print(f"  {alert:24} {channel:10} {fired:6.1f} s   all-clear {cleared:6.1f} s")


@contextmanager
def running(work, threads=1):
    """Repeat work() in threads until the block ends."""
    stop = threading.Event()

    def loop():
        while not stop.is_set():
            try:
                work()
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
    started = [threading.Thread(target=loop, daemon=True) for _ in range(threads)]
    for thread in started:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in started:
            thread.join(PATIENCE)


@contextmanager
def database_locked(service):
    """Another process, for example a backup, holds the write lock of the database."""
    thief = sqlite3.connect(next(service.data_dir.glob("*.db")), isolation_level=None, check_same_thread=False, timeout=PATIENCE)
    thief.execute("begin immediate")
    try:
        yield
    finally:
        thief.execute("rollback")
        thief.close()


def writes(service, organisation, pause=0.0):
    """Work for `running`: one small import, then a pause. Each thread has its own connection."""
    local = threading.local()
    number = iter(range(10**9))

    def work():
        if not hasattr(local, "client"):
            local.client = service.client(organisation)
        local.client.import_csv(csv_rows(1, start=next(number), tag="w"))
        time.sleep(pause)
    return work


# The link to the incident of an alert: from an hour before the start, in milliseconds, until now or ten minutes after the end.
INCIDENT = re.compile(r"http://127\.0\.0\.1:3001/d/(ingest-api|monitoring-health)/incident\?from=\d{13}&to=(now|\d{13})(&var-[a-z]+=[^&]+)*"
                      r"&alert=\w+&since=\d{13}(&label-[a-z_]+=[^&]+)*")


def slack_text(message):
    attachment = message.body["attachments"][0]
    return attachment["title"] + "\n" + attachment["text"]


def check_slack(message, alert, severity, words, runbook, prometheus, alertmanager, resolved=False):
    attachment = message.body["attachments"][0]
    text = slack_text(message)
    assert message.body["channel"] == "#alerts" and message.body["username"] == "ProspectFlow"
    assert attachment["title"].startswith(f"[{'RESOLVED' if resolved else 'FIRING:1'}] {severity}: "), attachment
    assert attachment["title"].endswith("(ingest-api, prospectflow/development)")
    assert attachment["color"] == ("good" if resolved else {"critical": "danger", "warning": "warning"}[severity])
    assert f"`{alert}`" in text and f"severity `{severity}`" in text
    for word in words:
        assert word in text, (word, text)
    # The links: incident, runbook, Prometheus's graph, Alertmanager's page.
    assert f"<{RUNBOOKS}{runbook}#{alert.lower()}|Runbook>" in text
    incident = re.search(r"<([^<>|]+)\|Incident>", text)[1]
    assert INCIDENT.fullmatch(incident) and ("&to=now" in incident) != resolved, incident
    assert "&var-job=ingest-api&" in incident and f"&alert={alert}&" in incident and "&label-job=ingest-api" in incident, incident
    assert f"<{prometheus.url}/graph?g0.expr=" in text
    assert f"<{alertmanager.url}/#/silences/new?filter=" in text
    assert attachment["title_link"] == incident
    assert "\\n" not in attachment["text"] and "<no value>" not in message.text, message


def check_pagerduty(message, alert, words, runbook, alertmanager):
    body = message.body
    assert body["event_action"] == "trigger" and body["dedup_key"]
    assert body["payload"]["severity"] == "critical" and body["payload"]["class"] == alert
    assert body["routing_key"] == "0123456789abcdef0123456789abcdef"
    assert INCIDENT.fullmatch(body["client_url"])
    assert body["links"][0] == {"href": f"{RUNBOOKS}{runbook}#{alert.lower()}", "text": "Runbook"}
    assert body["links"][1]["text"] == "Incident" and INCIDENT.fullmatch(body["links"][1]["href"]), body["links"]
    assert body["payload"]["source"] and body["payload"]["source"] == body["payload"]["custom_details"]["source"]
    for word in words:
        assert word in message.text, (word, message)


def delivered(alert, severity, words, runbook, breach, receivers, prometheus, alertmanager, mend=None):
    """Breach the threshold, check the message in every channel, repair, check the all-clear."""
    assert not prometheus.firing(alert)
    begun = time.monotonic()
    with breach:
        fired = receivers.wait("slack", alert, "[FIRING:1]", seconds=WAIT)
        check_slack(fired, alert, severity, words, runbook, prometheus, alertmanager)
        if severity == "critical":
            check_pagerduty(receivers.wait("pagerduty", alert, "trigger", seconds=WAIT), alert, words, runbook, alertmanager)
        else:
            assert not receivers.messages("pagerduty", alert)
        hook = receivers.wait("webhook", alert, "firing", seconds=WAIT).body["alerts"][0]
        assert hook["labels"]["alertname"] == alert and hook["labels"]["severity"] == severity
        assert hook["labels"]["cluster"] == "prospectflow" and hook["labels"]["environment"] == "development"
        assert not receivers.messages("email")
    mended = time.monotonic()
    if mend:
        mend()
    cleared = receivers.wait("slack", alert, "[RESOLVED]", seconds=WAIT)
    check_slack(cleared, alert, severity, [], runbook, prometheus, alertmanager, resolved=True)
    if severity == "critical":
        resolution = receivers.wait("pagerduty", alert, "resolve", seconds=WAIT).body
        assert resolution["dedup_key"] == receivers.messages("pagerduty", alert, "trigger")[0].body["dedup_key"]
    MEASURED.append((alert, "slack", fired.at - begun, cleared.at - mended))


# ---- the five required alerts ----

def test_error_rate(make_service, watch, receivers, alertmanager):
    """Another process locks the database: every write is answered with 503."""
    service = make_service(STORE_TIMEOUT_MS=100)
    service.errors_allowed = True
    work = writes(service, service.organisation())
    prometheus = watch(service)

    @contextmanager
    def breach():
        with database_locked(service):
            yield
    with running(work, threads=2):
        delivered("HighErrorRate", "critical", ["High API error rate detected", "Error rate of ingest-api is ", "(threshold: 5%)"], "api.md",
                  breach(), receivers, prometheus, alertmanager)


def test_latency(make_service, watch, receivers, alertmanager):
    """The database is locked for 0.8 s at a time: imports succeed, but late. Reads stay fast, so only one route is slow. Otherwise the page
    about the latency budget would silence this warning."""
    service = make_service(STORE_TIMEOUT_MS=20000)
    service.errors_allowed = True
    organisation = service.organisation()
    prometheus = watch(service)
    local = threading.local()

    def lock_for_a_while():
        with database_locked(service):
            time.sleep(0.8)
        time.sleep(0.15)

    def read():
        if not hasattr(local, "client"):
            local.client = service.client(organisation)
        local.client.get("/api/v1/prospects", limit=1)
        time.sleep(0.005)

    with running(writes(service, organisation, pause=0.15)), running(read, threads=3):
        delivered("HighLatency", "warning",
                  ["High API latency detected", "P95 latency for /api/v1/prospects/import is", "(threshold: 500ms)"], "api.md",
                  running(lock_for_a_while), receivers, prometheus, alertmanager)
    assert not receivers.messages("slack", "HighErrorRate") and not receivers.messages("slack", "LatencyBudgetBurn")


def test_queue_depth(make_service, watch, receivers, alertmanager):
    """The mail server needs a second for each message, so emails pile up in the queue."""
    class SlowRelay:
        seconds = 1.0

        async def handle_DATA(self, _server, _session, _envelope):  # noqa: N802 - aiosmtpd's name
            import asyncio
            await asyncio.sleep(self.seconds)
            return "250 OK"

    relay, port = SlowRelay(), free_port()
    controller = Controller(relay, hostname="127.0.0.1", port=port, ready_timeout=PATIENCE)
    controller.start()
    try:
        service = make_service(MAIL=f"smtp://127.0.0.1:{port}")
        client = service.client(service.organisation())
        assert client.import_csv(csv_rows(1300)).status == 200
        campaign = client.campaign()
        assert client.act(campaign, "start").status == 200
        assert client.act(campaign, "drafts").status == 202
        wait_until("the drafts made", lambda: client.stats(campaign)["drafts"]["generated"] == 1300, 60)
        prometheus = watch(service)

        @contextmanager
        def breach():
            assert client.act(campaign, "send").status == 202
            yield

        def mend():
            relay.seconds = 0

        delivered("HighQueueDepth", "warning", ["High queue depth detected", "Queue email.send has 1,", "(threshold: 1,000)"], "queue.md",
                  breach(), receivers, prometheus, alertmanager, mend)
        assert not receivers.messages("slack", "QueueNoConsumers")
    finally:
        controller.stop()


def memory_group(name):
    """A control group (version 1 or 2) with a memory limit, or None if this machine does not allow one."""
    for parent, file in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        group = Path(parent) / name
        try:
            group.mkdir()
        except OSError:
            continue
        if os.access(group / file, os.W_OK):
            return group, group / file
        group.rmdir()
    return None


def test_memory(tmp_path, watch, receivers, alertmanager):
    """The service runs in its own control group, as in a container. Thousands of clients connect and stay."""
    found = memory_group(f"ingest-api-test-{os.getpid()}")
    if found is None:
        pytest.skip("no control group with a memory limit can be made here (needs root and a writable /sys/fs/cgroup)")
    group, limit = found
    service = Service(tmp_path / "service")
    connections = []
    try:
        limit.write_text(str(256 << 20))
        service.process = Process("ingest-api", ["sh", "-c", f'echo $$ > "{group}/cgroup.procs" && exec "$0"', BINARY],
                                  service.log_path, env=service.env, cwd=service.directory)
        wait_until("ingest-api ready", service.ready)
        resident = service.metrics().value("process_resident_memory_bytes")
        limit.write_text(str(int(resident * 1.6) // 4096 * 4096))
        assert 0.5 < resident / service.metrics().value("process_memory_limit_bytes") < 0.75
        prometheus = watch(service)

        @contextmanager
        def breach():
            # Each client sends half a request and waits. The service keeps what it has read.
            while True:
                metrics = service.metrics()
                if metrics.value("process_resident_memory_bytes") > 0.85 * metrics.value("process_memory_limit_bytes"):
                    break
                for _ in range(20):
                    connections.append(socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE))
                    connections[-1].sendall(b"GET /health HTTP/1.1\r\nHost: a\r\nX-Fill: " + b"x" * 2000)
                assert len(connections) < 8000
            yield

        def mend():  # what the runbook says: raise the limit
            limit.write_text(str(256 << 20))

        delivered("HighMemoryUsage", "warning", ["High memory usage detected", f"Memory usage of 127.0.0.1:{service.port} is 8",
                                                 "% of its limit of ", "MiB (threshold: 80%)"], "system.md",
                  breach(), receivers, prometheus, alertmanager, mend)
    finally:
        for connection in connections:
            connection.close()
        if service.process:
            service.close()
        wait_until("the control group empty", lambda: not (group / "cgroup.procs").read_text(), 10)
        group.rmdir()


def test_database_pool(make_service, watch, receivers, alertmanager):
    """Many requests share one read connection, and the write connection waits for a lock: all connections are busy, and requests wait."""
    service = make_service(STORE_THREADS=1, STORE_TIMEOUT_MS=20000, STORE_QUEUE=4096, VALIDATION_DELAY=0)
    service.errors_allowed = True
    organisation = service.organisation()
    client = service.client(organisation)
    assert client.import_csv(csv_rows(3000)).status == 200
    wait_until("the jobs done", lambda: service.metrics().value("queue_depth", queue="prospect.validate") == 0, 60)
    local = threading.local()

    def read():
        if not hasattr(local, "client"):
            local.client = service.client(organisation)
        local.client.get("/api/v1/prospects", limit=500)

    @contextmanager
    def breach():
        with running(writes(service, organisation), threads=2), database_locked(service), running(read, threads=12):
            yield
    prometheus = watch(service)
    delivered("DatabasePoolExhausted", "critical",
              ["Database connection pool nearly exhausted", f"100% of the database connections of 127.0.0.1:{service.port} are in use"],
              "database.md", breach(), receivers, prometheus, alertmanager)


# ---- the other channels ----

def test_business_alerts_go_by_mail(make_service, watch, receivers, alertmanager):
    """A template that names a field the prospects do not have: every draft fails."""
    service = make_service()
    client = service.client(service.organisation())
    prometheus = watch(service)
    number = iter(range(10**6))
    campaign = client.campaign(body="Dear {{job_title}}, a word about {{nothing}}")
    assert client.act(campaign, "start").status == 200

    def fail_some():
        client.import_csv(csv_rows(20, start=next(number) * 20, tag="d"))
        assert client.act(campaign, "drafts").status == 202
        time.sleep(0.5)

    with running(fail_some):
        mail = receivers.wait("email", "HighDraftFailureRate", "FIRING", seconds=WAIT)
    assert mail.body["to"] == "team@example.invalid" and mail.body["from"] == "alerts@example.invalid"
    assert mail.body["subject"].startswith("[FIRING:1] warning: High draft generation failure rate (ingest-api, ")
    for kind in ("text/plain", "text/html"):
        assert "Draft failure rate is 100% over 15 minutes (threshold: 10%)." in mail.body[kind], mail.body[kind]
        assert f"{RUNBOOKS}business.md#highdraftfailurerate" in mail.body[kind]
        assert prometheus.url in mail.body[kind] and alertmanager.url in mail.body[kind]
    assert "&lt;" not in mail.body["text/html"]
    cleared = receivers.wait("email", "HighDraftFailureRate", "RESOLVED", seconds=WAIT)
    assert cleared.body["subject"].startswith("[RESOLVED] warning: ")
    assert not receivers.messages("slack", "HighDraftFailureRate") and not receivers.messages("pagerduty", "HighDraftFailureRate")
    assert receivers.messages("webhook", "HighDraftFailureRate")


def test_deadman(make_service, watch, receivers, alertmanager):
    """The watchdog arrives repeatedly in its channel only, and stops when Prometheus stops."""
    service = make_service()
    prometheus = watch(service)
    wait_until("three watchdogs", lambda: len(receivers.messages("deadman", "Watchdog")) >= 3, WAIT)
    assert not [m for channel in ("slack", "pagerduty", "webhook", "email") for m in receivers.messages(channel, "Watchdog")]
    prometheus.process.kill()
    # Prometheus gives each alert an end time: four resend delays or evaluations from now.
    wait_until("the watchdog ended in Alertmanager", lambda: not alertmanager.alerts(alertname="Watchdog"), WAIT)
    # Before, it came every second.
    wait_until("no more watchdogs", lambda: time.monotonic() - receivers.messages("deadman")[-1].at > 6, WAIT)


# ---- messages ----

def test_a_message_has_ten_alerts_and_says_how_many_more(receivers, alertmanager):
    """Slack markup in labels is escaped. Of twelve alerts, the message lists ten and says "2 more"."""
    alertmanager.post(*[{"alertname": "RouteFailing", "severity": "critical", "component": "api", "job": "ingest-api",
                         "route": "<unmatched>" if n == 0 else f"/r{n:02}", "instance": f"api-{n:02}:3000"} for n in range(12)],
                      annotations=lambda labels: {"summary": f"{labels['route']} fails & stays so", "description": "a > b",
                                                  "runbook_url": "http://127.0.0.1/runbook"})
    # Alertmanager takes the alerts one by one. If it needs longer than group_wait, its first message has only some of them.
    text = slack_text(receivers.wait("slack", "RouteFailing", "and 2 more", seconds=WAIT))
    assert "&lt;unmatched&gt; fails &amp; stays so" in text and "a &gt; b" in text and "<unmatched>" not in text
    assert text.count(":rotating_light:") == 10
    page = receivers.wait("pagerduty", "RouteFailing", "trigger", "and 11 more", seconds=WAIT).body["payload"]
    assert page["custom_details"]["summary"].endswith("fails & stays so and 11 more")
    assert page["source"] == page["custom_details"]["source"] == "ingest-api (api-00:3000 and 11 more)"
    assert page["custom_details"]["routes"].startswith("<unmatched> /r01 ") and page["custom_details"]["queues"] == ""
    assert page["custom_details"]["runbook"] == "http://127.0.0.1/runbook" and "api-01:3000" in page["custom_details"]["instances"]


def test_board_links_use_the_address_in_the_secrets(tmp_path, receivers):
    alertmanager = Alertmanager(tmp_path / "alertmanager", {**receivers.secrets(), "grafana_url": "https://boards.example/at/"})
    try:
        alertmanager.post({"alertname": "TargetDown", "severity": "critical", "component": "monitoring", "job": "j", "instance": "i:1"},
                          {"alertname": "HighDraftFailureRate", "severity": "warning", "component": "business", "job": "ingest-api"})
        told = {("slack", "TargetDown"): "monitoring-health", ("pagerduty", "TargetDown"): "monitoring-health",
                ("email", "HighDraftFailureRate"): "ingest-api"}
        for (channel, alert), board in told.items():
            wait_until(channel, lambda channel=channel, alert=alert: receivers.messages(channel, alert), WAIT)
            assert f"https://boards.example/at/d/{board}/incident?from=1" in receivers.messages(channel, alert)[0].text, channel
    finally:
        alertmanager.close()


def test_an_alert_without_annotations_can_be_read(receivers, alertmanager):
    alertmanager.post({"alertname": "Foreign", "severity": "warning", "component": "api", "job": "other", "where": "there"},
                      annotations=lambda labels: {})
    wait_until("a Slack message", lambda: receivers.messages("slack", "Foreign"), WAIT)
    text = slack_text(receivers.messages("slack", "Foreign")[0])
    assert "*Foreign*" in text and "where=`there`" in text


# ---- inhibition ----

def test_a_service_that_is_down_sends_one_alert(make_service, watch, receivers, alertmanager):
    """First 5xx, then the process is killed. Its error rate is still in the window, but its alert is silenced."""
    service = make_service(STORE_TIMEOUT_MS=100)
    service.errors_allowed = True
    prometheus = watch(service)
    with running(writes(service, service.organisation()), threads=2), database_locked(service):
        receivers.wait("pagerduty", "HighErrorRate", "trigger", seconds=WAIT)
        service.kill()
        wait_until("IngestApiDown is sent", lambda: receivers.messages("pagerduty", "IngestApiDown", "trigger"), WAIT)
        wait_until("the error rate is silenced", lambda: alertmanager.inhibited(alertname="HighErrorRate"), WAIT)
    down = receivers.wait("slack", "IngestApiDown", seconds=WAIT)  # each receiver gets it at its own time
    assert "ingest-api is down: no instance answers" in slack_text(down)
    # With a single instance, only the alert of the job fires.
    assert not alertmanager.alerts(alertname="IngestApiDown", scope="instance")
    assert not prometheus.rule_faults()


def test_the_page_silences_the_warning_of_the_same_component(make_service, watch, receivers, alertmanager):
    """Slow and failing at the same time: HighErrorRate is sent, HighLatency is not."""
    service = make_service(STORE_TIMEOUT_MS=900)
    service.errors_allowed = True
    prometheus = watch(service)
    with running(writes(service, service.organisation()), threads=4), database_locked(service):
        receivers.wait("slack", "HighErrorRate", "[FIRING:1]", seconds=WAIT)
        wait_until("HighLatency fires", lambda: prometheus.firing("HighLatency"), WAIT)
        wait_until("HighLatency is silenced", lambda: alertmanager.inhibited(alertname="HighLatency"), WAIT)


JOB = {"job": "ingest-api"}
DOWN = {"alertname": "IngestApiDown", "severity": "critical", "component": "api", **JOB}


@pytest.mark.parametrize("source,silenced,told", [
    # All instances are down: all other alerts of the job are silenced, those of other jobs and of the stack are not.
    ({**DOWN, "scope": "job"},
     [{"component": c, "severity": s, **JOB} for c in ("api", "queue", "database", "system", "business") for s in ("critical", "warning")],
     [{"component": "monitoring", "severity": "critical", "job": "prometheus"}, {"component": "api", "severity": "critical", "job": "other"}]),
    ({"alertname": "IngestApiAbsent", "severity": "critical", "component": "api", **JOB},
     [{"component": c, "severity": "critical", **JOB} for c in ("queue", "database", "system", "business")],
     [{"component": "monitoring", "severity": "warning", "job": "prometheus"}]),
    # One instance of several is down: only alerts of that instance are silenced.
    ({**DOWN, "scope": "instance", "instance": "a:3000"},
     [{"component": "database", "severity": "critical", "instance": "a:3000", **JOB}],
     [{"component": "database", "severity": "critical", "instance": "b:3000", **JOB}, {"component": "api", "severity": "warning", **JOB},
      {"component": "queue", "severity": "critical", **JOB}]),
    # A page silences only the warnings of its component and job.
    ({"alertname": "DatabasePoolTimeouts", "component": "database", "severity": "critical", "instance": "a:3000", **JOB},
     [{"component": "database", "severity": "warning", **JOB}],
     [{"component": "database", "severity": "critical", "instance": "b:3000", **JOB}, {"component": "queue", "severity": "warning", **JOB},
      {"component": "database", "severity": "warning", "job": "other"}]),
    # A warning silences nothing.
    ({"alertname": "HighLatency", "component": "api", "severity": "warning", **JOB}, [],
     [{"component": "api", "severity": "warning", **JOB}]),
], ids=["down", "absent", "one-instance", "page", "warning"])
def test_inhibition(alertmanager, source, silenced, told):
    named = [{"alertname": f"Silenced{i}", **labels} for i, labels in enumerate(silenced)]
    free = [{"alertname": f"Told{i}", **labels} for i, labels in enumerate(told)]
    alertmanager.post(source, *named, *free)
    for labels in [source, *free, *named]:
        wait_until("the alert in Alertmanager", lambda: alertmanager.alerts(**labels), 10)
    wait_until("states computed", lambda: all(a["status"]["state"] != "unprocessed" for a in alertmanager.alerts()), 10)
    for labels in [source, *free]:
        assert not alertmanager.inhibited(**labels), labels
    for labels in named:
        wait_until(f"{labels} silenced", lambda: alertmanager.inhibited(**labels), WAIT)


def test_nothing_is_silenced_in_another_environment(alertmanager):
    other = {"alertname": "Told", "component": "database", "severity": "critical", "environment": "staging", **JOB}
    alertmanager.post({**DOWN, "scope": "job"}, other)
    wait_until("both alerts in Alertmanager", lambda: len(alertmanager.alerts()) == 2, 10)
    wait_until("states computed", lambda: all(a["status"]["state"] != "unprocessed" for a in alertmanager.alerts()), 10)
    assert not alertmanager.inhibited(alertname="Told")


# ---- a receiver that fails for a while ----

@pytest.mark.parametrize("channel", ["slack", "pagerduty", "webhook", "email"])
def test_no_message_is_lost_while_a_receiver_answers_503(receivers, alertmanager, channel):
    receivers.broken.add(channel)
    component = "business" if channel == "email" else "api"
    severity = "critical" if channel == "pagerduty" else "warning"
    alerts = [{"alertname": f"Alert{i}", "severity": severity, "component": component, "instance": f"i{i}", **JOB} for i in range(5)]
    alertmanager.post(*alerts)
    wait_until("two attempts for each", lambda: receivers.refused.count((channel, 503)) >= 10, WAIT)
    assert not receivers.messages(channel)
    receivers.broken.discard(channel)
    for labels in alerts:
        receivers.wait(channel, labels["alertname"], seconds=WAIT)
    last = {**alerts[0], "alertname": "Last"}  # a repeated message would have arrived before this one
    alertmanager.post(last)
    receivers.wait(channel, "Last", seconds=WAIT)
    for labels in alerts:
        assert len(receivers.messages(channel, labels["alertname"])) == 1, "sent twice"
