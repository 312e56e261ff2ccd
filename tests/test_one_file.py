# SPDX-License-Identifier: Apache-2.0
"""The library as one source and one header passes the unit tests that use only its API."""
import os
import re
import shutil
import subprocess
import urllib.request

import pytest
from support.commands import run
from support.ports import PATIENCE
from support.service import BUILD, ROOT

TESTS = ROOT / "lib/promc/tests"
COMPILERS = ["gcc", "clang", "musl-gcc"]
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1"]
LINK = ["-pthread", "-lm"]
PROGRAM = """
#include "promc_exporter.h"
#include <stdio.h>
int main(void)
{
    promc_family *jobs;
    promc_exporter *exporter = promc_exporter_start("127.0.0.1:0");
    if (exporter == NULL || promc_counter_register(promc_exporter_registry(exporter),
            &(promc_family_settings){.name = "jobs_total", .labels = {"queue"}}, &jobs) < 0) {
        fprintf(stderr, "%s\\n", promc_error_detail());
        return 1;
    }
    promc_counter_inc(promc_counter_with(jobs, "mail"));
    printf("%u\\n", promc_exporter_port(exporter));
    fflush(stdout);
    getchar();
    promc_exporter_stop(exporter);
    return 0;
}
"""


def public_tests():
    """The unit tests that include only public headers of promc."""
    return sorted(path for path in TESTS.glob("test_*.c") if all((TESTS / name).is_file() for name in re.findall(r'#include "([^"]+)"', path.read_text())))


@pytest.fixture(scope="module", params=COMPILERS)
def compiled(request, tmp_path_factory):
    cc = request.param
    if not shutil.which(cc):
        pytest.skip(f"{cc} is not installed")
    folder = tmp_path_factory.mktemp(cc)
    run(ROOT / "scripts/one-file", folder, cwd=ROOT)
    for name in ("promc", "promc_exporter"):
        run(cc, *STRICT, "-c", f"{name}.c", cwd=folder)
    return cc, folder


def test_a_program_with_its_metrics_page(compiled):
    cc, folder = compiled
    (folder / "program.c").write_text(PROGRAM)
    run(cc, *STRICT, "program.c", "promc.o", "promc_exporter.o", *LINK, "-o", "program", cwd=folder)
    with subprocess.Popen([folder / "program"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        with urllib.request.urlopen(f"http://127.0.0.1:{int(program.stdout.readline())}/metrics", timeout=PATIENCE) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert 'jobs_total{queue="mail"} 1\n' in answer.read().decode()
        program.stdin.close()
        assert program.wait(PATIENCE) == 0
    # No exported name can clash with a program's own.
    names = {line.split()[-1] for line in run("nm", "--defined-only", "--extern-only", "promc.o", "promc_exporter.o", cwd=folder).splitlines() if len(line.split()) == 3}
    assert {name for name in names if not name.startswith("promc_")} == set()


@pytest.mark.parametrize("compiled", ["gcc", pytest.param("clang", marks=pytest.mark.long)], indirect=True)  # no cmocka for musl
def test_the_unit_tests(compiled):
    cc, folder = compiled
    tests = public_tests()
    assert len(tests) >= 12
    (folder / "promc").mkdir()
    for header in (ROOT / "lib/promc/include/promc").glob("*.h"):
        (folder / "promc" / header.name).write_text('#include "../promc.h"\n')
    for test in tests:
        name = folder / test.stem
        run(cc, "-std=gnu11", "-D_GNU_SOURCE", "-O1", f'-DPROMC_TESTS_DIR="{TESTS}"', f"-I{folder}", f"-I{TESTS}", test, "promc.o", *LINK, "-lcmocka", "-o", name, cwd=folder)
        run(name, cwd=folder)


def test_a_build_folder_gives_the_same_files(compiled, tmp_path):
    run(ROOT / "scripts/one-file", tmp_path, BUILD, cwd=ROOT)
    for name in ("promc.h", "promc.c", "promc_exporter.h", "promc_exporter.c"):
        assert (tmp_path / name).read_bytes() == (compiled[1] / name).read_bytes(), name


def test_a_missing_table_is_reported(tmp_path):
    done = subprocess.run([ROOT / "scripts/one-file", tmp_path / "out", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"one-file: pow10_table.h is not in {tmp_path}: make build\n"
    done = subprocess.run([ROOT / "scripts/one-file", tmp_path / "out"], capture_output=True, text=True, check=False, env=os.environ | {"CC": "/none/cc"})
    assert done.returncode == 1 and done.stderr.startswith("one-file: pow10_table.h cannot be computed: ")
    assert os.access(ROOT / "scripts/one-file", os.X_OK)
