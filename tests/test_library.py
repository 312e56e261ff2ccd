# SPDX-License-Identifier: Apache-2.0
"""promc as an installed library: found by pkg-config and CMake, used from C and C++, static and shared. Only its API is exported."""
import os
import re
import shutil
import subprocess
import textwrap
import urllib.request

import pytest

from support.commands import meson_setup, run
from support.ports import PATIENCE, free_port, wait_until
from support.service import BUILD, ROOT

PROGRAM = r"""
#include <promc/promc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    promc_registry *registry;
    promc_family *jobs;
    promc_family_settings settings;
    promc_counter mail;
    const char *queue[] = {"mail"};
    char *text;
    memset(&settings, 0, sizeof settings);
    settings.name = "jobs_total";
    settings.help = "Jobs done.";
    settings.labels[0] = "queue";
    if (promc_registry_create(&registry, NULL) != 0 || promc_counter_register(registry, &settings, &jobs) != 0 ||
        promc_counter_get(jobs, queue, &mail) != 0)
        return 1;
    promc_counter_inc(mail);
    if (promc_scrape_string(registry, NULL, &text, NULL) != 0)
        return 1;
    fputs(text, stdout);
    free(text);
    promc_registry_destroy(registry);
    return 0;
}
"""
VERSION = re.search(r"^  version: '(.*)'", (ROOT / "meson.build").read_text(), re.M)[1]
MAJOR = VERSION.split(".")[0]
EXPECTED = 'jobs_total{queue="mail"} 1\n'


def installed(folder, *options):
    """Build only the libraries and install them into their own prefix."""
    meson_setup(folder / "build", ROOT, f"--prefix={folder}/usr", "-Dapps=disabled", "-Dtests=disabled", "--libdir=lib", *options)
    run("meson", "install", "-C", folder / "build", "--quiet")
    return folder / "usr"


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    return installed(tmp_path_factory.mktemp("promc"))


@pytest.fixture(scope="module")
def static_prefix(tmp_path_factory):
    return installed(tmp_path_factory.mktemp("promc"), "-Ddefault_library=static", "-Dexamples=disabled", "-Dman=disabled")


@pytest.fixture
def environment(prefix):
    return dict(os.environ, PKG_CONFIG_PATH=str(prefix / "lib/pkgconfig"), LD_LIBRARY_PATH=str(prefix / "lib"))


def flags(environment, package="promc"):
    return run("pkg-config", "--cflags", "--libs", package, env=environment).split()


def test_pkg_config_shared(prefix, environment, tmp_path):
    (tmp_path / "program.c").write_text(PROGRAM)
    run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", tmp_path / "program.c", "-o", tmp_path / "program", *flags(environment))
    assert EXPECTED in run(tmp_path / "program", env=environment)
    assert f"libpromc.so.{MAJOR} " in run("ldd", tmp_path / "program", env=environment)


@pytest.mark.parametrize("how", ["promc inside", "all inside"])
def test_static(how, prefix, environment, tmp_path):
    (tmp_path / "program.c").write_text(PROGRAM)
    linked = [f"-I{prefix}/include", prefix / "lib/libpromc.a", "-lm", "-lpthread"]
    if how == "all inside":
        linked = ["-static", *run("pkg-config", "--static", "--cflags", "--libs", "promc", env=environment).split()]
    run("gcc", "-std=c11", tmp_path / "program.c", "-o", tmp_path / "program", *linked)
    assert EXPECTED in run(tmp_path / "program")


@pytest.mark.parametrize("standard", ["c++11", "c++20"])
def test_headers_from_cpp(prefix, environment, tmp_path, standard):
    headers = sorted((prefix / "include").glob("promc*/*.h"))
    assert len(headers) > 8
    source = "".join(f"#include <{header.relative_to(prefix / 'include')}>\n" for header in headers)
    (tmp_path / "program.cpp").write_text(source + PROGRAM)
    packages = sorted({header.parent.name for header in headers})
    run("g++", f"-std={standard}", "-Wall", "-Wextra", "-Werror", tmp_path / "program.cpp", "-o", tmp_path / "program",
        *flags(environment), *run("pkg-config", "--cflags", *packages, env=environment).split())
    assert EXPECTED in run(tmp_path / "program", env=environment)


