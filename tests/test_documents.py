# SPDX-License-Identifier: Apache-2.0
"""Everything that a page refers to exists: linked files and headings, make targets, commands, settings."""
import re
import subprocess

import pytest
from support.checkout import ROOT

PAGES = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()


def anchors(text):
    """The anchors of a page's headings, made as GitHub does."""
    names = set()
    for heading in re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        names.add(re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-"))
    return names


@pytest.mark.parametrize("page", PAGES)
def test_links_are_valid(page):
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", (ROOT / page).read_text(), flags=re.M | re.S)
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        file = (ROOT / page).parent / path if path else ROOT / page
        if not file.exists() or anchor and file.suffix == ".md" and anchor not in anchors(file.read_text()):
            lost.append(target)
    assert not lost


TARGETS = set(re.findall(r"^  make (\S+)", subprocess.run(["make", "help-all"], cwd=ROOT, capture_output=True, text=True, check=True).stdout, re.M))
# The files that read environment variables: ingest-api's settings, promc's, and those of the stack, the tests and the benchmarks.
READ = "\n".join((ROOT / file).read_text(errors="replace") for file in subprocess.run(
    ["git", "ls-files", "apps/ingest-api/src", "lib", "tools", "scripts", "infra", "bench", "fuzz", "tests", "Makefile", "*.mk", "packaging", ".ci"],
    cwd=ROOT, capture_output=True, text=True, check=True).stdout.split() if re.search(r"(\.(c|h|py|mk|yml|yaml|ts|mjs|js|sh|in|service)|(^|/)[a-zA-Z-]+)$", file))


# Not CHANGELOG.md: it may name things that no longer exist.
@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_commands_and_settings_exist(page):
    text = (ROOT / page).read_text()
    code = "\n".join(re.findall(r"^```.*?^```|`[^`\n]+`", text, flags=re.M | re.S))
    unknown = [f"make {name}" for name in re.findall(r"\bmake ([a-z][a-z0-9-]*)(?![a-z0-9*-])", code) if name not in TARGETS]
    for name in re.findall(r"(?<![\w./-])((?:scripts|tools|bench|fuzz|infra|docs|tests|lib|apps|examples)/[\w./-]*\w)", code):
        if not (ROOT / name).exists():
            unknown.append(name)
    for name in re.findall(r"(?<![\w-])([A-Z][A-Z0-9_]{3,})=", code):
        if not re.search(rf"\b{name}\b", READ):
            unknown.append(f"{name}=")
    assert not unknown
