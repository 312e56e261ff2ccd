# SPDX-License-Identifier: Apache-2.0
"""The rules: promtool's tests, mutants of every number, and tests of the lint itself."""
import re
import shutil
import subprocess

import pytest
from support.alerting import shipped_rules
from support.generations import VERSIONS, promtool
from support.service import ROOT

PROMETHEUS = ROOT / "infra/prometheus"
# Alerts of reference/monitoring.md section 6, and later ones.
EXPECTED = """
RouteFailing HighClientErrorRate HighAbortRate LatencyObjectiveBlind DatabasePoolWaits DatabaseUnavailable
QueueBrokerDown QueueBrokerReconnecting QueuePublishesRefused QueueRedeliveryLoop
DataDirNearlyFull TlsCertificateExpiring ScrapeIntervalTooLong OrganisationEmailsBounce OrganisationAtLimit
OrganisationRowsRejected OrganisationEmailsFailing OrganisationEmailsStalled CpuThrottled
TargetFlapping TargetMissing MonitoringTargetAbsent MetricsMissing MetricsCollectorFailing PrometheusRuleEvaluationsMissed
PrometheusStorageFailing PrometheusStorageFull PrometheusNotificationsFailing AlertmanagerConfigReloadFailed
IngestApiDown IngestApiAbsent IngestApiRestarting ErrorBudgetBurn LatencyBudgetBurn HighErrorRate HighLatency LowTraffic
HighQueueDepth QueueNoConsumers QueueConsumerLag QueueProcessingFailures QueueDeadLettering QueueDepthStale
HighMemoryUsage MemoryLeakSuspected FileDescriptorsExhausting HighCpuUsage EventLoopLag
DatabasePoolExhausted DatabasePoolTimeouts DatabaseSlowQueries DatabaseErrors
HighDraftFailureRate OrganisationDraftsFailing EmailSendingFailures EmailHardBounces EmailRefusedByPolicy EmailsStalled
QueueBrokerBlocked ErrorReportsLost Watchdog
CampaignSenderRefused EmailsInDoubt CampaignMetricsMissing
OrganisationNearLimit OrganisationLimitsMissing
TargetDown MetricsCardinalityLimit PrometheusRuleFailures PrometheusNoRules PrometheusConfigReloadFailed
PrometheusNotConnectedToAlertmanager AlertmanagerNotificationsFailing
""".split()


def run(*command, **options):
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=3600, check=False, **options)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", sorted(path.name for path in (PROMETHEUS / "tests").glob("*.yml")))
def test_rules(name, version):
    done = run(promtool(version), "test", "rules", PROMETHEUS / "tests" / name)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name,version", [("native.yml", "3"), pytest.param("native.yml", "2.53", marks=pytest.mark.long), ("custom-buckets.yml", "3")])
def test_rules_read_the_other_shapes_of_histograms(name, version):
    """The cases of tests/shapes.yml with native histograms must give the same alerts as the classic ones. An older promtool cannot write them."""
    done = run(promtool(version), "test", "rules", PROMETHEUS / "tests/native" / name)
    assert done.returncode == 0, done.stdout


def test_all_alerts_exist():
    assert {rule["alert"] for rule in shipped_rules() if "alert" in rule} == set(EXPECTED)


@pytest.mark.slow
def test_a_few_mutants_are_noticed():
    """Always the same few mutants. `make mutate-rules`, a part of make check-long, runs them all."""
    done = run(ROOT / "scripts/mutate-rules", "--sample", "5/120")
    assert done.returncode == 0, done.stdout
    noticed, of = map(int, re.search(r"(\d+) of (\d+) mutants noticed", done.stdout).groups())
    assert noticed == of > 6


def test_the_containers_version_accepts_the_configuration():
    done = run(promtool("3"), "check", "config", PROMETHEUS / "prometheus.compose.yml")
    assert done.returncode == 0, done.stdout


def test_lint_passes():
    done = run(ROOT / "scripts/lint-monitoring")
    assert done.returncode == 0, done.stdout


