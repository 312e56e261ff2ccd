# SPDX-License-Identifier: Apache-2.0
"""Packaging: manual pages from the headers, the software bill of materials, and a package for every library."""
import hashlib
import json
import re
import shutil
import subprocess

import pytest
from support.commands import run
from support.service import BUILD, ROOT

MESON = (ROOT / "meson.build").read_text()
VERSION = re.search(r"^  version: '(.*)'", MESON, re.M)[1]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("man") / "man3"
    headers = [path for pattern in ("promc*/include/promc*/*.h", "prom-compat/include/*.h") for path in ROOT.glob(f"lib/{pattern}")]
    run(ROOT / "scripts/man-pages", f"--version={VERSION}", folder, *sorted(headers))
    return folder


def libraries():
    return sorted(path for path in BUILD.glob("lib/*/lib*.so"))


def test_every_function_has_a_manual_page(pages):
    """Every function that is exported and declared in a public header. A symbol that only a macro uses has no page."""
    declared = "".join(path.read_text() for path in ROOT.glob("lib/*/include/**/*.h"))
    for library in libraries():
        for line in run("nm", "-D", "--defined-only", library).splitlines():
            symbol = line.split()[-1].split("@")[0]
            if line.split()[1] == "T" and re.search(rf"_API [^;#]*?\b{symbol}\(", declared):
                assert (pages / f"{symbol}.3").exists(), f"{library.name}: {symbol}"


def test_manual_pages_match_the_headers(pages):
    counter = (pages / "promc_counter.h.3").read_text()
    assert "promc_counter_inc" in counter.split(".SH SYNOPSIS")[0]
    assert ".SS promc_counter_add()\n" in counter and "Negative numbers, NaN and infinities are refused" in counter
    assert (pages / "promc_counter_add.3").read_text() == ".so man3/promc_counter.h.3\n"
    assert "struct promc_family_settings" in (pages / "promc_family.h.3").read_text()
    assert ".SS prom_counter_inc()\n" in (pages / "prom_counter.h.3").read_text()


def test_the_manual_has_a_first_page(pages):
    """man 3 promc: every header of the core, in reading order."""
    assert (pages / "promc.3").read_text() == ".so man3/promc_promc.h.3\n"
    first = (pages / "promc_promc.h.3").read_text()
    assert "\npromc \\- The Prometheus client library for C\n" in first
    named = re.findall(r"^\\fBpromc_(\w+\.h)\\fR\(3\),$", first, re.M)
    assert named[:2] == ["registry.h", "family.h"] and all((pages / f"promc_{name}.3").exists() for name in named)
    of_inside = {"promc.h", "export.h", "shard.h"}
    assert set(named) == {path.name for path in (ROOT / "lib/promc/include/promc").glob("*.h")} - of_inside


def test_manual_pages_are_well_formed(pages):
    if not shutil.which("man"):
        pytest.skip("man is not installed")
    for page in sorted(pages.glob("*.h.3")):
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page], capture_output=True, text=True, timeout=180,
                              env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "MANROFFSEQ": ""})
        assert (done.returncode, done.stderr) == (0, ""), page.name


def test_the_bill_of_materials(tmp_path):
    text = run(ROOT / "scripts/sbom", BUILD)
    assert text == run(ROOT / "scripts/sbom", BUILD)
    document = json.loads(text)
    assert document["spdxVersion"] == "SPDX-2.3" and document["dataLicense"] == "CC0-1.0" and document["SPDXID"] == "SPDXRef-DOCUMENT"
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", document["documentNamespace"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["creationInfo"]["created"])
    packages = {package["name"]: package for package in document["packages"]}
    assert packages["promc"]["versionInfo"] == VERSION and packages["promc"]["licenseDeclared"] == "Apache-2.0"
    assert {"gnutls", "zlib", "libcurl", "libuv", "libpq", "sqlite3"} <= packages.keys()
    names = set()
    for entry in document["files"]:
        path = ROOT / entry["fileName"]
        sums = {one["algorithm"]: one["checksumValue"] for one in entry["checksums"]}
        assert sums["SHA256"] == hashlib.sha256(path.read_bytes()).hexdigest(), path
        names.add(entry["fileName"])
    assert "./lib/promc/src/registry/registry.c" in names and not any("/tests/" in name for name in names)
    known = {"SPDXRef-DOCUMENT", *(one["SPDXID"] for kind in ("packages", "files") for one in document[kind])}
    assert len(known) == 1 + len(document["packages"]) + len(document["files"])  # all ids are different
    assert all({one["spdxElementId"], one["relatedSpdxElement"]} <= known for one in document["relationships"])


def test_every_library_has_a_debian_package():
    control = (ROOT / "debian/control").read_text()
    soname = VERSION.split(".")[0]
    for library in libraries():
        name = library.name.removesuffix(".so")
        assert f"\nPackage: {name}{soname}\n" in control, name
        assert (ROOT / f"debian/{name}{soname}.install").read_text().strip().endswith(f"/{name}.so.*")
        assert any(f"/{name}.so\n" in path.read_text() for path in ROOT.glob("debian/*-dev.install")), name


def test_every_place_has_the_version():
    """The version of meson.build. lib/promc/meson.build compares version.h; the test of a guide compares docs/library/abi.md."""
    minor = VERSION.rpartition(".")[0]
    for name, pattern, expected in (
        ("CHANGELOG.md", r"^## (\d[\d.]*) - \d{4}-\d\d-\d\d$", VERSION),
        ("debian/changelog", r"^promc \((.*)-\d+\) ", VERSION),
        ("packaging/alpine/APKBUILD", r"^pkgver=(.*)$", VERSION),
        ("docs/openapi.yaml", r"^  version: (.*)$", VERSION),
        ("infra/ingest-api/compose.yaml", r"image: prospectflow/ingest-api:(.*)$", VERSION),
        ("docs/library/build-systems.md", r"find_package\(promc ([\d.]+) ", minor),
        ("docs/library/build-systems.md", r"version: '>=([\d.]+)'", minor),
        ("lib/promc/include/promc/version.h", r"the soname \(libpromc\.so\.(\d+)\)", VERSION.split(".")[0]),
        ("docs/library/abi.md", r"one libpromc\.so\.(\d+) runs", VERSION.split(".")[0]),
    ):
        found = re.search(pattern, (ROOT / name).read_text(), re.M)
        assert found and found[1] == expected, f"{name}: {found and found[1]}, not {expected}"
    for library in ROOT.glob("abi/*.abi"):
        assert f"soname='{library.stem}.so.{VERSION.split('.')[0]}'" in library.read_text(), library.name


def test_debian_installs_every_header_folder():
    """Every folder of public headers is in an install list of debian/."""
    lists = "".join(path.read_text() for path in ROOT.glob("debian/*.install"))
    for folder in ROOT.glob("lib/promc-*/include/promc-*"):
        assert f"usr/include/{folder.name}\n" in lists, folder.name


def test_ways_md_shows_the_commands_of_the_script():
    typed = re.findall(r"^```sh\n(.*?)^```", run(ROOT / "scripts/ways", "page"), re.M | re.S)
    assert len(typed) == 5 and typed == re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs/library/ways.md").read_text(), re.M | re.S)
