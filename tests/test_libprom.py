# SPDX-License-Identifier: Apache-2.0
"""Programs for prometheus-client-c run on promc: one that follows that library's documentation, and Debian's coturn."""
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from stack.process import die_with_parent
from support.commands import meson_setup, run
from support.ports import PATIENCE, free_port, is_listening, wait_until
from support.service import BUILD, ROOT
from support.turn import Client

TARGET = BUILD / "lib/prom-compat/prom-target"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
USERS = 10_000
SECRET = "secret"


class Program:
    """A program under test, with /metrics on its own port."""

    def __init__(self, port, *command, **options):
        self.port = port
        self.popen = subprocess.Popen([str(word) for word in command], preexec_fn=die_with_parent, **options)
        wait_until("the program listens", lambda: self.popen.poll() is None and is_listening(port))

    def ask(self, path="/metrics", method="GET"):
        """Status, headers, body."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            answer = opener.open(request, timeout=PATIENCE)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers, answer.read().decode()

    def families(self):
        status, headers, body = self.ask()
        assert (status, headers["Content-Type"]) == (200, TEXT)
        # Only check that it parses: the parser renames counters (`_total`), so callers read the text itself
        assert list(text_string_to_metric_families(body))
        return body

    def sum(self, name):
        """(sum, number) of all series of a name."""
        values = [float(line.rsplit(" ", 1)[1]) for line in self.families().splitlines() if re.match(re.escape(name) + r"[{ ]", line)]
        return sum(values), len(values)

    def resident_bytes(self):
        pages = Path(f"/proc/{self.popen.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def stop(self):
        self.popen.terminate()
        return self.popen.wait(timeout=PATIENCE)


@pytest.fixture
def start():
    programs = []

    def make(port, *command, **options):
        programs.append(Program(port, *command, **options))
        return programs[-1]

    yield make
    for program in programs:
        if program.popen.poll() is None:
            program.popen.kill()
        program.popen.wait()


@pytest.fixture
def target(start):
    if not TARGET.exists():
        pytest.skip("libprom is not built: libmicrohttpd-dev is not installed")

    def make(users):
        port = free_port()
        return start(port, TARGET, port, users)

    return make


def test_a_documented_program_is_scraped(target, make_prometheus):
    program = target(3)
    body = program.families()
    assert "# HELP my_counter counts things\n# TYPE my_counter counter\nmy_counter 100\n" in body
    assert 'my_gauge{one="bar",two="bang"} 200\n' in body
    assert 'my_histogram_bucket{le="5"} 50\nmy_histogram_bucket{le="10"} 100\n' in body and "my_histogram_sum 500\n" in body
    prometheus = make_prometheus(program)
    prometheus.shows("my_counter", 100)
    prometheus.shows("histogram_quantile(0.5, my_histogram_bucket)", 5)
    prometheus.shows("sum(traffic)", 15)
    prometheus.shows("process_resident_memory_bytes", lambda bytes: bytes > 0)
    assert program.stop() == 0


def test_http_methods_and_paths(target):
    program = target(0)
    assert program.ask("/")[0::2] == (200, "OK\n")
    assert program.ask("/elsewhere")[0] == 404
    assert program.ask(method="POST")[0] == 405 and program.ask(method="POST")[1]["Allow"] == "GET, HEAD"
    status, headers, body = program.ask(method="HEAD")
    assert (status, headers["Content-Type"], body) == (200, TEXT, "")
    assert program.stop() == 0


def test_ten_thousand_users_and_more(target):
    """A metric has at most 10,000 series. More label sets are counted in one overflow series, so no count is lost."""
    program = target(USERS + 500)
    total, series = program.sum("traffic")
    assert (total, series) == (5 * (USERS + 500), USERS + 1)
    assert 'traffic{realm="other",user="other",promc_overflow="true"} 2500\n' in program.families()
    resident = program.resident_bytes()
    for _ in range(20):
        program.families()
    assert program.resident_bytes() < resident + (4 << 20)  # a scrape leaks no memory
    assert program.stop() == 0


# ---- coturn ----

def debian_source(package, folder):
    """Debian's source package with its patches, verified by apt. Skips if it cannot be downloaded."""
    targets = run("apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages")
    archive = next((line.split()[2] for line in targets.splitlines() if re.fullmatch(r"\w+ main \S+", line)), None)
    if not archive:
        pytest.skip("apt knows no package source")
    said = ""
    for suite in ("trixie", "bookworm"):
        own = folder / suite
        (own / "lists/partial").mkdir(parents=True)
        (own / "sources.list").write_text(f"deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {archive} {suite} main\n")
        options = [word for setting in (f"Dir::Etc::sourcelist={own}/sources.list", "Dir::Etc::sourceparts=/dev/null", "Dir::Cache::pkgcache=",
                                        f"Dir::State::lists={own}/lists", "Dir::Cache::srcpkgcache=", "APT::Sandbox::User=root")
                   for word in ("-o", setting)]
        for command in (["update"], ["source", package]):
            done = subprocess.run(["apt-get", "-qq", *options, *command], cwd=own, capture_output=True, text=True, timeout=1800)
            if done.returncode != 0:
                said += done.stderr.strip()[-300:]
                break
        else:
            return next(own.glob(f"{package}-*/"))
    pytest.skip(f"the sources of {package} cannot be had here: {said}")


