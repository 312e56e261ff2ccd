# SPDX-License-Identifier: Apache-2.0
"""What the tests share. Imported before `stack`, tools/stack, which starts their servers."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
