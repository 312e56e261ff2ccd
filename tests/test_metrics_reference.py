# SPDX-License-Identifier: Apache-2.0
"""docs/service/metrics.md and metrics.json equal the output of `ingest-api metrics`, and contain every family that a server exposes."""
import json
import subprocess
import urllib.request

import pytest

from support.ports import PATIENCE
from support.service import BINARY, ROOT


def printed(*args):
    return subprocess.run([BINARY, "metrics", *args], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("name, args", [("metrics.md", []), ("metrics.json", ["--json"])])
def test_the_reference_is_up_to_date(name, args):
    file = ROOT / "docs" / "service" / name
    assert file.read_text() == printed(*args), f"regenerate it: ingest-api metrics {' '.join(args)} > docs/service/{name}"


def test_every_family_that_is_exposed_is_in_the_reference(service):
    reference = {family["name"]: family for family in json.loads(printed("--json"))}
    with urllib.request.urlopen(f"{service.url}/metrics", timeout=PATIENCE) as answer:
        lines = answer.read().decode().splitlines()
    exposed = dict(line.split()[2:4] for line in lines if line.startswith("# TYPE "))
    assert len(exposed) > 50
    for name, kind in exposed.items():
        if not name.startswith("cgroup_"):
            assert reference[name]["type"] == kind, name


def test_an_unknown_argument_is_refused():
    run = subprocess.run([BINARY, "metrics", "--yaml"], capture_output=True, text=True)
    assert run.returncode == 2 and "--yaml" in run.stderr and run.stdout == ""
