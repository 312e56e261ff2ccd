# SPDX-License-Identifier: Apache-2.0
"""scripts/bare-debian when debootstrap fails or is interrupted."""
import os
import signal
import subprocess

import pytest

from support.service import ROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make the folder")


@pytest.fixture
def bare_debian(tmp_path):
    """bare_debian(ending): run the script with a debootstrap that makes half a folder and then runs `ending`."""
    tools = tmp_path / "tools"
    tools.mkdir()

    def run(ending, *words):
        (tools / "debootstrap").write_text(f"""#!/bin/bash
shift 2
printf '%s ' "$@" >>'{tmp_path}/calls'; echo >>'{tmp_path}/calls'
[[ ! -e $2 ]] || {{ echo 'the folder is there already' >>'{tmp_path}/calls'; exit 1; }}
mkdir -p "$2/etc/apt"
{ending}
""")
        (tools / "debootstrap").chmod(0o755)
        return subprocess.run([ROOT / "scripts/bare-debian", *words], capture_output=True, text=True, timeout=180,
                              env=os.environ | {"PATH": f"{tools}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache")})
    return run


def test_a_failing_debootstrap_is_reported_as_a_skip(bare_debian, tmp_path):
    done = bare_debian("echo 'E: no such luck'; exit 1", "13", "units")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("debian13: 0 passed, 0 failed, 1 skipped\n")
    assert "E: no such luck" in done.stdout and "debian13: not tried: debootstrap does not work here" in done.stdout
    assert not (tmp_path / "cache/promc/debian13").exists()
    # The package source is that of this machine's apt.
    suite, target, source, script = (tmp_path / "calls").read_text().split()
    assert suite == "trixie" and target.startswith(str(tmp_path)) and script.startswith("/usr/share/debootstrap/scripts/")
    assert source in subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)"], capture_output=True, text=True, check=True).stdout.split()


def test_a_half_made_folder_is_not_used(bare_debian, tmp_path):
    done = bare_debian("kill -KILL $PPID", "12", "units")
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "cache/promc/debian12").exists()
    bare_debian("exit 1", "12", "units")
    calls = (tmp_path / "calls").read_text()
    assert len(calls.splitlines()) == 2 and "there already" not in calls


@pytest.mark.parametrize("words", [[], ["11"], ["13", "nothing"]])
def test_usage(bare_debian, words, tmp_path):
    done = bare_debian("exit 1", *words)
    assert done.returncode == 2 and "usage: scripts/bare-debian 12|13" in done.stderr
    assert not (tmp_path / "calls").exists()
