# SPDX-License-Identifier: Apache-2.0
"""Our dashboard lint (infra/grafana/generate/lint.mjs): each rule reports a dashboard that breaks it."""
import json
import shutil
import subprocess

import pytest
from support.ports import PATIENCE
from support.service import ROOT

LINT = ROOT / "infra/grafana/generate/lint.mjs"
BOARDS = ROOT / "infra/grafana/dashboards"
SELECTED = '{job=~"$job", instance=~"$instance"}'
pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="node is not installed (scripts/setup boards)")


def lint(*arguments):
    return subprocess.run(["node", LINT, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)


def first_graph(board):
    return next(panel for panel in board["panels"] if panel["type"] == "timeseries")


def query(expr, unit="short"):
    def change(board):
        panel = first_graph(board)
        panel["targets"] = [panel["targets"][0] | {"expr": expr}]
        panel["fieldConfig"]["defaults"]["unit"] = unit
    return change


def two_kinds(board):
    """Seconds and time-outs per second on one axis."""
    panel = first_graph(board)
    panel["fieldConfig"]["defaults"]["unit"] = "s"
    exprs = (f"max(queue_oldest_message_age_seconds{SELECTED})",
             f"sum(rate(db_connection_pool_acquire_timeouts_total{SELECTED}[$__rate_interval]))")
    panel["targets"] = [panel["targets"][0] | {"expr": expr, "refId": ref} for expr, ref in zip(exprs, "AB")]


def everything(board):
    next(v for v in board["templating"]["list"] if v["name"] == "job")["allValue"] = ".+"


def test_the_boards_are_clean():
    done = lint()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("change, fault", [
    (two_kinds, 'house-one-axis: values are of the kind "rate", the axis is "s"'),
    (query(f"sum(queue_depth{SELECTED})", "s"), 'house-one-axis: values are of the kind "count"'),
    (query(f"sum(increase(http_requests_total{SELECTED}[30d]))"), "house-range: a panel must not read [30d]"),
    (query(f"sum(increase(http_requests_total{SELECTED}[$__range]))"), "house-range: a panel must not read [$__range]"),
    (query(f"max_over_time(sum(queue_depth{SELECTED})[1d:5m])"), "house-range: a panel must not read [1d]"),
    (query('job:nobody_records_this:rate5m{job=~"$job"}'), "no rule records job:nobody_records_this:rate5m"),
    (query(f"histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket{SELECTED}[$__rate_interval])))", "s"),
     "house-histogram: http_request_duration_seconds_bucket is read without http_request_duration_seconds"),
    (everything, "house-job: All of a board about programs of one kind"),
], ids=["seconds and counts", "unit of another kind", "30 days", "the chosen range", "subquery", "not recorded", "only classic", "every job"])
def test_a_fault_is_found(tmp_path, change, fault):
    board = json.loads((BOARDS / "ingest-api.json").read_text())
    change(board)
    path = tmp_path / "ingest-api.json"
    path.write_text(json.dumps(board))
    done = lint(path)
    assert done.returncode == 1 and fault in done.stderr, done.stderr
