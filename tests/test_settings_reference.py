# SPDX-License-Identifier: Apache-2.0
"""docs/service/settings.md and --help have every setting of the program, with default and bounds."""
import re
import subprocess

import pytest
from support.service import BINARY, ROOT

SOURCE = (ROOT / "apps/ingest-api/src/base/settings.c").read_text()
SIZES = {"KIB": 1 << 10, "MIB": 1 << 20}
HELP = subprocess.run([BINARY, "--help"], capture_output=True, text=True, check=True, timeout=180).stdout if BINARY.exists() else ""


def number(text):
    """The value of an expression in the table, such as 16 * KIB."""
    product = 1
    for word in text.split("*"):
        word = word.strip()
        product *= SIZES.get(word) or int(word)
    return product


NUMBERS = {name: [number(value) for value in values.split(",")]
           for name, values in re.findall(r'\{"([A-Z_]+)", NUMBER_\w+, FIELD\(\w+\), ([^}]*)\}', SOURCE)}
STRINGS = {name: (default, secret == "true")
           for name, default, secret in re.findall(r'\{"([A-Z_]+)", TEXT\(\w+\), "([^"]*)", (\w+)\}', SOURCE)}
OTHERS = set(re.findall(r'getenv\("([A-Z_]+)"\)', SOURCE)) | {"PROMC_OVERRIDES"}
DOCUMENTED = {cells[0].strip("`"): cells[1:] for cells in
              ([cell.strip() for cell in line.strip("|").split("|")] for line in (ROOT / "docs/service/settings.md").read_text().splitlines()
               if line.startswith("| `"))}


def test_the_page_has_exactly_the_settings():
    assert len(NUMBERS) > 15 and len(STRINGS) > 15 and OTHERS >= {"ROLE", "LOG_LEVEL", "SMTP_STARTTLS"}
    assert set(DOCUMENTED) == set(NUMBERS) | set(STRINGS) | OTHERS


@pytest.mark.parametrize("name", NUMBERS)
def test_number(name):
    low, high, default = NUMBERS[name]
    said, allowed, unit, meaning = DOCUMENTED[name]
    assert allowed == f"{low} … {high}" and meaning
    assert said == (f"`{default}`" if default else "`0`" if low == 0 else "one per core")
    # Only a port or a switch has no unit.
    assert unit or name in ("PORT", "METRICS_ENABLED", "CONFINE")


@pytest.mark.parametrize("name", STRINGS)
def test_string(name):
    default, secret = STRINGS[name]
    said, _, unit, meaning = DOCUMENTED[name]
    assert said == f"`{default}`" if default else said in ("none", "the system's", "the URL's")
    assert (unit == "secret") == secret and meaning


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_help(name):
    assert re.search(rf"(?<!\w){name}(?!\w)", HELP), HELP
    if name in NUMBERS and NUMBERS[name][2]:
        assert re.search(rf"(?<!\w){name} \[{NUMBERS[name][2]}\b", HELP), HELP
