# SPDX-License-Identifier: Apache-2.0
"""infra/prometheus/metrics.yml matches what the real service exposes. Lint checks rules and dashboards against this file."""
import pytest
import yaml
from support.alerting import Alertmanager, Prometheus
from support.http import csv_rows
from support.ports import wait_until
from support.service import ROOT

CONTRACT = yaml.safe_load((ROOT / "infra/prometheus/metrics.yml").read_text())
# Not on every machine: they depend on the kernel or on control groups. A family without series is not exposed.
OPTIONAL = ("cgroup_", "process_run_delay_", "process_pressure_", "process_context_switches", "process_page_faults", "db_query_errors_total",
            "promc_refused_updates_total", "amqp_")


@pytest.fixture
def busy(make_service):
    """A service in which every event has happened once: imports, good and failed drafts, emails, a refused request."""
    service = make_service(VALIDATION_DELAY=0)
    client = service.client(service.organisation())
    assert client.import_csv(csv_rows(30)).status == 200
    for body in ("A word, {{first_name}}?", "A word, {{no_such_field}}?"):
        campaign = client.campaign(body=body)
        assert client.act(campaign, "start").status == 200 and client.act(campaign, "drafts").status == 202
        wait_until("drafts", lambda: sum(client.stats(campaign)["drafts"].values()) >= 30, 60)
        client.act(campaign, "send")
    assert client.act(campaign, "complete").status == 200
    client.get("/api/v1/prospects/nothing")
    client.get("/no/such/route")
    # A worker reads the organisations every few seconds.
    service.settled("all jobs done", lambda m: m.total("queue_depth") == 0 and m.total("emails_sent_total") >= 30 and m.total("organisation_info") >= 1, 120)
    return service


def test_the_service_exposes_the_listed_metrics(busy):
    families = {}
    for family in busy.metrics().families:
        # The parser removes _total from counter names.
        name = family.name + "_total" if family.type == "counter" else family.name
        families[name] = family
    expected = CONTRACT["ingest-api"]
    missing = {name for name in expected if name not in families and not name.startswith(OPTIONAL)}
    assert not missing
    unknown = {name for name in families if name not in expected}
    assert not unknown, "not in infra/prometheus/metrics.yml"
    for name, family in families.items():
        kind = "gauge" if family.type in ("gauge", "unknown") else family.type
        assert kind == expected[name]["type"], name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(expected[name]["labels"]), sample


def test_emails_that_are_not_sent_are_counted(make_service):
    """Emails that wait when their campaign is completed, emails without a draft, and emails to an invalid prospect."""
    service = make_service(MAIL_RATE_LIMIT=5, VALIDATION_DELAY=0)
    for reason in ("campaign_completed", "prospect_invalid", "no_draft"):
        assert service.metrics().value("emails_not_sent_total", reason=reason) == 0, "the series must exist before its first event"
    client = service.client(service.organisation())
    assert client.import_csv(csv_rows(30)).status == 200
    service.settled("imported", lambda m: m.total("queue_depth") == 0, 120)
    campaign = client.campaign(body="A word, {{no_such_field}}?")
    client.act(campaign, "start"), client.act(campaign, "send")
    service.settled("no drafts", lambda m: m.value("emails_not_sent_total", reason="no_draft") == 30, 120)
    campaign = client.campaign()
    client.act(campaign, "start"), client.act(campaign, "send")
    service.settled("the first sent, the others delayed", lambda m: m.total("emails_total") > 0, 120)
    assert client.act(campaign, "complete").status == 200

    def all_counted(m):
        return m.total("queue_depth") == 0 and m.total("emails_total") + m.value("emails_not_sent_total", reason="campaign_completed") == 30
    metrics = service.settled("each sent or dropped", all_counted, 120)
    assert metrics.value("emails_not_sent_total", reason="campaign_completed") > 0


def test_every_series_of_a_rule_exists_from_the_start(service):
    """A counter that appears with its first event hides that event from rate(). So counters with fixed label values start at 0."""
    metrics = service.metrics()
    for queue in ("prospect.validate", "prospect.research", "draft.generate", "email.send"):
        assert metrics.value("queue_message_failures_total", queue=queue, reason="dead_lettered") == 0
        for success in ("true", "false"):
            assert metrics.value("queue_processing_duration_seconds_count", queue=queue, success=success) == 0
    assert metrics.value("db_connection_pool_acquire_timeouts_total") == 0
    for route in ("/api/v1/prospects", "/api/v1/prospects/import", "/api/v1/campaigns"):
        for code in ("200", "500"):
            assert metrics.select("http_requests_total", route=route, status_code=code), (route, code)


def test_prometheus_and_alertmanager_expose_the_listed_metrics(tmp_path, service):
    """The metrics of Prometheus and Alertmanager that rules and dashboards read, with this machine's versions."""
    alertmanager = Alertmanager(tmp_path / "alertmanager", {})
    prometheus = Prometheus(tmp_path / "prometheus", [f"127.0.0.1:{service.port}"], alertmanager)
    try:
        wait_until("all jobs scraped", lambda: len(prometheus.values("up == 1")) == 3, 30)
        def missing(job):
            names = set(prometheus.api("label/__name__/values", **{"match[]": f'{{job="{job}"}}'}))
            # Alertmanager 0.28 has native and classic histograms. Prometheus stores the native ones, under the family's own name.
            return [name for name, family in CONTRACT[job].items()
                    if name not in names and not (family["type"] == "histogram" and name + "_count" in names)]
        for job in ("prometheus", "alertmanager"):
            try:
                wait_until(f"all metrics that are read of {job}", lambda job=job: not missing(job))
            except AssertionError as error:
                raise AssertionError(f"{error}: {missing(job)}") from None
        # The rules find their series: none has an error, and those that have data at rest have it.
        wait_until("rules evaluated", lambda: prometheus.values("job:http_requests:rate5m"), 30)
        assert not prometheus.rule_faults()
        for recorded in ("job:http_requests:rate5m", "instance:db_connection_pool:utilisation", "queue:queue_depth:max",
                         "instance:process_resident_memory:limit_ratio", "slo:http_requests_availability:objective"):
            wait_until(recorded, lambda recorded=recorded: prometheus.values(recorded))  # each group is evaluated at its own time

        # Until everything is scraped, a slow start may look like a fault. Only an alert that keeps firing is one.
        def faults():
            firing = {a["labels"]["alertname"] for a in prometheus.api("alerts")["alerts"] if a["state"] == "firing"}
            return firing - {"Watchdog", "IngestApiAbsent"}
        wait_until("no alert fires on a healthy stack", lambda: not faults())
    finally:
        prometheus.close()
        alertmanager.close()