@pytest.fixture(scope="module")
def coturn(tmp_path_factory):
    """(turnserver, folder of the libraries). turnserver is unmodified, and its own configure script finds libprom and libpromhttp."""
    for needed, package in (("/usr/include/openssl/ssl.h", "libssl-dev"), ("/usr/include/event2/event.h", "libevent-dev")):
        if not os.path.exists(needed):
            pytest.skip(f"coturn needs {package}")
    if not shutil.which("dpkg-source"):
        pytest.skip("dpkg-source is not installed: dpkg-dev")
    folder = tmp_path_factory.mktemp("coturn")
    source = debian_source("coturn", folder)
    prefix = folder / "usr"
    meson_setup(folder / "build", ROOT, f"--prefix={prefix}", "--libdir=lib", "-Dapps=disabled", "-Dtests=disabled", "-Dexamples=disabled",
                "-Dlibprom=enabled")
    run("meson", "install", "-C", folder / "build", "--quiet")
    flags = dict(os.environ, CFLAGS=f"-O1 -I{prefix}/include", LDFLAGS=f"-L{prefix}/lib -Wl,-rpath-link,{prefix}/lib",
                 LD_LIBRARY_PATH=f"{prefix}/lib")
    said = run("./configure", cwd=source, env=flags)
    assert "Prometheus lib found." in said and "Prometheus http lib found." in said, said[-3000:]
    run("make", "-j2", cwd=source, env=flags)
    return source / "bin/turnserver", prefix / "lib"


@pytest.mark.long
def test_coturn_as_debian_has_it(coturn, start, make_prometheus, tmp_path):
    """Ten thousand users with one session each: every user has its labels, every session is counted, and memory stays in its budget."""
    turnserver, libraries = coturn
    port, metrics = free_port(), free_port()
    log = open(tmp_path / "log", "wb")
    program = start(metrics, turnserver, "-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", f"--listening-port={port}",
                    "--min-port=13000", "--max-port=32000", "--use-auth-secret", f"--static-auth-secret={SECRET}",
                    "--realm=example.org", "--prometheus", f"--prometheus-port={metrics}", "--prometheus-username-labels", "--no-cli",
                    "--no-tls", "--no-dtls", "--log-file=stdout", f"--userdb={tmp_path}/db", f"--pidfile={tmp_path}/pid", stdout=log,
                    stderr=log, env=dict(os.environ, LD_LIBRARY_PATH=str(libraries)), cwd=tmp_path)
    names = [f"turn_traffic_{peer}{what}" for peer in ("", "peer_") for what in ("rcvp", "rcvb", "sentp", "sentb")]
    expiry = int(time.time()) + 86400  # when the credentials expire; with a shared secret it is the first part of the user name
    for user in range(USERS):
        while not Client(port, f"{expiry}:user{user}", SECRET).session():
            pass
    wait_until("the last session counted", lambda: program.sum("turn_total_traffic_rcvp")[0] >= 3 * USERS)
    body = program.families()
    assert "# TYPE turn_traffic_rcvp counter\n" in body and "# TYPE turn_total_allocations gauge\n" in body
    for name in names:
        assert program.sum(name)[1] == USERS, name
        assert f'promc_series_dropped_total{{family="{name}"}} 0\n' in body
    assert program.sum("turn_traffic_rcvp")[0] == program.sum("turn_total_traffic_rcvp")[0]
    used, _ = program.sum("promc_arena_bytes")
    limit, _ = program.sum("promc_arena_limit_bytes")
    assert used < limit == 128 << 20
    prometheus = make_prometheus(program, interval="5s")
    prometheus.shows("count(turn_traffic_rcvp)", USERS)
    prometheus.shows("sum(turn_traffic_rcvb) > bool 0", 1)
    prometheus.shows("turn_total_allocations", 0)
    print(f"coturn: {USERS} users, {len(body)} bytes of metrics, {int(used)} of {int(limit)} bytes of the arena, "
          f"{program.resident_bytes()} resident")
    program.stop()
