# SPDX-License-Identifier: Apache-2.0
"""The supported generations of Prometheus: Debian 12's 2.42 (the installed one), Debian 13's 2.53, the newest 3.x."""
import os
import subprocess

import pytest

from .service import ROOT

# CI runs the oldest and the newest, and the slow tests only on the installed one. `make test-long` runs the rest.
VERSIONS = ["installed", pytest.param("2.53", marks=pytest.mark.long), "3"]
LONG_OTHERS = ["installed", pytest.param("2.53", marks=pytest.mark.long), pytest.param("3", marks=pytest.mark.long)]


def folder(version):
    """The folder of prometheus and promtool of a version; None for the installed one. Skip the test if that version is missing."""
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
    """From now on, every Prometheus that starts is of this version."""
    where = folder(version)
    if where and not os.access(f"{where}/prometheus", os.X_OK):
        pytest.skip(f"no prometheus {version} in the cache, but its promtool: make prometheus-newest VERSION={version}")
    if where:
        monkeypatch.setenv("PROMETHEUS_BIN", where)
    return version
