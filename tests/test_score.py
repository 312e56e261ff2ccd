# SPDX-License-Identifier: Apache-2.0
"""The alert corpus and its runner: the shipped rules pass every case, and worse rules score lower."""
import json
import shutil
import subprocess
import sys

import pytest
import yaml
from support.generations import LONG_OTHERS, promtool
from support.service import ROOT

CORPUS, RULES = ROOT / "infra/prometheus/corpus", ROOT / "infra/prometheus/rules"
sys.path.insert(0, str(ROOT / "tools/score"))
import cases as corpus  # noqa: E402
import shapes  # noqa: E402
from verdict import loudness  # noqa: E402

QUICK = "half-of-all-requests-fail|the-broker-is-away|e-mails-of-one|alertmanager-is-down"


def score(rules, *options):
    done = subprocess.run([sys.executable, ROOT / "tools/score", *map(str, options), "--json", rules], capture_output=True, text=True,
                          timeout=1800, check=False)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def wrong(scored):
    return {case["id"]: case["seen"] for case in scored["cases"] if not case["right"]}


@pytest.mark.parametrize("version", LONG_OTHERS)
def test_the_shipped_rules_pass_every_case(version):
    scored = score(RULES, "--promtool", promtool(version))
    assert wrong(scored) == {}
    assert scored["of"] >= 200
    assert version == "installed" or not [name for name in scored["skipped"] if "custom" not in name or version == "3"]


def test_the_cases_that_the_installed_promtool_skips():
    native = {case.id for case in corpus.read(CORPUS.glob("*.yml")) if case.needs}
    scored = score(RULES, "--promtool", promtool("3"), "--only", "|".join(native))
    assert wrong(scored) == {} and scored["skipped"] == []
    assert native and native <= {case["id"] for case in scored["cases"]}


def test_the_corpus_is_large_and_in_pairs():
    cases = corpus.read(CORPUS.glob("*.yml"))
    assert len(cases) >= 120 and len({case.id for case in cases}) == len(cases)
    assert {case.id.rpartition("/")[2] for case in cases} == {"fault", "harmless"}
    assert {"day", "night"} == {case.world.traffic for case in cases} and max(case.world.replicas for case in cases) >= 3
    assert {"classic", "native", "both", "nhcb"} == {case.world.histograms for case in cases}


def test_the_corpus_uses_existing_metrics():
    known = {}
    for families in yaml.safe_load((ROOT / "infra/prometheus/metrics.yml").read_text()).values():
        for name, family in families.items():
            suffixes = ("_bucket", "_sum", "_count", "") if family["type"] == "histogram" else ("",)
            known |= {name + suffix: {*family["labels"], "le", "job", "instance"} for suffix in suffixes}
    unknown = {(case.id, name) for case in corpus.read(CORPUS.glob("*.yml")) for name, labels, _ in case.series.plain
               if not set(labels) <= known.get(name, set())}
    assert unknown == set()


# ---- mutants: worse rules score lower ----

@pytest.fixture
def rules(tmp_path):
    """rules(keep, change): a changed copy of the rules, with only the rules for which `keep` is true."""
    def made(keep, change=lambda rule: rule):
        folder = tmp_path / "rules"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for path in RULES.glob("*.yml"):
            groups = yaml.safe_load(path.read_text())["groups"]
            for group in groups:
                group["rules"] = [change(dict(rule)) for rule in group["rules"] if "record" in rule or keep(rule)]
            (folder / path.name).write_text(yaml.safe_dump({"groups": groups}, sort_keys=False))
        return folder
    return made


def test_without_alerts_no_fault_is_found(rules):
    scored = score(rules(lambda rule: rule["alert"] == "Watchdog"), "--only", QUICK)
    assert {case["id"] for case in scored["cases"] if not case["right"]} == {case["id"] for case in scored["cases"] if case["id"].endswith("/fault")}
    assert {case["seen"] for case in scored["cases"]} == {"silent"}


