# SPDX-License-Identifier: Apache-2.0
"""A program and a libpromc.so of different versions with the same soname: the rules of promc/version.h.

The newer promc is made from this one: it has one more setting (a reserved word gets a name) and one more member in a returned struct.
"""
import os
import re
import shutil
import subprocess

import pytest
from support.commands import meson_setup, run
from support.service import BUILD, ROOT

PROGRAM = r"""
#include <promc/promc.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    struct { promc_registry_stats stats; unsigned char after[64]; } got;
    struct { promc_family_description is; unsigned char after[64]; } described;
    promc_registry *registry;
    promc_family *family;
    promc_counter counter;
    int rc = promc_registry_create(&registry, NULL);
    if (rc == 0)
        rc = promc_counter_register(registry, &(promc_family_settings){.name = "jobs_total", .help = "Jobs." SETTING}, &family);
    if (rc < 0)
        return printf("register %d: %s\n", rc, promc_error_detail()), 3;
    if (promc_counter_get(family, NULL, &counter) < 0)
        return 1;
    promc_counter_inc(counter);
    memset(&got, 0xaa, sizeof got);
    rc = promc_registry_get_stats(registry, &got.stats, sizeof got.stats);
    if (rc < 0)
        return printf("stats %d: %s; %zu\n", rc, promc_error_detail(), got.stats.arena_bytes), 4;
    memset(&described, 0xaa, sizeof described);
    rc = promc_family_describe(family, &described.is, sizeof described.is);
    if (rc < 0)
        return printf("describe %d: %s\n", rc, promc_error_detail()), 5;
    for (int i = 0; i < 64; i++)
        if (got.after[i] != 0xaa || described.after[i] != 0xaa)
            return printf("written past the end\n"), 6;
    printf("compiled for %s, runs with %s: %s %zu %g\n", PROMC_VERSION_STRING, promc_version_string(), described.is.name,
           got.stats.arena_bytes, promc_counter_value(counter));
    return (PROMC_VERSION > promc_version()) * 2;
}
"""
VERSION = re.search(r"^  version: '(.*)'", (ROOT / "meson.build").read_text(), re.M)[1]
MINOR = int(VERSION.split(".")[1])
NEXT = f"{VERSION.split('.')[0]}.{MINOR + 1}.0"
SOURCES = ("lib", "apps", "tools", "packaging", "fuzz", "scripts", "infra/grafana/dashboards/promc.json")  # what Meson always reads

# (header, text now, text in the newer promc)
GROWN = [
    ("version.h", r"#define PROMC_VERSION_MINOR \d+", f"#define PROMC_VERSION_MINOR {MINOR + 1}"),
    ("family.h", r"uint64_t reserved\[1\];\n(} promc_family_settings;)", r"uint64_t of_later;\n    uint64_t reserved[0];\n\1"),
    ("registry.h", r"\n} promc_registry_stats;", r"\n    uint64_t one_more;\n} promc_registry_stats;"),
    ("describe.h", r"\n} promc_family_description;", r"\n    uint64_t one_more;\n} promc_family_description;"),
]


def build(source, folder):
    """Build libpromc.so from these sources. Return its folder."""
    meson_setup(folder, source, "-Dapps=disabled", "-Dtests=disabled", "-Dbuildtype=plain")
    names = [name for name in run("ninja", "-C", folder, "-t", "targets", "all").splitlines()
             if re.match(r"lib/promc/libpromc\.so\.[\d.]+: c_LINKER", name)]
    run("ninja", "-C", folder, names[0].partition(":")[0])
    return folder / "lib/promc"


def grow(header, name):
    """Change a header to that of the newer promc."""
    for file, was, becomes in GROWN:
        if file == name:
            header, n = re.subn(was, becomes, header)
            assert n == 1, f"{name} has changed; adapt GROWN: {was}"
    return header


@pytest.fixture(scope="module")
def promcs(tmp_path_factory):
    """{"now": (headers, libraries), "next": …}"""
    folder = tmp_path_factory.mktemp("versions")
    younger = folder / "source"
    for name in run("git", "ls-files", "-z", "meson*", *SOURCES, cwd=ROOT).split("\0"):
        if name and (ROOT / name).is_file():
            (younger / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, younger / name)
    (younger / "meson.build").write_text((ROOT / "meson.build").read_text().replace(f"version: '{VERSION}'", f"version: '{NEXT}'"))
    headers = younger / "lib/promc/include/promc"
    for name in {file for file, _, _ in GROWN}:
        (headers / name).write_text(grow((headers / name).read_text(), name))
    return {"now": (ROOT / "lib/promc/include", BUILD / "lib/promc"),
            "next": (headers.parent, build(younger, folder / "next"))}


def start(promcs, tmp_path, compiled, runs, setting=""):
    """Run the program, compiled for one version, with the library of the other: (status, output)."""
    (tmp_path / "program.c").write_text(PROGRAM)
    headers, libraries = promcs[compiled]
    soname = next(path for path in libraries.glob("libpromc.so.?") if path.exists())  # the link of an earlier major version dangles
    run("gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", f"-I{headers}", f'-DSETTING={setting}', tmp_path / "program.c", "-o",
        tmp_path / "program", soname)
    done = subprocess.run([tmp_path / "program"], env=dict(os.environ, LD_LIBRARY_PATH=str(promcs[runs][1])), capture_output=True, text=True,
                          timeout=180)
    return done.returncode, done.stdout.strip()


def test_same_version(promcs, tmp_path):
    assert start(promcs, tmp_path, "now", "now") == (0, f"compiled for {VERSION}, runs with {VERSION}: jobs_total 67108864 1")
    for setting in ("", ", .of_later = 1"):
        assert start(promcs, tmp_path, "next", "next", setting) == (0, f"compiled for {NEXT}, runs with {NEXT}: jobs_total 67108864 1")


def test_an_old_program_runs_with_a_newer_library(promcs, tmp_path):
    assert start(promcs, tmp_path, "now", "next") == (0, f"compiled for {VERSION}, runs with {NEXT}: jobs_total 67108864 1")


def test_a_new_program_gets_an_error_from_an_older_library(promcs, tmp_path):
    """The old library lacks the new setting. It says so, with the struct's name."""
    status, said = start(promcs, tmp_path, "next", "now", ", .of_later = 1")
    assert (status, said) == (3, "register -18: promc_family_settings: reserved word 0 is not zero: the struct was not zeroed, or the "
                                 f"program was compiled for a newer promc than this {VERSION}")
    status, said = start(promcs, tmp_path, "next", "now")
    assert status == 4 and re.fullmatch(r"stats -18: promc_registry_stats: \d+ bytes, only \d+ are known here: the program was compiled "
                                        rf"for a newer promc than this {VERSION}; 0", said), said
