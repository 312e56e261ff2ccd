# SPDX-License-Identifier: Apache-2.0
"""The generations of Prometheus that the stack is for: Debian 12's 2.42 (the installed one), Debian 13's 2.53, the newest 3.x."""
import os
import subprocess

import pytest

from .service import ROOT

# CI has the oldest and the newest of them, and what takes long on the installed one alone: `make test-long` has the rest.
VERSIONS = ["installed", pytest.param("2.53", marks=pytest.mark.long), "3"]
LONG_OTHERS = ["installed", pytest.param("2.53", marks=pytest.mark.long), pytest.param("3", marks=pytest.mark.long)]


def folder(version):
    """The folder of prometheus and promtool of a version; None for the installed one. Skips the test if that version is missing."""
    if version == "installed":
        return None
    where = subprocess.run([ROOT / "scripts/prometheus-newest", "--where", version], capture_output=True, text=True, check=False).stdout.strip()
    if not where:
        pytest.skip(f"no prometheus {version} in the cache: make prometheus-newest VERSION={version}")
    return where


def promtool(version):
    where = folder(version)
    return f"{where}/promtool" if where else "promtool"


def use(version, monkeypatch):
    """Everything that starts a Prometheus from now on starts that one."""
    where = folder(version)
    if where and not os.access(f"{where}/prometheus", os.X_OK):
        pytest.skip(f"no prometheus {version} in the cache, but its promtool: make prometheus-newest VERSION={version}")
    if where:
        monkeypatch.setenv("PROMETHEUS_BIN", where)
    return version