PLUGIN = """
#include <promc/promc.h>
double count(void)
{
    promc_registry *registry;
    promc_family *family;
    promc_counter counter;
    if (promc_registry_create(&registry, NULL) != 0 ||
        promc_counter_register(registry, &(promc_family_settings){.name = "calls_total"}, &family) != 0 ||
        promc_counter_get(family, NULL, &counter) != 0)
        return -1;
    promc_counter_inc(counter);
    double value = promc_counter_value(counter);
    promc_registry_destroy(registry);
    return value;
}
"""
HOST = """
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
static void *use(void *path)
{
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    double (*count)(void) = plugin ? (double (*)(void))dlsym(plugin, "count") : NULL;
    printf("%g\\n", count ? count() : -2);
    return plugin && dlclose(plugin) == 0 ? path : NULL; /* the thread ends after what it used is gone */
}
int main(int argc, char **argv)
{
    for (int i = 0; i < 40; i++) {
        pthread_t thread;
        void *result = NULL;
        if (pthread_create(&thread, NULL, use, argv[argc - 1]) != 0 || pthread_join(thread, &result) != 0 || !result)
            return 1;
    }
    return 0;
}
"""


@pytest.mark.parametrize("how", ["shared", "static"])
def test_an_unloaded_plugin(prefix, environment, tmp_path, how):
    (tmp_path / "plugin.c").write_text(PLUGIN)
    (tmp_path / "host.c").write_text(HOST)
    promc = flags(environment) if how == "shared" else [f"-I{prefix}/include", prefix / "lib/libpromc.a", "-lm"]
    run("gcc", "-shared", "-fPIC", tmp_path / "plugin.c", "-o", tmp_path / "plugin.so", *promc)
    run("gcc", tmp_path / "host.c", "-o", tmp_path / "host", "-ldl", "-lpthread")
    assert run(tmp_path / "host", tmp_path / "plugin.so", env=environment) == 40 * "1\n"


# Label values that are not constants: in C++ a compound literal could not hold them.
WITH = r"""
#include <promc/promc.h>

int main(int argc, char **argv)
{
    promc_registry *registry;
    promc_family *families[5];
    promc_family_settings settings{};
    promc_histogram_settings histogram{};
    promc_summary_settings summary{};
    promc_registry_create(&registry, nullptr);
    settings.labels[0] = summary.family.labels[0] = histogram.family.labels[0] = "program";
    settings.labels[1] = summary.family.labels[1] = histogram.family.labels[1] = "kind";
    settings.name = "a_total";
    promc_counter_register(registry, &settings, &families[0]);
    settings.name = "b";
    promc_gauge_register(registry, &settings, &families[1]);
    settings.name = "c";
    promc_updown_register(registry, &settings, &families[2]);
    histogram.family.name = "d";
    promc_histogram_register(registry, &histogram, &families[3]);
    summary.family.name = "e";
    promc_summary_register(registry, &summary, &families[4]);
    const char *kind = argc > 1 ? argv[1] : "none";
    promc_counter_inc(promc_counter_with(families[0], argv[0], kind));
    promc_gauge_set(promc_gauge_with(families[1], argv[0], kind), 1);
    promc_updown_inc(promc_updown_with(families[2], argv[0], "x"));
    promc_histogram_observe(promc_histogram_with(families[3], "x", kind), 1);
    promc_summary_observe(promc_summary_with(families[4], argv[0], kind), 1);
    for (promc_family *family : families)
        if (promc_family_series_count(family) != 1)
            return 1;
    promc_counter_inc(promc_counter_with(families[0], "too few"));
    return promc_counter_value(promc_counter_with(families[0], argv[0], kind)) != 1;
}
"""


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_the_lookup_in_an_expression_from_cpp(environment, tmp_path, compiler):
    (tmp_path / "program.cpp").write_text(WITH)
    run(compiler, "-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wzero-as-null-pointer-constant", "-Werror",
        tmp_path / "program.cpp", "-o", tmp_path / "program", *flags(environment))
    run(tmp_path / "program", env=environment)


