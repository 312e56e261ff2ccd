# SPDX-License-Identifier: Apache-2.0
"""The rules: promtool's tests, mutants of every number, and lint that finds what it says it finds."""
import re
import shutil
import subprocess

import pytest
from support.alerting import shipped_rules
from support.service import ROOT

PROMETHEUS = ROOT / "infra/prometheus"
# Alerts of reference/monitoring.md section 6, and what was learnt since.
EXPECTED = """
RouteFailing HighClientErrorRate HighAbortRate LatencyObjectiveBlind DatabasePoolWaits DatabaseUnavailable
QueueBrokerDown QueueBrokerReconnecting QueuePublishesRefused QueueRedeliveryLoop
OrganisationRowsRejected OrganisationEmailsFailing OrganisationEmailsStalled CpuThrottled
TargetFlapping TargetMissing MonitoringTargetAbsent MetricsMissing MetricsCollectorFailing PrometheusRuleEvaluationsMissed
PrometheusStorageFailing PrometheusStorageFull PrometheusNotificationsFailing AlertmanagerConfigReloadFailed
IngestApiDown IngestApiAbsent IngestApiRestarting ErrorBudgetBurn LatencyBudgetBurn HighErrorRate HighLatency LowTraffic
HighQueueDepth QueueNoConsumers QueueConsumerLag QueueProcessingFailures QueueDeadLettering QueueDepthStale
HighMemoryUsage MemoryLeakSuspected FileDescriptorsExhausting HighCpuUsage EventLoopLag
DatabasePoolExhausted DatabasePoolTimeouts DatabaseSlowQueries DatabaseErrors
HighDraftFailureRate OrganisationDraftsFailing EmailSendingFailures EmailHardBounces EmailRefusedByPolicy EmailsStalled
QueueBrokerBlocked ErrorReportsLost Watchdog
TargetDown MetricsCardinalityLimit PrometheusRuleFailures PrometheusNoRules PrometheusConfigReloadFailed
PrometheusNotConnectedToAlertmanager AlertmanagerNotificationsFailing
""".split()


def run(*command, **options):
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=600, check=False, **options)


def promtool(version):
    """The promtool of a version: Debian's, or one that `make prometheus-newest` has put into the cache."""
    if version == "installed":
        return "promtool"
    where = run(ROOT / "scripts/prometheus-newest", "--where", version).stdout.strip()
    if not where:
        pytest.skip(f"no promtool {version} in the cache: make prometheus-newest VERSION={version}")
    return f"{where}/promtool"


@pytest.mark.parametrize("version", ["installed", pytest.param("2.53", marks=pytest.mark.slow), "3"])
@pytest.mark.parametrize("name", sorted(path.name for path in (PROMETHEUS / "tests").glob("*.yml")))
def test_rules(name, version):
    done = run(promtool(version), "test", "rules", PROMETHEUS / "tests" / name)
    assert done.returncode == 0, done.stdout


def test_all_alerts_are_there():
    assert {rule["alert"] for rule in shipped_rules() if "alert" in rule} == set(EXPECTED)


@pytest.mark.slow
def test_a_tenth_of_the_mutants_is_noticed():
    """Every tenth; `make mutate-rules` runs them all."""
    done = run(ROOT / "scripts/mutate-rules", "--sample", "5/10")
    assert done.returncode == 0, done.stdout
    noticed, of = map(int, re.search(r"(\d+) of (\d+) mutants noticed", done.stdout).groups())
    assert noticed == of > 30


def test_lint_is_content():
    done = run(ROOT / "scripts/lint-monitoring")
    assert done.returncode == 0, done.stdout


# What each check finds when it is broken: (file, old, new, the fault).
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
