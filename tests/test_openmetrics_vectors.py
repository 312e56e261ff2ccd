# SPDX-License-Identifier: Apache-2.0
"""The testkit's strict OpenMetrics parser: the official test vectors, and a comparison with Python's parser on random mutations.

For other mutations: VECTORS_SEED=n VECTORS_ROUNDS=n pytest tests/test_openmetrics_vectors.py."""
import os
import random
import re
import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from support.service import BUILD, ROOT

VECTORS = ROOT.parent / "shared/openmetrics-vectors"
CHECK = BUILD / "lib/promc-testkit/check-exposition"
SEED = int(os.environ.get("VECTORS_SEED", 1))
ROUNDS = int(os.environ.get("VECTORS_ROUNDS", 5000))

# Reasons to refuse what Python's parser accepts, see promc/testkit.h. The last five: Python splits lines less strictly.
STRICTER = re.compile(
    "is repeated|bucket bounds are not ascending|is not a number|neither a timestamp nor an exemplar|a NUL byte in a number"
    "|carriage return|a backslash at the end|le is not a number"
    "|a comment is not allowed|one space is expected|no closing quote|, or } is expected|a label name is expected")
# Errors of Python's parser on valid input: it fails on timestamps in two spellings, orders fractions below and above zero wrongly, and
# takes a } inside an exemplar's label for the end of the labels.
TRIPS = re.compile("TypeError|AttributeError|Timestamps went backwards|Invalid line: .*# {.*}.*}")
SEEDS = [
    b"# TYPE a counter\n# HELP a help\na_total 1 # {b=\"c\"} 0.5 1\na_created 1\n# EOF\n",
    b"# TYPE a histogram\na_bucket{le=\"1.0\"} 1\na_bucket{le=\"+Inf\"} 2\na_count 2\na_sum 3\n# TYPE b_s gauge\n# UNIT b_s s\nb_s 1 2\n# EOF\n",
    b"# TYPE a summary\na{quantile=\"0.5\"} 1\na_count 1\na_sum 1\n# TYPE b stateset\nb{b=\"x\"} 1\nb{b=\"y\"} 0\n# TYPE c info\nc_info 1\n# EOF\n",
]


def check(texts):
    """The testkit's answer for each text: None, or why it is refused."""
    frames = b"".join(b"%d\n%s" % (len(text), text) for text in texts)
    run = subprocess.run([CHECK, "openmetrics"], input=frames, capture_output=True, check=True)
    answers = run.stdout.decode(errors="replace").split("\n")[:-1]
    assert len(answers) == len(texts)
    return [None if answer == "accepted" else answer for answer in answers]


def python(text):
    try:
        list(text_string_to_metric_families(text.decode()))
    except UnicodeDecodeError:
        return "not UTF-8"
    except Exception as fault:  # for some faults it raises an unrelated exception
        return f"{type(fault).__name__} {fault}"
    return None


def vectors():
    return sorted(VECTORS.glob("*.txt"))


def test_official_vectors():
    if not vectors():
        pytest.skip(f"{VECTORS} is not there")
    said = dict(zip(vectors(), check([path.read_bytes() for path in vectors()])))
    wrong = {path.name: why for path, why in said.items() if path.name.startswith("bad") != (why is not None)}
    assert len(said) > 100 and not wrong


def changed(rng, text):
    """Make one to three changes: bytes or lines are removed, doubled, swapped, or inserted."""
    pieces = [b'"', b"{", b"}", b",", b" ", b"\n", b"#", b"\\", b"# EOF\n", b"_total", b"_bucket", b"_sum", b"_count", b"_created",
              b'le="+Inf"', b'quantile="0.5"', b"-1", b"NaN", b"+Inf", b"0", b"1.5", b"1e3", b" 1", b" 2", b"a", b"=", b"_", b".",
              b"# TYPE a histogram\n", b"# TYPE a summary\n", b"# UNIT a_s s\n", b' # {a="b"} 1', b'{a="1"}', b"\xc3\xa9", b"\x00"]
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text) + 1)
        to = min(len(text), at + rng.randint(1, 8))
        kind = rng.randrange(6)
        lines = text.splitlines(keepends=True)
        if kind == 0:
            text = text[:at] + text[to:]
        elif kind == 1:
            text = text[:at] + rng.choice(pieces) + text[at:]
        elif kind == 2:
            text = text[:at] + rng.choice(pieces) + text[to:]
        elif kind == 3 and lines:
            lines.insert(rng.randrange(len(lines)), rng.choice(lines))
            text = b"".join(lines)
        elif kind == 4 and len(lines) > 1:
            i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines[i], lines[j] = lines[j], lines[i]
            text = b"".join(lines)
        elif lines:
            del lines[rng.randrange(len(lines))]
            text = b"".join(lines)
    return text


def test_against_the_parser_of_python():
    rng = random.Random(SEED)
    seeds = SEEDS + [path.read_bytes() for path in vectors()]
    texts = [changed(rng, rng.choice(seeds)) for _ in range(ROUNDS)]
    accepted, faults = 0, []
    for text, ours in zip(texts, check(texts)):
        theirs = python(text)
        accepted += ours is None
        if (ours is None) != (theirs is None) and not (TRIPS.search(theirs) if ours is None else STRICTER.search(ours)):
            faults.append(f"here: {ours}\nthere: {theirs}\n{text!r}")
    assert accepted > ROUNDS / 50  # otherwise too little was compared
    assert not faults, f"seed {SEED}:\n" + "\n".join(faults[:5])