@pytest.mark.parametrize("language", ["cc", "g++ -x c++ -std=c++20"])
def test_the_five_lines_of_the_readme(environment, tmp_path, language):
    """The README's program compiles unchanged as C and as C++, and its metrics are at the address in the README."""
    text = (ROOT / "README.md").read_text()
    lines, command = re.search(r"## My C program.*?```c\n(.*?)```.*?\n(cc [^\n]*)", text, re.S).groups()
    assert len(lines.splitlines()) == 5
    address = f"127.0.0.1:{free_port()}"
    assert "127.0.0.1:9464" in lines
    (tmp_path / "program.c").write_text("#include <promc-exporter/exporter.h>\n#include <stdio.h>\nint main(void)\n{\n"
                                        + lines.replace("127.0.0.1:9464", address) + "getchar();\n}\n")
    run("sh", "-ec", command.replace("cc ", f"{language} -Wall -Werror ", 1).replace(" -o", " -x none -o"), env=environment, cwd=tmp_path)

    def metrics():
        try:
            return urllib.request.urlopen(f"http://{address}/metrics", timeout=PATIENCE).read().decode()
        except OSError:
            return ""

    with subprocess.Popen([tmp_path / "program"], env=environment, stdin=subprocess.PIPE) as program:
        try:
            wait_until("the counter of the five lines in /metrics", lambda: EXPECTED in metrics())
        finally:
            program.stdin.close()
    assert program.returncode == 0


def test_the_rules_and_the_dashboard_for_any_program_are_installed(prefix):
    for source in ("lib/promc/monitoring/rules.yml", "infra/grafana/dashboards/promc.json"):
        assert (prefix / "share/promc" / os.path.basename(source)).read_bytes() == (ROOT / source).read_bytes()


def test_each_header_compiles_alone(prefix, environment, tmp_path):
    for header in sorted((prefix / "include").glob("promc*/*.h")):
        (tmp_path / "one.c").write_text(f"#include <{header.relative_to(prefix / 'include')}>\n")
        package = header.parent.name
        cflags = run("pkg-config", "--cflags", package, env=environment).split()
        more_than_c11 = ["-D_GNU_SOURCE"] if package == "promc-uv" else []  # <uv.h> needs it; promc's own headers do not
        run("gcc", "-std=c11", *more_than_c11, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", *cflags, tmp_path / "one.c")


def test_cmake_package(prefix, environment, tmp_path):
    (tmp_path / "program.c").write_text(PROGRAM)
    (tmp_path / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.20)\nproject(user C)\nfind_package(promc {VERSION} REQUIRED)\n"
        "add_executable(program program.c)\ntarget_link_libraries(program promc::promc)\n"
        "add_executable(program_static program.c)\ntarget_link_libraries(program_static promc::promc_static)\n")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "b", f"-DCMAKE_PREFIX_PATH={prefix}", env=environment)
    run("cmake", "--build", tmp_path / "b", env=environment)
    assert EXPECTED in run(tmp_path / "b/program", env=environment)
    assert EXPECTED in run(tmp_path / "b/program_static")


# The libraries around promc: one function of each, and its headers if they are not those of promc-PART.
PARTS = {"http": "promc_http_create", "sql": "promc_sql_pool_create", "testkit": "promc_testkit_compare", "exporter": "promc_exporter_start",
         "push": "promc_push", "uv": "promc_uv_start", "pq": "promc_pq_exec", "sqlite": "promc_sqlite_exec", "amqp": "promc_amqp_create"}


def with_each_part(folder, found):
    """A CMake project with a program for each part. `found` is the CMake code that finds promc."""
    lines = ["cmake_minimum_required(VERSION 3.20)", "project(user C)", found]
    for part, function in PARTS.items():
        headers = ["promc/testkit.h"] if part == "testkit" else [f"promc-{part}/{path.name}" for path in ROOT.glob(f"lib/promc-{part}/include/*/*.h")]
        (folder / f"{part}.c").write_text("".join(f"#include <{header}>\n" for header in headers)
                                          + f"int main(void)\n{{\n    void (*volatile f)(void) = (void (*)(void)){function};\n    return f == 0;\n}}\n")
        lines += [f"add_executable({part} {part}.c)", f"target_link_libraries({part} promc::{part})"]
    (folder / "CMakeLists.txt").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("kind", ["prefix", "static_prefix"])
