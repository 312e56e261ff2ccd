# SPDX-License-Identifier: Apache-2.0
"""make help and make setup."""
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from support.service import ROOT


def make(*arguments, **kwargs):
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=180, **kwargs)


def listed(said):
    return set(re.findall(r"^  make (\S+) +\S", said.stdout, re.MULTILINE))


def test_help_is_the_default_and_shows_ten_targets():
    said = make()
    assert said.returncode == 0 and said.stdout == make("help").stdout
    assert len(listed(said)) == 10 and {"run", "demo", "test", "help-all"} <= listed(said)


def test_help_all_has_every_target_in_groups():
    said = make("help-all")
    assert said.returncode == 0 and listed(make()) < listed(said)
    assert len(re.findall(r"^[A-Z].*$", said.stdout, re.MULTILINE)) >= 5
    # Every declared target has a description.
    declared = set()
    for name in ("Makefile", "bench/bench.mk", "infra/monitoring.mk", "infra/grafana/grafana.mk", "docs/docs.mk"):
        text = (ROOT / name).read_text().replace("\\\n", " ")
        for line in re.findall(r"^\.PHONY: *(.*)$", text, re.MULTILINE):
            declared |= set(line.split())
    undescribed = {t for t in declared - listed(said) if not t.startswith("install-packages")}
    assert undescribed <= {"boards-packages"}


def test_setup_with_nothing_missing_needs_no_network():
    """Only for the groups that `make test` installs; the others may be missing."""
    setup = ["scripts/setup", "run", "cluster", "test", "lint"]
    done = subprocess.run((["unshare", "--net"] if os.geteuid() == 0 else []) + setup, cwd=ROOT,
                          capture_output=True, text=True, timeout=180)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_package_installed_later_is_found(tmp_path):
    """On a bare machine, `make test` after `make run` installs cmocka. The existing build folder is reconfigured."""
    ninja, bin, ran = tmp_path / "build" / "build.ninja", tmp_path / "bin", tmp_path / "ran"
    bin.mkdir()
    (bin / "cmake").write_text(f"#!/bin/sh\npwd >>'{ran}'\nPATH='{os.environ['PATH']}' exec cmake \"$@\"\n")
    (bin / "cmake").chmod(0o755)
    path = os.environ | {"PATH": f"{bin}:{os.environ['PATH']}"}

    def configure():
        done = subprocess.run(["make", f"BUILD={ninja.parent}", ninja], cwd=ROOT, env=path, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done
        return ninja.stat().st_mtime
    first = configure()
    # Meson lets CMake write files into the current folder. Other tests copy the checkout meanwhile.
    assert ran.exists() and str(ROOT) not in ran.read_text().splitlines()
    assert configure() == first
    installed = os.stat("/var/lib/dpkg/status").st_mtime
    os.utime(ninja, (installed - 1, installed - 1))
    assert configure() > installed


def test_setup_reports_errors_clearly(tmp_path):
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    tmp_path.chmod(0o755)
    for name in ("setup", "packages.txt"):
        shutil.copy2(ROOT / "scripts" / name, scripts)
    unknown = subprocess.run([scripts / "setup", "rum"], capture_output=True, text=True, timeout=180)
    assert unknown.returncode == 1 and '"rum"' in unknown.stderr and "run" in unknown.stderr

    (scripts / "packages.txt").write_text("bash  run  # there\nno-such-package-as-this  run  # not there\n")
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    bare = tmp_path / "bin"  # a PATH without sudo
    bare.mkdir()
    for tool in ("bash", "dirname", "dpkg-query", "sed", "sort", "comm", "xargs", "tr"):
        (bare / tool).symlink_to(shutil.which(tool, path="/usr/bin:/bin"))
    open_to_all = Path(tempfile.mkdtemp(prefix="setup-test-"))
    shutil.copytree(tmp_path, open_to_all, symlinks=True, dirs_exist_ok=True)
    try:
        open_to_all.chmod(0o755)
        done = subprocess.run(["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "/bin/bash",
                               open_to_all / "scripts/setup"], env={"PATH": str(open_to_all / "bin")},
                              capture_output=True, text=True, timeout=180)
    finally:
        shutil.rmtree(open_to_all)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "no-such-package-as-this" in done.stderr and "root" in done.stderr


def test_every_package_has_a_purpose():
    for line in (ROOT / "scripts/packages.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            assert re.fullmatch(r"[a-z0-9.+-]+ +(run|cluster|test|lint|bench|docs|bare|boards|browser|cross) +# \S.*", line), line
