# SPDX-License-Identifier: Apache-2.0
"""The cost of metrics for a request in instructions, counted by callgrind: independent of the machine's load."""
import shutil
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import pytest

from support.ports import free_port
from support.service import BINARY, ROOT

AT_MOST = {"a path that no route has": 650,  # HTTP's alone
           "GET one prospect": 800}          # and those of three statements and of waiting for a connection


def test_metrics_cost_a_request_little():
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    loader = SourceFileLoader("instructions_request", str(ROOT / "bench/instructions/request"))
    bench = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(bench)
    cost = {name: of_it for name, (_, of_it) in bench.measure(BINARY, free_port()).items()}
    assert cost.keys() == AT_MOST.keys()
    assert all(300 < cost[name] <= most for name, most in AT_MOST.items()), cost