def test_cmake_components(kind, request, tmp_path):
    """Each component is found with all its dependencies, also if only static libraries are installed."""
    prefix = request.getfixturevalue(kind)
    with_each_part(tmp_path, f"find_package(promc {VERSION} REQUIRED COMPONENTS promc {' '.join(PARTS)})")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "b", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path / "b")
    for part in PARTS:
        run(tmp_path / "b" / part, env=dict(os.environ, LD_LIBRARY_PATH=str(prefix / "lib")))
    assert ("libpromc-http.so" in run("ldd", tmp_path / "b/http")) == (kind == "prefix")


def test_a_missing_cmake_component_is_an_error(prefix, environment, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.20)\nproject(user C)\nfind_package(promc COMPONENTS exporter sql)\n"
                                             "message(STATUS found=${promc_FOUND})\nfind_package(promc REQUIRED COMPONENTS exporter nonsense)\n")
    done = subprocess.run(["cmake", "-S", tmp_path, "-B", tmp_path / "b", f"-DCMAKE_PREFIX_PATH={prefix}"], env=environment, capture_output=True, text=True, check=False)
    assert "found=1" in done.stdout
    assert done.returncode != 0 and "nonsense" in done.stderr, done.stderr


EXPORTER_PROGRAM = r"""
#include <promc-exporter/exporter.h>
int main(void)
{
    promc_exporter *exporter = promc_exporter_start("127.0.0.1:0");
    promc_exporter_stop(exporter);
    return exporter == NULL;
}
"""


FETCH = f"include(FetchContent)\nFetchContent_Declare(promc SOURCE_DIR {ROOT})\nFetchContent_MakeAvailable(promc)"


@pytest.mark.parametrize("shared, found", [("ON", FETCH), ("OFF", f"add_subdirectory({ROOT} promc)")])
def test_as_sources_in_a_cmake_project(shared, found, tmp_path):
    with_each_part(tmp_path, found)
    (tmp_path / "exporter.c").write_text(EXPORTER_PROGRAM)
    run("cmake", "-S", tmp_path, "-B", tmp_path / "b", f"-DBUILD_SHARED_LIBS={shared}", "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror")
    run("cmake", "--build", tmp_path / "b", "--target", "exporter")
    assert not list((tmp_path / "b").rglob("libpromc-http.*"))  # parts that nobody requested are not built
    run("cmake", "--build", tmp_path / "b")
    for part in PARTS:
        run(tmp_path / "b" / part)
    assert ("libpromc.so" in run("ldd", tmp_path / "b/exporter")) == (shared == "ON")


@pytest.mark.parametrize("option", ["-DCMAKE_UNITY_BUILD=ON", "-DCMAKE_C_EXTENSIONS=OFF", "-DCMAKE_SYSTEM_NAME=Linux"])
def test_in_a_cmake_project_with_its_own_settings(option, tmp_path):
    """The last option makes it a cross-compiled project: CMake must not run programs that it has built."""
    (tmp_path / "exporter.c").write_text(EXPORTER_PROGRAM)
    (tmp_path / "CMakeLists.txt").write_text(f"cmake_minimum_required(VERSION 3.16)\nproject(user C)\n{FETCH}\n"
                                             "add_executable(exporter exporter.c)\ntarget_link_libraries(exporter promc::exporter)\n")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "b", option)
    run("cmake", "--build", tmp_path / "b")
    run(tmp_path / "b/exporter")


def test_pkg_config_requires_matching_versions(environment):
    version = run("pkg-config", "--modversion", "promc", env=environment).strip()
    for part in PARTS:
        assert run("pkg-config", "--modversion", f"promc-{part}", env=environment).strip() == version
        of = "promc-sql" if part in ("pq", "sqlite") else "promc"
        assert f"{of} >= {version}\n" in run("pkg-config", "--print-requires", f"promc-{part}", env=environment), part
    run("pkg-config", "--exists", f"promc-exporter >= {version}", env=environment)


