# SPDX-License-Identifier: Apache-2.0
"""Hardening: how the binaries are built, which rights the systemd unit allows, and system limits that must not end the process."""
import json
import re
import resource
import shutil
import subprocess

import pytest
from support.faults import PATIENCE
from support.http import csv_rows
from support.ports import wait_until
from support.service import BINARY, BUILD, ROOT

UNIT = ROOT / "packaging/systemd/ingest-api.service"
X86 = "Advanced Micro Devices X86-64"
PROGRAMS = [BINARY, BUILD / "tools/promc/promc", BUILD / "tools/demo/demo-traffic"]


def libraries():
    return sorted(path for path in (BUILD / "lib").glob("promc*/libpromc*.so.*") if not path.is_symlink() and ".p" not in path.suffix)


def options():
    said = subprocess.run(["meson", "introspect", "--buildoptions", BUILD], capture_output=True, check=True, text=True).stdout
    return {option["name"]: option["value"] for option in json.loads(said)}


def elf(path, *words):
    return subprocess.run(["readelf", "-W", *words, path], capture_output=True, text=True, check=True).stdout


def notes(path):
    """The x86 properties that the linker has written. readelf does not know every note of Debian's libraries."""
    said = subprocess.run(["readelf", "-W", "-n", path], capture_output=True, text=True, check=False).stdout
    return said.partition(".note.gnu.property")[2].partition("Displaying")[0]


def hardening(path):
    """The hardening of a file according to readelf, as one row of a table."""
    dynamic, segments, symbols, properties = elf(path, "-d"), elf(path, "-l"), elf(path, "--dyn-syms"), notes(path)
    return {
        "pie": bool(re.search(r"Type:\s+DYN", elf(path, "-h"))),
        "relro": "GNU_RELRO" in segments and "BIND_NOW" in dynamic,
        "stack not executable": bool(re.search(r"GNU_STACK.* RW ", segments)),
        "no text relocations": "TEXTREL" not in dynamic,
        "no segment both written and run": not re.search(r"LOAD.* RWE ", segments),
        "stack protector": "__stack_chk_fail" in symbols,
        "fortify": bool(re.search(r"__\w+_chk@", symbols)),
        "shadow stack": "SHSTK" in properties,
    }


@pytest.fixture(scope="module")
def release():
    found = options()
    if found["b_sanitize"] != "none" or found["optimization"] in ("0", "g"):
        pytest.skip("a debug or sanitizer build")


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_programs(path, release):
    found = hardening(path)
    if X86 not in elf(path, "-h"):
        found.pop("shadow stack")  # x86 only
    print(path.name, found)
    assert all(found.values()), found


def test_libraries(release):
    """Without fortify and stack protector: a library may have no call to check and no array on the stack."""
    assert len(libraries()) >= 8
    for path in libraries():
        found = hardening(path)
        found.pop("fortify"), found.pop("stack protector")
        if X86 not in elf(path, "-h"):
            found.pop("shadow stack")
        assert all(found.values()), (path, found)


def test_compiler_options(release):
    """All our objects are compiled with these options, except the generators (gen_…), which run only during the build."""
    commands = [entry["command"] for entry in json.loads((BUILD / "compile_commands.json").read_text())
                if entry["file"].endswith(".c") and "/gen_" not in entry["file"]]
    assert len(commands) > 200
    for command in commands:
        assert X86 not in elf(BINARY, "-h") or "-fcf-protection=full" in command, command
        assert "-fstack-clash-protection" in command and "-fstack-protector-strong" in command and "-D_FORTIFY_SOURCE=" in command, command


# ---- systemd ----


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_the_unit_is_confined():
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", UNIT], capture_output=True, text=True, timeout=PATIENCE)
    found = re.search(r"Overall exposure level for ingest-api.service: ([0-9.]+)", done.stdout)
    assert found and float(found.group(1)) <= 2.0, done.stdout[-2000:] + done.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_the_unit_is_valid(tmp_path):
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/local/bin/ingest-api", str(BINARY)))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0 and UNIT.name not in done.stderr, done.stderr


# ---- limits ----


@pytest.mark.embedded
def test_a_file_size_limit_acts_like_a_full_disk(make_service):
    """RLIMIT_FSIZE: by default, SIGXFSZ would kill the process."""
    service = make_service()
    service.errors_allowed = True
    organisation = service.organisation()
    client = service.client(organisation)
    assert client.import_csv(csv_rows(100, tag="before")).status == 200
    pid = service.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (2 << 20, resource.RLIM_INFINITY))
    accepted = 100

    def full():
        nonlocal accepted
        answer = client.import_csv(csv_rows(2000, tag=f"n{accepted}"))
        accepted += 2000 if answer.status == 200 else 0
        return answer.status == 503 and answer.error_code == "store_full"
    wait_until("the store is full", full)
    assert client.import_csv("email\n" + "x" * (8 << 20)).status in (400, 503), "a body that needs a larger temporary file"
    assert client.get("/api/v1/prospects").status == 200, "reads must still work"
    wait_until("/health/ready says so", lambda: client.get("/health/ready").status == 503)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_until("and takes rows again", lambda: client.import_csv(csv_rows(1, tag="after")).status == 200)
    assert len(client.prospects()) == accepted + 1
    assert service.process.pid == pid


@pytest.mark.parametrize("mebibytes", [1200, 700])
def test_little_address_space(make_service, mebibytes):
    """ulimit -v: a metrics arena of 512 MiB would be refused, or leave nothing for the rest."""
    service = make_service(started=False, LOOPS=2)
    service.command = lambda: ["/usr/bin/prlimit", f"--as={mebibytes << 20}", BINARY]
    service.start()
    client = service.client(service.organisation())
    assert client.import_csv(csv_rows(500)).status == 200
    said = [line for line in service.log_lines() if "less address space" in line["msg"]]
    assert len(said) == 1 and said[0]["bytes"] < said[0]["wanted"] == 512 << 20
    assert service.metrics().total("prospects_processed_total", action="imported") == 500
