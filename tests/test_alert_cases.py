# SPDX-License-Identifier: Apache-2.0
"""Situations from outside, and which alerts must fire or stay silent in each: ../shared/alert-cases. `make score` has many more of our own."""
import re

import pytest
import yaml
from support.commands import run
from support.generations import promtool
from support.service import ROOT

CASES = ROOT.parent / "shared/alert-cases"
FILE = CASES / "cases.yml"
WEEKS = {"c17-the-week-after-a-load-test"}  # takes minutes


def cases():
    if not FILE.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="../shared/alert-cases is not there"))]
    return [pytest.param(case, id=case["id"], marks=[pytest.mark.slow] if case["id"] in WEEKS else [])
            for case in yaml.safe_load(FILE.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("case", cases())
def test_alerts(case):
    tool = promtool("3" if case.get("promtool") else "installed")
    said = run(CASES / "run", ROOT / "infra/prometheus/rules", tool, "--only", f"^{re.escape(case['id'])}$")
    assert said == f"{case['id']}: as expected\n1 passed, 0 failed\n"
