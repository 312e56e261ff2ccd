# SPDX-License-Identifier: Apache-2.0
"""tune-alerts: it uses the shipped thresholds, and its output matches Prometheus' data."""
import importlib.machinery
import importlib.util
import json
import re
import subprocess
import sys
import time

import pytest
from stack.servers.prometheus import Prometheus
from support.alerting import shipped_rules
from support.ports import PATIENCE, free_port
from support.service import ROOT

SCRIPT = ROOT / "scripts/tune-alerts"


@pytest.fixture(scope="module")
def tune():
    loader = importlib.machinery.SourceFileLoader("tune_alerts", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tune_alerts", loader))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "tune_alerts", module)  # its dataclasses look it up
        patch.setattr(sys, "dont_write_bytecode", True)  # beside the script
        loader.exec_module(module)
        yield module


def test_thresholds_equal_the_shipped_rules(tune):
    rules = {rule["alert"]: rule for rule in shipped_rules() if "alert" in rule}
    for threshold in tune.THRESHOLDS:
        rule = rules[threshold.alert]
        plain = " ".join(rule["expr"].split())
        assert re.search(rf"> {threshold.now:g}\b", plain), (threshold.alert, plain)
        assert f"{threshold.for_minutes:g}m" == rule["for"]
        # The alert's expression begins with the same value, except for blanks.
        assert re.sub(r"\s", "", plain).startswith(re.sub(r"\s", "", threshold.expr)), threshold.alert


@pytest.mark.parametrize("value,rounded", [(0.0237, 0.024), (0.02, 0.02), (1234, 1300), (0, 0), (0.1, 0.1), (99.5, 100)])
def test_rounding(tune, value, rounded):
    assert tune.round_up(value) == pytest.approx(rounded)


def test_quantile_is_an_observed_value(tune):
    values = list(range(1, 101))
    assert (tune.quantile(values, 0.5), tune.quantile(values, 0.95), tune.quantile(values, 0.99)) == (50, 95, 99)
    assert tune.quantile([7], 0.99) == 7


@pytest.fixture
def history(tmp_path):
    """A Prometheus with two days of history, made by promtool from a file: the depth repeats 0 … 99, and p95 is 0.02 s."""
    end = int(time.time()) // 60 * 60 - 3600
    lines = ["# TYPE up gauge", "# TYPE x gauge"]
    lines = []
    for name in ('up{job="ingest-api"}', 'queue:queue_depth:max{job="ingest-api",queue="email.send"}',
                 'job_route:http_request_duration_seconds:p95_rate5m{job="ingest-api",route="/a"}'):
        for i in range(2 * 24 * 60):
            value = 1 if name.startswith("up") else i % 100 if name.startswith("queue") else 0.02
            lines.append(f"{name} {value} {end - (2 * 24 * 60 - i) * 60}")
    (tmp_path / "history.om").write_text("\n".join(lines) + "\n# EOF\n")
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", tmp_path / "history.om", tmp_path / "data"],
                   check=True, capture_output=True, timeout=PATIENCE)
    prometheus = Prometheus(tmp_path, free_port(), flags=["--storage.tsdb.retention.time=40d"])
    prometheus.configure(**{"global": {"scrape_interval": "1h"}})
    yield prometheus.start().url
    prometheus.stop()


def run(*words):
    return subprocess.run([SCRIPT, *words], capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_the_report_of_a_known_history(history):
    done = run("--prometheus", history, "--days", "3", "--step", "60", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["days_of_data"] == pytest.approx(2, abs=0.1)
    rows = {row["alert"]: row for row in answer["thresholds"]}
    depth = rows["HighQueueDepth"]
    assert depth["p50"] == pytest.approx(49, abs=2) and depth["p99"] == pytest.approx(98, abs=2) and depth["max"] == 99
    assert depth["proposal"] == pytest.approx(200, abs=10) and depth["minutes_above"] == 0
    # The proposal has a lower limit: a latency alert at 40 ms would wake people without need.
    assert rows["HighLatency"]["p99"] == pytest.approx(0.02) and rows["HighLatency"]["proposal"] == 0.05
    assert "HighMemoryUsage" not in rows

    said = run("--prometheus", history, "--days", "3").stdout
    assert "LESS THAN A WEEK" in said and re.search(r"HighQueueDepth .*<-", said) and re.search(r"HighMemoryUsage .*no data", said)


def test_no_data_and_no_prometheus(history):
    done = run("--prometheus", history, "--days", "0.001")
    assert done.returncode == 2 and "no data" in done.stderr
    done = run("--prometheus", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1 and "does not answer" in done.stderr
