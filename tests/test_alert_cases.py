# SPDX-License-Identifier: Apache-2.0
"""Situations from outside, and which alerts must fire or stay silent in each: ../shared/alert-cases. `make score` has more, our own."""
import re

import pytest
from support.commands import run
from support.generations import LONG_OTHERS, promtool
from support.service import ROOT

CASES = ROOT.parent / "shared/alert-cases"
A_WEEK = "c17-the-week-after-a-load-test"  # takes three minutes


@pytest.mark.slow
@pytest.mark.skipif(not CASES.exists(), reason="../shared/alert-cases is not there")
@pytest.mark.parametrize("cases", [f"(?!{A_WEEK})", pytest.param(A_WEEK, marks=pytest.mark.long)], ids=["hours", "week"])
@pytest.mark.parametrize("version", LONG_OTHERS)
def test_alerts(version, cases):
    said = run(CASES / "run", ROOT / "infra/prometheus/rules", promtool(version), "--only", f"^{cases}")
    assert re.search(r"^[1-9]\d* passed, 0 failed\n\Z", said, re.MULTILINE), said