def test_pkg_config_in_the_build_folder(tmp_path):
    """A program uses the build folder without installation, and sees only the public headers."""
    environment = dict(os.environ, PKG_CONFIG_PATH=str(BUILD / "meson-uninstalled"))
    (tmp_path / "program.c").write_text(EXPORTER_PROGRAM)
    run("gcc", tmp_path / "program.c", "-o", tmp_path / "program", *flags(environment, "promc-exporter"))
    run(tmp_path / "program", env=dict(os.environ, LD_LIBRARY_PATH=f"{BUILD}/lib/promc:{BUILD}/lib/promc-exporter"))
    for part in ("promc", *(f"promc-{part}" for part in PARTS)):
        folders = {os.path.realpath(word[2:]) for word in flags(environment, part) if word.startswith("-I")}
        private = [folder for folder in folders if os.path.isdir(folder) and folder.startswith(f"{ROOT}/lib") and any(name.endswith(".h") for name in os.listdir(folder))]
        assert not private, part


@pytest.mark.parametrize("how", ["installed", "wrap"])
def test_static_where_a_meson_project_asks_for_it(how, prefix, environment, tmp_path):
    (tmp_path / "subprojects").mkdir()
    page = (ROOT / "docs/library/build-systems.md").read_text()
    wrap = textwrap.dedent(re.search(r"```ini\n(.*?)```", page, re.S)[1])
    (tmp_path / "subprojects/promc.wrap").write_text(re.sub(r"^url = .*$", f"url = {ROOT}", wrap, flags=re.M))
    (tmp_path / "program.c").write_text(EXPORTER_PROGRAM)
    (tmp_path / "meson.build").write_text(
        "project('user', 'c')\n"
        "promc = dependency('promc-exporter', version: '>=0.1', static: true, default_options: ['apps=disabled', 'tests=disabled'])\n"
        "executable('program', 'program.c', dependencies: promc)\n")
    meson_setup(tmp_path / "b", tmp_path, f"--wrap-mode={'nofallback' if how == 'installed' else 'forcefallback'}", env=environment)
    run("ninja", "-C", tmp_path / "b", "program")
    run(tmp_path / "b/program")
    assert "libpromc" not in run("ldd", tmp_path / "b/program")


def test_as_a_subproject_of_a_meson_project(tmp_path):
    (tmp_path / "subprojects").mkdir()
    (tmp_path / "subprojects/promc").symlink_to(ROOT)
    (tmp_path / "program.c").write_text(EXPORTER_PROGRAM)
    (tmp_path / "meson.build").write_text(
        "project('user', 'c', default_options: ['default_library=static'])\n"
        "promc = dependency('promc-exporter', fallback: 'promc', default_options: ['apps=disabled', 'tests=disabled'])\n"
        "executable('program', 'program.c', dependencies: promc)\n")
    meson_setup(tmp_path / "b", tmp_path, "--wrap-mode=forcefallback")
    run("ninja", "-C", tmp_path / "b", "program")
    run(tmp_path / "b/program")
    assert "libpromc" not in run("ldd", tmp_path / "b/program")


@pytest.mark.parametrize("standard", ["11", "14", "17", "20", "2b"])
def test_cpp(standard, prefix, environment, tmp_path):
    program = ROOT / "lib/promc/examples/cpp.cpp"
    for compiler in filter(shutil.which, ("g++", "clang++")):
        known = subprocess.run([compiler, f"-std=c++{standard}", "-xc++", "-fsyntax-only", "-"], input="", text=True, capture_output=True, check=False)
        if known.returncode != 0:
            continue
        run(compiler, f"-std=c++{standard}", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", program, "-o", tmp_path / "program",
            *flags(environment), env=environment)
        said = run(tmp_path / "program", env=environment)
        assert 'jobs_total{kind="mail",success="true"} 2\njobs_total{kind="mail",success="false"} 1\n' in said
        assert 'jobs_started_total{kind="mail"} 3\n' in said  # by a prepared label set, as for the duration
        assert 'job_duration_seconds_count{kind="mail"} 3\n' in said
        assert "jobs_running 0\n" in said


