# SPDX-License-Identifier: Apache-2.0
"""docs/library/features.md: the linked file of each proof exists and contains the tests named after the link."""
import re

import pytest
from support.checkout import ROOT

PAGE = ROOT / "docs/library/features.md"


def features():
    rows = [line.strip("|").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    rows = [row for row in rows if row[-1].strip() not in ("proof", "---")]
    assert all(len(row) == 2 for row in rows), "a row needs two cells: feature and proof"
    return [pytest.param(proof, id=re.sub(r"[*`]", "", feature).strip()[:40]) for feature, proof in rows]


@pytest.mark.parametrize("proof", features())
def test_the_proof_of_a_feature_exists(proof):
    links = re.findall(r"\[[^\]]+\]\(([^)]+)\)((?: `\w+`)*)", proof)
    assert links
    assert len(re.findall(r"`\w+`", proof)) == sum(names.count("`") // 2 for _, names in links), "a test name without a linked file"
    for path, names in links:
        text = (PAGE.parent / path).read_text()
        for name in re.findall(r"\w+", names):
            assert re.search(rf"\b{name}\b", text), f"{path} has no {name}"
