# SPDX-License-Identifier: Apache-2.0
"""The guides for C programmers: their code compiles, runs, and exposes what the guides show.

The ```c blocks of a page make one program, in order. A block that begins with a directive or a definition is outside of main(). Any
other block is inside, where `registry` exists. The program's output, including its exposition, has each line of the ```text blocks."""
import os
import re
import subprocess

import pytest
from support.generations import VERSIONS, promtool
from support.ports import PATIENCE, free_port, is_listening, wait_until
from support.service import BUILD, ROOT

PAGES = ROOT / "docs/library"
LIBRARIES = ["promc", "promc-exporter", "promc-push", "promc-testkit", "promc-http"]
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-misleading-indentation", "-pedantic"]
RULES = ROOT / "lib/promc/monitoring"
HEAD = """
#include <promc/promc.h>
#include <promc-exporter/exporter.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
"""
MAIN = """
int main(void)
{
    promc_registry *registry;
    char *text;
    if (promc_registry_create(&registry, NULL) < 0)
        return 1;
%s
    if (promc_scrape_string(registry, NULL, &text, NULL) < 0)
        return 1;
    fputs(text, stdout);
    free(text);
    promc_registry_destroy(registry);
    return 0;
}
"""


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.M | re.S)


def program(page):
    code = [block.replace("127.0.0.1:9464", "127.0.0.1:0") for block in blocks(page, "c")]
    if any("int main(" in block for block in code):
        return "\n".join(code)
    outside = [block for block in code if re.match(r"#|(static|struct|enum) [^;=]*[({]|static [^;=]*;", block)]
    return HEAD + "\n".join(outside) + MAIN % "\n".join(block for block in code if block not in outside)


def compiled(page, folder):
    (folder / "guide.c").write_text(program(page))
    paths = [word for name in LIBRARIES for word in (f"-I{ROOT}/lib/{name}/include", f"-L{BUILD}/lib/{name}", f"-Wl,-rpath,{BUILD}/lib/{name}")]
    done = subprocess.run(["gcc", *FLAGS, "guide.c", "-o", "guide", *paths, *(f"-l{name}" for name in LIBRARIES), "-pthread"],
                          cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "guide"


GUIDES = [path.name for path in sorted(PAGES.glob("*.md")) if blocks(path.read_text(), "c")]


def test_there_are_guides():
    assert len(GUIDES) >= 14 and {"first-metric.md", "labels.md", "prefork.md", "security.md"} <= set(GUIDES)


@pytest.mark.parametrize("name", [name for name in GUIDES if name != "first-metric.md"])
def test_a_guide_exposes_what_it_shows(name, tmp_path):
    page = (PAGES / name).read_text()
    done = subprocess.run([compiled(page, tmp_path)], cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    missing = [line for block in blocks(page, "text") for line in block.splitlines() if line not in done.stdout.splitlines()]
    assert not missing, done.stdout + done.stderr


def test_the_first_metric(tmp_path):
    """The only program that serves itself: compiled, started and scraped by the page's own commands, on another port."""
    page = (PAGES / "first-metric.md").read_text()
    address = f"127.0.0.1:{free_port()}"
    (tmp_path / "first.c").write_text("".join(blocks(page, "c")).replace("127.0.0.1:9464", address))
    compile_it, start_it, scrape_it = blocks(page, "sh")[0].replace("127.0.0.1:9464", address).splitlines()
    environment = dict(os.environ, PKG_CONFIG_PATH=str(BUILD / "meson-uninstalled"),
                       LD_LIBRARY_PATH=f"{BUILD}/lib/promc:{BUILD}/lib/promc-exporter")
    shell = {"shell": True, "cwd": tmp_path, "env": environment, "text": True}
    subprocess.run(compile_it.replace("cc ", "cc -Wall -Wextra -Werror ", 1), check=True, timeout=180, **shell)
    with subprocess.Popen(start_it, stdin=subprocess.PIPE, **shell) as running:
        wait_until("the program listens", lambda: running.poll() is None and is_listening(int(address.partition(":")[2])))
        got = subprocess.run(scrape_it.replace("curl ", f"curl -sS --max-time {PATIENCE} ", 1), capture_output=True, check=False, **shell)
        running.communicate("\n", timeout=PATIENCE)
    assert running.returncode == 0 and got.returncode == 0, got.stderr
    missing = [line for block in blocks(page, "text") for line in block.splitlines() if line not in got.stdout.splitlines()]
    assert not missing, got.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_the_rules_for_any_program(version):
    for command in (("check", "rules", "rules.yml"), ("test", "rules", "rules_test.yml")):
        done = subprocess.run([promtool(version), *command], cwd=RULES, capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_its_cases_and_its_line():
    rules, cases, page = ((RULES / "rules.yml").read_text(), (RULES / "rules_test.yml").read_text(), (PAGES / "alerts.md").read_text())
    alerts = re.findall(r"- alert: (\w+)", rules)
    assert alerts == re.findall(r"^\| (Program\w+) \|", page, re.M)
    for alert in alerts:
        of_it = re.findall(rf"alertname: {alert}\n(?P<fires>\s+exp_alerts:)?", cases)
        assert any(of_it) and not all(of_it), f"{alert}: one case that fires, and one that does not"


def test_the_rules_read_what_promc_exposes():
    source = "".join(path.read_text() for path in (ROOT / "lib/promc/src").rglob("*.c"))
    names = set(re.findall(r"\b((?:promc|process|cgroup)_\w+)", (RULES / "rules.yml").read_text()))
    assert len(names) > 10 and not [name for name in names if f'"{name}"' not in source]


def test_a_rule_that_is_wrong_is_found(tmp_path):
    """A changed number in a rule fails one of the rule tests (promtool)."""
    rules = (RULES / "rules.yml").read_text()
    (tmp_path / "rules_test.yml").write_text((RULES / "rules_test.yml").read_text())
    for old, new in (("> 0.8 ", "> 0.95 "), (">= 3 ", ">= 1 "), ("> 0.25", "> 0.6")):
        assert old in rules
        (tmp_path / "rules.yml").write_text(rules.replace(old, new))
        done = subprocess.run(["promtool", "test", "rules", "rules_test.yml"], cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode != 0, f"{old} -> {new}"