def test_a_missing_alert_fails_only_its_cases(rules):
    scored = score(rules(lambda rule: rule["alert"] != "QueueBrokerDown"), "--only", QUICK)
    assert set(wrong(scored)) == {"the-broker-is-away/fault"}


def test_alerts_that_always_fire_detect_nothing(rules):
    always = rules(lambda rule: rule["alert"] == "IngestApiDown", lambda rule: rule | ({"expr": "vector(1)", "for": "0s"} if "alert" in rule else {}))
    scored = score(always, "--only", QUICK)
    assert {case["id"] for case in scored["cases"] if case["kind"] == "healthy"} <= set(wrong(scored)), "an alert on a healthy system must count as wrong"
    assert {case["id"] for case in scored["cases"] if case["id"].endswith("/fault")} <= set(wrong(scored)), "an alert that fired before the fault must not count as a detection"


def test_too_sensitive_rules_page_for_harmless_events(rules):
    nervous = rules(lambda rule: rule["alert"] == "HighErrorRate",
                    lambda rule: rule | ({"expr": 'rate(http_requests_total{job="ingest-api",status_code="500"}[5m]) > 0', "for": "0s"} if "alert" in rule else {}))
    seen = wrong(score(nervous, "--only", QUICK))
    assert seen["half-of-all-requests-fail/harmless"].startswith("paged after")
    assert "half-of-all-requests-fail/fault" not in seen


def test_late_is_wrong(rules):
    late = rules(lambda rule: True, lambda rule: rule | ({"for": "20m"} if rule.get("alert") == "QueueBrokerDown" else {}))
    assert "the-broker-is-away/fault" in wrong(score(late, "--only", "the-broker-is-away"))
    still = rules(lambda rule: True, lambda rule: rule | ({"expr": 'max by (job, instance) (min_over_time(amqp_connection_up{job="ingest-api"}[8m])) == 0'}
                                                        if rule.get("alert") == "QueueBrokerDown" else {}))
    scored = score(still, "--only", "the-broker-is-away")
    assert any("still there" in fault for case in scored["cases"] for fault in case["faults"])


def test_rules_with_other_names_work_with_a_mapping(rules, tmp_path):
    def other(rule):
        rule["expr"] = rule["expr"].replace('job="ingest-api"', 'job="shop"').replace("amqp_connection_up", "rabbit_up")
        priority = {"critical": "P1", "warning": "P3", "none": "P9"}.get(rule.get("labels", {}).get("severity"))
        labels = {name: value for name, value in rule.get("labels", {}).items() if name != "severity"}
        return rule | ({"labels": labels | {"priority": priority}, "alert": "A" + rule["alert"]} if "alert" in rule else {})
    folder = rules(lambda rule: True, other)
    mapping = tmp_path / "map.yml"
    mapping.write_text("page: [priority=P1]\nwarning: [priority=P3]\nignore: [priority=P9]\njob: {ingest-api: shop}\nmetrics: {amqp_connection_up: rabbit_up}\n")
    assert wrong(score(folder, "--only", QUICK, "--map", mapping)) == {}
    assert "the-broker-is-away/fault" in wrong(score(folder, "--only", QUICK))


def test_loudness():
    assert [loudness({"severity": s}, {}) for s in ("critical", "page", "warning", "ticket", "info", "none")] == \
        ["page", "page", "warning", "warning", "ignore", "ignore"]
    assert loudness({"alertname": "Watchdog"}, {}) == "ignore" and loudness({}, {}) == "warning"
    assert loudness({"severity": "critical"}, {"page": ["team=night"]}) == "warning"


# ---- the language ----

