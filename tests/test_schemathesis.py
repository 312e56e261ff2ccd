# SPDX-License-Identifier: Apache-2.0
"""schemathesis finds no faults: it makes thousands of valid and invalid requests from docs/openapi.yaml and checks each answer.

`make check-openapi` gives it ten minutes. Without OPENAPI_SECONDS it is skipped, because its result depends on the time. It is the
project's only package from PyPI and is kept in a cache; without PyPI it is skipped. CI does not run it.
"""
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.service import ROOT

VERSION = "4.32.5"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "promc/schemathesis" / VERSION
SECONDS = int(os.environ.get("OPENAPI_SECONDS", 0))


def installed():
    """Path of `st`, or None without PyPI."""
    st = CACHE / "bin/st"
    if not st.exists():
        made = [subprocess.run(command, capture_output=True, text=True) for command in (
            [sys.executable, "-m", "venv", CACHE], [CACHE / "bin/pip", "install", "--quiet", f"schemathesis=={VERSION}"])]
        if any(step.returncode for step in made):
            return None
    return st


@pytest.mark.slow
@pytest.mark.skipif(not SECONDS, reason="needs time and PyPI: make check-openapi")
def test_schemathesis_finds_nothing(make_service):
    st = installed()
    if st is None:
        pytest.skip(f"schemathesis {VERSION} cannot be installed from PyPI")
    service = make_service()
    key = service.organisation().key
    found = subprocess.run([st, "run", ROOT / "docs/openapi.yaml", "--url", f"http://127.0.0.1:{service.port}",
                            "--header", f"Authorization: Bearer {key}", "--checks", "all", "--max-time", str(SECONDS),
                            "--continue-on-failure", "--generation-database", "none", "--no-color"],
                           cwd=ROOT, capture_output=True, text=True)  # schemathesis.toml is read from there
    print(found.stdout)
    assert found.returncode == 0, found.stdout[-20000:] + found.stderr[-5000:]