# For each check a change that it must report: (file, old, new, the fault).
FAULTS = [
    ("prometheus/rules/queue.yml", "queue_consumers{", "queue_consumer{", "unknown metric: queue_consumer"),
    ("prometheus/rules/database.yml", "sum by (job, schema) (rate(db_query_errors", "sum by (job, shema) (rate(db_query_errors",
     "unknown label: by (shema)"),
    ("prometheus/rules/database.yml", 'db_query_errors_total{job="ingest-api"}', 'db_query_errors_total{job="ingest-api", class="53"}',
     "has no label class"),
    ("prometheus/rules/queue.yml", "changes(queue_depth_last_success_timestamp_seconds{job=\"ingest-api\"}[2m])",
     "rate(queue_depth{job=\"ingest-api\"}[5m])", "rate of a gauge: rate(queue_depth)"),
    ("prometheus/rules/system.yml", "predict_linear(process_resident_memory_bytes", "predict_linear(process_cpu_seconds_total",
     "gauge function of a counter"),
    ("prometheus/rules/recording.yml", 'sum by (job) (rate(http_requests_total{job="ingest-api"}[5m]))',
     'sum by (job) (http_requests_total{job="ingest-api"})', "bare counter"),
    ("prometheus/rules/database.yml", "db_query_errors_total{job=\"ingest-api\"}[5m]", "db_query_errors_total{job=\"ingest-api\"}[30s]",
     "window below four scrapes"),
    ("prometheus/rules/recording.yml", "/ (job:http_requests:rate5m > 0)", "/ job:http_requests:rate5m", "unguarded division"),
    ("prometheus/rules/queue.yml", 'queue_consumers{job="ingest-api"}', "queue_consumers", "no job matcher: queue_consumers"),
    ("prometheus/rules/recording.yml", 'le="0.5"', 'le="1"', "integer le"),
    ("prometheus/rules/recording.yml", 'le="0.5"', 'le="0.25"', "0.25 is read by a rule and not in"),
    ("prometheus/rules/system.yml", ":p99_rate5m{job=\"ingest-api\"} > 0.1", ":p99_rate5m{job=\"ingest-api\"} > 0.2", "has 0.1, which no rule reads"),
    ("prometheus/rules/recording.yml", "(rate(db_query_duration_seconds_bucket", "(rate(draft_generation_duration_seconds_bucket",
     "draft_generation_duration_seconds is not in"),
    ("prometheus/rules/api.yml", "api.md#highlatency", "api.md#slow", "runbook section missing"),
    ("prometheus/rules/api.yml", "api.md#highlatency", "http.md#highlatency", "runbook missing"),
    ("prometheus/rules/api.yml", "{{ $value | humanizePercentage }}", "{{ $value }}", "raw value in the text"),
    ("prometheus/rules/api.yml", "severity: warning", "severity: urgent", "severity: urgent"),
    ("prometheus/rules/api.yml", "alert: HighLatency", "alert: HighLatencies", "no firing test"),
    ("prometheus/rules/monitoring.yml", "  rules:\n", "  rules:\n      - {record: 'a:b:c', expr: 'sum by (job) (up{job=\"ingest-api\"})'}\n",
     "rule count"),
    ("prometheus/rules/monitoring.yml", "> 160000", "> 190000", "is not 80 % of the sample_limit"),
    ("prometheus/prometheus.yml", "sample_limit: 20000", "sample_limit: 30000", "prometheus.compose.yml: out of date"),
    ("prometheus/prometheus.yml", "  - rules/*.yml", "  - rules/nothing.yml", "does not point to an existing file"),
    ("prometheus/rules/api.yml", "  - name: alerts-api", "  - name: alerts-api\n    rules: []\n  - name: alerts-api", "repeated"),
    ("prometheus/blind-partners.yml", "HighLatency: LatencyObjectiveBlind", "", "HighLatency: blind partner"),
    ("prometheus/blind-partners.yml", "HighLatency: LatencyObjectiveBlind", "HighLatency: HighLatencies", "HighLatencies is no alert"),
    ("prometheus/blind-partners.yml", "LatencyObjectiveBlind: MetricsMissing", "LatencyObjectiveBlind: HighLatency", "go round in a ring"),
    ("prometheus/rules/monitoring.yml", "has not loaded all 1", "has not loaded all 2", "rule count"),
    ("alertmanager/alertmanager.yml", "equal: [cluster, environment, component, job]", "equal: [alertname, service]",
     "equal on a label that no alert carries: service"),
    ("alertmanager/alertmanager.yml", 'template "prospectflow.color"', 'template "prospectflow.colour"', "undefined template"),
    ("alertmanager/alertmanager.yml", "    - receiver: none\n", "    - receiver: slack\n", "none is not both defined and routed to"),
    ("alertmanager/alertmanager.yml", "    - receiver: none\n", "    - receiver: nobody\n", "amtool:"),
    ("../docs/runbooks/api.md", "**How to look**", "**Look**", "runbook section"),
]