SHAPES = [
    ("5", [5, 5, 5, 5, 5]), ("2/s", [0, 20, 40, 60, 80]), ("6/m; 20s: 0/s", [0, 1, 2, 2, 2]), ("0/s; 20s: +3", [0, 0, 3, 3, 3]),
    ("0/s; 10s: +1 every 20s", [0, 1, 1, 2, 2]), ("10; 20s: -> 30", [10, 10, 10, 20, 30]), ("cycle 1 0 0", [1, 0, 0, 1, 0]),
    ("clock -1m", [-60, -50, -40, -30, -20]), ("clock; 20s: frozen", [0, 10, 10, 10, 10]), ("1/s; 20s: reset; 30s: 1/s", [0, 10, 0, 0, 10]), ("1/s; 15s: 3/s", [0, 10, 30, 60, 90]),
    ("1; 20s: gone; 40s: 1", [1, 1, "stale", "_", 1]), ("gone; 20s: 0; 30s: +2", ["_", "_", 0, 2, 2]), ("1; 20s: missing", [1, 1, "_", "_", "_"]),
    ("20s: 4", [0, 0, 4, 4, 4]), ("1Ki", [1024] * 5), ("50%", [0.5] * 5),
]


@pytest.mark.parametrize("text, values", SHAPES, ids=[text for text, _ in SHAPES])
def test_a_shape(text, values):
    assert shapes.samples(text, range(0, 50, 10)) == pytest.approx(values) if all(not isinstance(v, str) for v in values) \
        else shapes.samples(text, range(0, 50, 10)) == values


def test_noise_is_the_same_in_each_run():
    one, two = (shapes.samples("100 ~10%", range(0, 1000, 10)) for _ in range(2))
    assert one == two and len(set(one)) > 50 and 90 <= min(one) < max(one) <= 110


def test_promtools_notation():
    assert shapes.notation([0, 15, 30, 45, 45, 45, "stale", "_", "_", 0.5, 7]) == "0+15x3 45+0x1 stale _x2 0.5 7"


WORLD = {"pair": "p", "kind": "k", "learnt": "x"}
FAULTS = [
    ({"fault": {"says": "s", "expect": "page within 5m", "series": {"up": "five"}}}, "unknown shape 'five'"),
    ({"fault": {"says": "s", "expect": "page in 5m"}}, "unknown 'page in 5m'"),
    ({"fault": {"says": "s", "expect": "silent"}}, "fault: must not expect silent"),
    ({"fault": {"says": "s", "expect": "page within 5m, over within 1m"}}, "the fault has no end"),
    ({"fault": {"says": "s", "expect": "page within 5m", "instances": {"api-9": "down"}}}, "unknown instance 'api-9'"),
    ({"fault": {"says": "s", "expect": "page within 5m", "instances": {"api-1": "asleep"}}}, "unknown event 'asleep'"),
    ({"fault": {"says": "s", "expect": "page within 5m", "world": "dusk"}}, "unknown word 'dusk'; known: day, night"),
    ({"fault": {"says": "s", "expect": "page within 5m", "series": {"queue_deep*": "1"}}}, "the world has no such series"),
    ({"fault": {"says": "s", "expect": "page within 5m", "without": ["quue_*"]}}, "no series of that name"),
    ({"fault": {"says": "s", "expect": "page within 5m", "serie": {}}}, "fault: unknown member serie; known: "),
    ({"fault": {"says": "s", "expect": "page within 5m", "requests": [{"status": 500}]}}, "rate or slow is missing"),
    ({}, "fault is missing"),
]


@pytest.mark.parametrize("change, said", FAULTS, ids=[said for _, said in FAULTS])
def test_faults_in_a_case_are_reported(tmp_path, change, said):
    file = tmp_path / "mine.yml"
    file.write_text(yaml.safe_dump([WORLD | {"harmless": {"says": "s", "expect": "silent"}} | change]))
    done = subprocess.run([sys.executable, ROOT / "tools/score", "--corpus", tmp_path, RULES], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "mine.yml: p: " in done.stderr and said in done.stderr, done.stderr
