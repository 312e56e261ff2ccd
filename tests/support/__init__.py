# SPDX-License-Identifier: Apache-2.0
"""Helpers of the tests. Import this before `stack` (tools/stack), which starts the servers."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