@pytest.mark.parametrize("page, count", [("build-systems.md", 2), ("migrating.md", 1)])
def test_the_lines_of_the_guides_in_cpp(page, count, environment, tmp_path):
    lines = "".join(re.findall(r"^```cpp\n(.*?)^```", (ROOT / "docs/library" / page).read_text(), re.M | re.S))
    if "promc::registry registry;" not in lines:
        lines = "promc::registry registry;\n" + lines
    (tmp_path / "guide.cpp").write_text(f"#include <promc/promc.hpp>\n#include <cstdio>\nint main()\n{{\n{lines}std::puts(registry.scrape().c_str());\n}}\n")
    run("g++", "-std=c++11", "-Wall", "-Wextra", "-Werror", tmp_path / "guide.cpp", "-o", tmp_path / "guide", *flags(environment))
    assert f'http_requests_total{{method="GET",status="200"}} {count}\n' in run(tmp_path / "guide", env=environment)


def test_each_guide_in_cpp_is_compiled():
    """By the test above: it lists every guide that has C++ blocks."""
    pages = {path.name for path in (ROOT / "docs/library").glob("*.md") if "\n```cpp\n" in path.read_text()}
    assert pages == {"build-systems.md", "migrating.md"}


CPP_FAULTS = r"""
#include <promc/promc.hpp>
#include <cassert>
#include <cstring>
int main()
{
    promc::registry registry;
    try {
        promc::counter<1> bad(registry, "1bad", "", {{"a"}});
        return 1;
    } catch (const promc::error &error) {
        assert(error.code() == PROMC_E_NAME && std::strstr(error.what(), "1bad"));
    }
    promc::counter<1> good(registry, "good_total", "", {{"a"}});
    assert(!good("x").add(-1) && good("x").add(2) && good("x").value() == 2);
    good(static_cast<const char *>(nullptr)).inc(); // refused, and counted
    assert(registry.scrape().find("good_total{a=\"\"}") == std::string::npos);
    assert(registry.scrape().find("promc_refused_updates_total{family=\"good_total\",reason=\"label_value\"} 1\n") != std::string::npos);
    promc::histogram<1> waited(registry, "waited_seconds", "", {{"a"}});
    {
        std::string value = "y";
        promc::label_set<1> set(registry, value);
        value = "gone"; // it has been copied
        good(set).inc();
        waited(set).observe(1);
        promc::label_set<1> moved(std::move(set));
        good(moved).add(2);
        good(set).inc(); // there is nothing in it: refused, and counted
        set = std::move(moved);
        good(set).inc();
        assert(good("y").value() == 4 && waited("y").count() == 1 && good("gone").value() == 0);
    }
    good("y").inc(); // the series outlives the set
    try {
        promc::label_set<1> none(registry, static_cast<const char *>(nullptr));
        return 1;
    } catch (const promc::error &error) {
        assert(error.code() == PROMC_E_LABEL_VALUE);
    }
    int runs = 0;
    auto failing = [&runs] { if (++runs == 1) throw 1; };
    registry.collect("failing", failing);
    registry.scrape(); // the exception ends there
    assert(registry.scrape().find("promc_collector_errors_total{collector=\"failing\"} 1\n") != std::string::npos && runs == 2);
    promc::registry moved(std::move(registry));
    assert(good("x").value() == 2);
    promc::histogram<> took(moved, "took_seconds", "", {}, {1, 2});
    { promc::timer timer(took()); timer.discard(); }
    assert(took().count() == 0);
    { promc::timer timer(took()); }
    assert(took().count() == 1);
#if FAULT == 1
    good("x", "y").inc();
#elif FAULT == 2
    promc::label_set<2> two(moved, "x");
#elif FAULT == 3
    good(promc::label_set<2>(moved, "x", "y")).inc();
#endif
}
"""


def test_cpp_errors_and_lifetimes(prefix, environment, tmp_path):
    (tmp_path / "faults.cpp").write_text(CPP_FAULTS)
    run("g++", "-std=c++17", tmp_path / "faults.cpp", "-o", tmp_path / "faults", *flags(environment), env=environment)
    run(tmp_path / "faults", env=environment)
    for fault, said in enumerate(("as many values as the family has labels", "as many values as the set has labels", "promc::label_set<2>"), 1):
        done = subprocess.run(["g++", "-std=c++17", f"-DFAULT={fault}", "-fsyntax-only", tmp_path / "faults.cpp", *flags(environment)],
                              capture_output=True, text=True, check=False)
        assert done.returncode != 0 and said in done.stderr, done.stderr


