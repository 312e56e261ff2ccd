# SPDX-License-Identifier: Apache-2.0
"""Names that users depend on do not change: settings, routes, JSON members, metrics and alerts with their labels.

tests/contract/names.txt has the names of revision c95dde2. New names need no entry. A name that is gone fails here, unless
tests/contract/changed.txt has it with the words of CHANGELOG.md that say what replaces it.
"""
import pytest
from support.names import answers, written
from support.service import ROOT

CONTRACT = ROOT / "tests/contract"
KINDS = {"setting": 50, "route": 15, "parameter": 20, "body": 10, "status": 90, "answer": 80, "metric": 150, "rule": 30, "alert": 40,
         "answered": 140, "command": 15, "log": 15}


def lines(name):
    return [line for line in (CONTRACT / name).read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


PROMISED = set(lines("names.txt"))
CHANGED = dict(line.split(" => ", 1) for line in lines("changed.txt"))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return written() | answers(tmp_path_factory.mktemp("contract"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_still_exists(found, kind):
    promised = {name for name in PROMISED if name.split()[0] == kind}
    assert len(promised) >= KINDS[kind], f"names.txt has lost names of this kind: {len(promised)} are left"
    gone = sorted(promised - found - set(CHANGED))
    assert not gone, f"promised and gone: {gone}; if it must be: CHANGELOG.md, and tests/contract/changed.txt"


def test_changed_names_are_in_the_changelog(found):
    changelog = " ".join((ROOT / "CHANGELOG.md").read_text(encoding="utf-8").split())
    for name, words in CHANGED.items():
        assert name in PROMISED and name not in found, f"{name} is not gone: take it out of changed.txt"
        assert words in changelog, f"CHANGELOG.md does not say: {words}"
