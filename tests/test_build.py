# SPDX-License-Identifier: Apache-2.0
"""meson setup without optional dependencies: it reports what it leaves out, and the rest builds."""
import json
import os
import re
import subprocess

import pytest

from support.service import ROOT

# The parts that need a library. promc-exporter needs none.
PARTS = {"push", "uv", "pq", "sqlite", "amqp"}


def configure(folder, *options, **environment):
    # cwd: Meson's CMake module writes into the current folder
    return subprocess.run(["meson", "setup", folder / "build", ROOT, *options], cwd=folder, env=os.environ | environment, capture_output=True,
                          text=True, timeout=1800)  # it compiles, which takes minutes on a busy machine


def left_out(said):
    """The section "Left out" of the summary: {part: reason}."""
    section = said.partition("Left out\n")[2].partition("\n\n")[0]
    return dict(re.split(r" *: ", line.strip(), maxsplit=1) for line in section.splitlines())


def packages_of_the_project():
    lines = (ROOT / "scripts/packages.txt").read_text().splitlines()
    return {line.split()[0] for line in lines if line and not line.startswith("#")}


@pytest.fixture
def bare(tmp_path):
    """configure() as on a machine without development packages: pkg-config finds none, and there is no CMake."""
    (tmp_path / "native.ini").write_text("[binaries]\ncmake = '/none/cmake'\n")
    return lambda *options: configure(tmp_path, f"--native-file={tmp_path}/native.ini", *options, PKG_CONFIG_LIBDIR="/none")


def test_the_summary_names_the_missing_packages(bare):
    done = bare("-Dcmake=disabled")
    assert done.returncode == 0, done.stdout + done.stderr
    said = left_out(done.stdout)
    assert {f"promc-{part}" for part in PARTS} | {"TLS in promc-exporter", "unit tests", "ingest-api", "demo-traffic"} <= set(said)
    assert said.pop("the CMake package") == "switched off by -Dcmake=disabled"
    for part, reason in said.items():
        assert reason.startswith("apt-get install "), (part, reason)
        assert set(reason.split()[2:]) <= packages_of_the_project(), (part, reason)


def test_with_all_dependencies_nothing_is_left_out(tmp_path):
    done = configure(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not left_out(done.stdout)
    # A newer compiler may have new warnings. They must not break a user's build, so werror is off by default.
    options = json.loads(subprocess.run(["meson", "introspect", "--buildoptions", tmp_path / "build"], capture_output=True, check=True).stdout)
    assert next(o for o in options if o["name"] == "werror")["value"] is False


def test_the_core_builds_with_all_features_off(tmp_path):
    done = configure(tmp_path, "-Dauto_features=disabled")
    assert done.returncode == 0, done.stdout + done.stderr
    said = left_out(done.stdout)
    for part in PARTS | {"exporter"}:
        assert said[f"promc-{part}"] == f"switched off by -D{part}=disabled"
    built = subprocess.run(["ninja", "-C", tmp_path / "build", "--quiet"], capture_output=True, text=True, timeout=1800)
    assert built.returncode == 0, built.stdout
    linked = subprocess.run(["ldd", tmp_path / "build/tools/promc/promc"], capture_output=True, text=True, check=True).stdout
    assert {line.split()[0].split(".so")[0] for line in linked.splitlines()} <= {"linux-vdso", "libpromc", "libm", "libc", "/lib64/ld-linux-x86-64",
                                                                                "/lib/ld-linux-aarch64"}


@pytest.mark.parametrize("where, names", [("lib/promc/tests", "promc_tests_without_threads"), ("apps/ingest-api/tests", "ingest_tests_without_threads")])
def test_tests_without_thread_sanitizer_start_no_thread(where, names):
    """No listed test starts a thread, neither directly nor by store_fixture.h (the store's pool has threads)."""
    listed = re.search(rf"^{names} = \[(.*?)^\]", (ROOT / where / "meson.build").read_text(), re.M | re.S)[1]
    topics = re.findall(r"'(\w+)'", listed)
    assert len(topics) > 10
    threaded = [topic for topic in topics if re.search(r"\b(pthread|thrd)_create\b|store_fixture\.h", (ROOT / where / f"test_{topic}.c").read_text())]
    assert not threaded


# gzip is not here: Meson finds zlib without pkg-config.
@pytest.mark.parametrize("part", sorted(PARTS | {"exporter_tls"}))
def test_a_requested_part_without_its_library_is_an_error(part, bare):
    done = bare("-Dauto_features=disabled", "-Dexporter=enabled", f"-D{part}=enabled")
    assert done.returncode != 0 and "ERROR: Dependency" in done.stdout