def headers_of(commit, folder):
    """The libraries' headers and the examples of that commit."""
    if subprocess.run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, capture_output=True, check=False).returncode != 0:
        pytest.skip(f"this checkout's history does not go back to {commit}")
    folder.mkdir()
    archive = subprocess.run(["git", "archive", commit, "lib"], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    return [f"-I{include}" for include in sorted(folder.glob("lib/*/include"))]


def test_programs_of_the_recorded_headers(prefix, environment, tmp_path):
    """Programs compiled with the headers that abi/ was recorded from run with today's libraries."""
    recorded = run("git", "log", "-1", "--format=%H", "--", "abi/libpromc.abi", cwd=ROOT).strip()
    includes = headers_of(recorded, tmp_path / "then")
    (tmp_path / "program.c").write_text(PROGRAM)
    libraries = [f"-L{prefix}/lib", "-lpromc-exporter", "-lpromc"]
    run("gcc", "-std=gnu11", *includes, tmp_path / "program.c", "-o", tmp_path / "program", *libraries)
    assert EXPECTED in run(tmp_path / "program", env=environment)
    run("gcc", "-std=gnu11", *includes, tmp_path / "then/lib/promc/examples/table.c", "-o", tmp_path / "table", *libraries)
    assert run(tmp_path / "table", "--reference", env=environment)


def test_only_the_api_is_exported(prefix):
    for library in sorted((prefix / "lib").glob("libpromc*.so")):
        names = [line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()]
        strange = [name for name in names if not re.match(r"promc_", name)]
        assert names and not strange, f"{library.name} exports {strange}"


def test_depends_only_on_libc(prefix):
    needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", prefix / "lib/libpromc.so"))
    assert needed and all(re.fullmatch(r"libc\.so\.6|libm\.so\.6|ld-linux-[\w-]+\.so\.\d", name) for name in needed), needed


RACES = r"""
#include <promc/promc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static promc_family *counters, *histograms;
static promc_registry *registry;
static pthread_barrier_t all_there;
int raced;

static void use(const char *value)
{
    promc_counter_inc(promc_counter_with(counters, value));
    promc_histogram_observe(promc_histogram_with_values(histograms, NULL, 0), 1);
}

/* A series' first use takes a lock, which puts the threads in an order; a tool would then see no race where one thread has ended
   before the next begins. Behind the barrier there are only updates, and they order nothing. */
static void *work(void *racing)
{
    for (int i = 0; i < 200; i++) {
        char value[8];
        snprintf(value, sizeof value, "%d", i % 20);
        use(value);
    }
    pthread_barrier_wait(&all_there);
    for (int i = 0; i < 20; i++) {
        use("1");
        if (racing)
            raced++;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[3];
    (void)argv;
    pthread_barrier_init(&all_there, NULL, 3);
    promc_registry_create(&registry, NULL);
    promc_counter_register(registry, &(promc_family_settings){.name = "c", .labels = {"x"}}, &counters);
    promc_histogram_register(registry, &(promc_histogram_settings){.family = {.name = "h"}}, &histograms);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, work, argc > 1 ? &raced : NULL);
    for (int i = 0; i < 3; i++) {
        char *text;
        promc_scrape_string(registry, NULL, &text, NULL);
        free(text);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    promc_registry_destroy(registry);
    return 0;
}
"""


@pytest.mark.parametrize("tool", ["helgrind", "drd"])
def test_valgrind_reports_only_the_programs_races(prefix, environment, tmp_path, tool):
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    (tmp_path / "program.c").write_text(RACES)
    run("gcc", "-O1", "-g", tmp_path / "program.c", "-o", tmp_path / "program", *flags(environment), "-lpthread")

    def errors(*arguments):
        supp = f"--suppressions={prefix}/share/promc/promc.supp"
        return subprocess.run(["valgrind", f"--tool={tool}", supp, "--error-exitcode=9", tmp_path / "program", *arguments], env=environment,
                              capture_output=True, text=True)

    quiet = errors()
    assert quiet.returncode == 0, quiet.stderr[-3000:]
    raced = errors("race")
    assert raced.returncode == 9 and "work (program.c:" in raced.stderr, raced.stderr[-3000:]