@pytest.mark.parametrize("file,old,new,fault", FAULTS, ids=[fault[3] for fault in FAULTS])
def test_lint_finds(tmp_path, file, old, new, fault):
    shutil.copytree(ROOT / "infra/prometheus", tmp_path / "infra/prometheus")
    shutil.copytree(ROOT / "infra/alertmanager", tmp_path / "infra/alertmanager")
    shutil.copytree(ROOT / "docs/runbooks", tmp_path / "docs/runbooks")
    path = (tmp_path / "infra" / file).resolve()
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    done = run(ROOT / "scripts/lint-monitoring", "--root", tmp_path)
    assert done.returncode == 1 and fault in done.stdout, done.stdout


def test_lint_finds_a_dashboard_of_unknown_metrics(tmp_path):
    for name in ("infra/prometheus", "infra/alertmanager", "docs/runbooks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    board = tmp_path / "infra/grafana/dashboards/board.json"
    board.parent.mkdir(parents=True)
    board.write_text('{"title": "B", "panels": [{"title": "P", "targets": [{"expr": "sum(rate(http_request_total[5m]))"}]}]}')
    done = run(ROOT / "scripts/lint-monitoring", "--root", tmp_path)
    assert done.returncode == 1 and "board.json: P: unknown metric: http_request_total" in done.stdout, done.stdout


# ---- the images of the compose files ----

def images(root, today):
    return run(ROOT / "scripts/lint-images", "--root", root, "--today", today)


def test_images_are_on_the_list():
    done = images(ROOT, "2026-12-01")
    assert done.returncode == 0, done.stdout
    assert "prom/prometheus:v3.16.0 is supported until 2026-12-17" in done.stdout
    done = images(ROOT, "2026-12-18")
    assert done.returncode == 1 and "prom/prometheus:v3.16.0 is past its support since 2026-12-17" in done.stdout, done.stdout


@pytest.mark.parametrize("file,old,new,fault", [
    ("prometheus/compose.yaml", "prom/prometheus:v3.16.0", "prom/prometheus:v3.5.0", "prom/prometheus:v3.5.0, and infra/images.yml has v3.16.0"),
    ("prometheus/compose.yaml", "prom/prometheus:v3.16.0", "quay.invalid/prometheus:v3.16.0", "quay.invalid/prometheus is not in"),
    ("mailpit/compose.yaml", "mailpit:v1.33.1", "mailpit:v1.33.1@sha256:" + "0" * 64, "has digest sha256:0000"),
    ("images.yml", "  until: 2029-11-08", "  until: 2026-11-30", "postgres:17.7-bookworm is past its support since 2026-11-30"),
    ("images.yml", "  reason: the newest of 2026-11-07; a mail sink for trying things, never in production.", "  reason: new", "mailpit has no reason"),
])
def test_lint_finds_an_image(tmp_path, file, old, new, fault):
    shutil.copytree(ROOT / "infra", tmp_path / "infra", ignore=shutil.ignore_patterns("node_modules"))
    path = tmp_path / "infra" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    done = images(tmp_path, "2026-12-01")
    assert done.returncode == 1 and fault in done.stdout, done.stdout
