# SPDX-License-Identifier: Apache-2.0
"""README's list of features: the file that a proof links to exists, and the tests that are named after the link are in it."""
import re

import pytest
from support.checkout import ROOT

HEADING = "## What promc does, and the test that proves it\n"


def features():
    section = (ROOT / "README.md").read_text().split(HEADING)[1].split("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| ")][2:]
    assert all(len(row) == 2 for row in rows), "a row is a feature and its proof"
    return [pytest.param(proof, id=re.sub(r"[*`]", "", feature).strip()[:40]) for feature, proof in rows]


@pytest.mark.parametrize("proof", features())
def test_the_proof_of_a_feature_exists(proof):
    links = re.findall(r"\[[^\]]+\]\(([^)]+)\)((?: `\w+`)*)", proof)
    assert links
    assert len(re.findall(r"`\w+`", proof)) == sum(names.count("`") // 2 for _, names in links), "a test without its file"
    for path, names in links:
        text = (ROOT / path).read_text()
        for name in re.findall(r"\w+", names):
            assert re.search(rf"\b{name}\b", text), f"{path} has no {name}"
