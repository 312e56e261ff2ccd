# SPDX-License-Identifier: Apache-2.0
"""promc as an installed library: found by pkg-config and CMake, from C and C++, static and shared; only its API is exported."""
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest

from support.ports import free_port, wait_until
from support.service import ROOT

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
EXPECTED = 'jobs_total{queue="mail"} 1\n'


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """A build of the libraries alone, installed into a prefix of its own."""
    folder = tmp_path_factory.mktemp("promc")
    run("meson", "setup", folder / "build", ROOT, f"--prefix={folder}/usr", "-Dapps=disabled", "-Dtests=disabled", "--libdir=lib",
        cwd=folder)  # Meson's CMake module writes where it is called
    run("meson", "install", "-C", folder / "build", "--quiet")
    return folder / "usr"


@pytest.fixture
def environment(prefix):
    return dict(os.environ, PKG_CONFIG_PATH=str(prefix / "lib/pkgconfig"), LD_LIBRARY_PATH=str(prefix / "lib"))


def flags(environment, package="promc"):
    return run("pkg-config", "--cflags", "--libs", package, env=environment).split()


def test_pkg_config_shared(prefix, environment, tmp_path):
    (tmp_path / "program.c").write_text(PROGRAM)
    run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", tmp_path / "program.c", "-o", tmp_path / "program", *flags(environment))
    assert EXPECTED in run(tmp_path / "program", env=environment)
    assert "libpromc.so.0" in run("ldd", tmp_path / "program", env=environment)


def test_static(prefix, environment, tmp_path):
    (tmp_path / "program.c").write_text(PROGRAM)
    run("gcc", "-std=c11", tmp_path / "program.c", "-o", tmp_path / "program", f"-I{prefix}/include", prefix / "lib/libpromc.a", "-lm", "-lpthread")
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
def test_a_plugin_that_is_unloaded(prefix, environment, tmp_path, how):
    (tmp_path / "plugin.c").write_text(PLUGIN)
    (tmp_path / "host.c").write_text(HOST)
    promc = flags(environment) if how == "shared" else [f"-I{prefix}/include", prefix / "lib/libpromc.a", "-lm"]
    run("gcc", "-shared", "-fPIC", tmp_path / "plugin.c", "-o", tmp_path / "plugin.so", *promc)
    run("gcc", tmp_path / "host.c", "-o", tmp_path / "host", "-ldl", "-lpthread")
    assert run(tmp_path / "host", tmp_path / "plugin.so", env=environment) == 40 * "1\n"


# Values that are no constants, which a compound literal in C++ could not have.
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


def test_the_five_lines_of_the_readme(environment, tmp_path):
    """What a stranger pastes compiles as it stands, and what it counts is at the address that it names."""
    text = (ROOT / "README.md").read_text()
    lines, command = re.search(r"## Five lines.*?```c\n(.*?)```.*?\n(cc [^\n]*)", text, re.S).groups()
    assert len(lines.splitlines()) == 5
    address = f"127.0.0.1:{free_port()}"
    assert "127.0.0.1:9464" in lines
    (tmp_path / "program.c").write_text("#include <promc-exporter/exporter.h>\n#include <stdio.h>\nint main(void)\n{\n"
                                        + lines.replace("127.0.0.1:9464", address) + "getchar();\n}\n")
    run("sh", "-ec", command, env=environment, cwd=tmp_path)

    def metrics():
        try:
            return urllib.request.urlopen(f"http://{address}/metrics", timeout=60).read().decode()
        except urllib.error.URLError:
            return ""

    with subprocess.Popen([tmp_path / "program"], env=environment, stdin=subprocess.PIPE) as program:
        try:
            wait_until("the counter of the five lines in /metrics", lambda: EXPECTED in metrics())
        finally:
            program.stdin.close()
    assert program.returncode == 0


def test_each_header_stands_alone(prefix, environment, tmp_path):
    for header in sorted((prefix / "include").glob("promc*/*.h")):
        (tmp_path / "one.c").write_text(f"#include <{header.relative_to(prefix / 'include')}>\n")
        package = header.parent.name
        cflags = run("pkg-config", "--cflags", package, env=environment).split()
        more_than_c11 = ["-D_GNU_SOURCE"] if package == "promc-uv" else []  # <uv.h> needs it, promc's own headers do not
        run("gcc", "-std=c11", *more_than_c11, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", *cflags, tmp_path / "one.c")


def test_cmake_package(prefix, environment, tmp_path):
    (tmp_path / "program.c").write_text(PROGRAM)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(user C)\nfind_package(promc 0.1 REQUIRED)\n"
        "add_executable(program program.c)\ntarget_link_libraries(program promc::promc)\n"
        "add_executable(program_static program.c)\ntarget_link_libraries(program_static promc::promc_static)\n")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "b", f"-DCMAKE_PREFIX_PATH={prefix}", env=environment)
    run("cmake", "--build", tmp_path / "b", env=environment)
    assert EXPECTED in run(tmp_path / "b/program", env=environment)
    assert EXPECTED in run(tmp_path / "b/program_static")


def test_only_the_api_is_exported(prefix):
    for library in sorted((prefix / "lib").glob("libpromc*.so")):
        names = [line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()]
        strange = [name for name in names if not re.match(r"promc_", name)]
        assert names and not strange, f"{library.name} exports {strange}"


def test_depends_on_libc_alone(prefix):
    needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", prefix / "lib/libpromc.so"))
    assert needed and all(re.fullmatch(r"libc\.so\.6|libm\.so\.6|ld-linux-[\w-]+\.so\.\d", name) for name in needed), needed


RACES = r"""
#include <promc/promc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static promc_family *counters, *histograms;
static promc_registry *registry;
int raced;

static void *work(void *racing)
{
    for (int i = 0; i < 200; i++) {
        char value[8];
        snprintf(value, sizeof value, "%d", i % 20);
        promc_counter_inc(promc_counter_with(counters, value));
        promc_histogram_observe(promc_histogram_with_values(histograms, NULL, 0), i);
        if (racing)
            raced++;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[3];
    (void)argv;
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
def test_valgrind_shows_the_programs_races_alone(prefix, environment, tmp_path, tool):
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
