# SPDX-License-Identifier: Apache-2.0
"""The parts of tools/stack, except the supervisor (test_stack_supervisor)."""
import os
import signal
import socket
import subprocess
import sys

import pytest
from stack import Fault, checkout, compose, log, ports
from stack.account import Launcher, account
from stack.process import Process
from stack.servers import prometheus
from stack.servers.alertmanager import Alertmanager
from stack.servers.others import Make
from support.ports import free_port, wait_until
from support.service import ROOT

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change users")


# ---- logs ----

def written(path):
    """All log lines, the oldest first."""
    files = [f"{path}.{number}" for number in range(log.KEPT, 0, -1)] + [str(path)]
    return "".join(open(name, encoding="ascii").read() for name in files if os.path.exists(name))


def test_a_log_is_appended_to(tmp_path):
    for word in ("one", "two"):
        assert Process("echo", ["echo", word], tmp_path / "log").wait() == 0
        log.rotate(tmp_path / "log")
    assert (tmp_path / "log").read_text() == "one\ntwo\n"


def test_a_large_log_is_rotated(tmp_path):
    path = tmp_path / "log"
    for number in range(log.KEPT + 2):
        path.write_text(f"{number}\n" * 10)
        log.rotate(path, large=20)
        assert not path.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"log.{n}" for n in range(1, log.KEPT + 1)]
    assert (tmp_path / "log.1").read_text().startswith("4") and (tmp_path / "log.3").read_text().startswith("2")
    log.rotate(path)  # there is no log
    path.write_text("small\n")
    log.rotate(path, large=20)
    assert path.read_text() == "small\n"


def test_a_log_in_use_is_rotated_without_a_gap(tmp_path):
    """A server keeps appending and does not reopen its log."""
    path, end = tmp_path / "log", tmp_path / "end"
    # It writes until the log was rotated log.KEPT times, even if this test gets little CPU time.
    program = f"""
import itertools, os
for i in itertools.count():
    print(f"{{i:012d}}")
    if i % 1000 == 999 and os.path.exists({str(end)!r}):
        break
"""
    writer = Process("writer", [sys.executable, "-u", "-c", program], path)
    for _ in range(log.KEPT):
        wait_until("it is large", lambda: path.stat().st_size >= 300_000, interval=0.001)
        log.rotate_open(path, large=300_000)
    end.touch()
    assert writer.wait() == 0
    found = written(path).split()
    numbers = [int(line) for line in found if line.isdigit() and len(line) == 12]
    assert numbers == sorted(set(numbers)), "lines must be in order and without duplicates"
    if collapses(tmp_path):
        assert numbers == list(range(len(numbers))) and len(numbers) % 1000 == 0, "no line may be missing"


def collapses(folder):
    """Whether the file system can remove a range from a file (fallocate -c)."""
    path = folder / "probe"
    path.write_bytes(b"x" * 8192)
    done = subprocess.run(["fallocate", "-c", "-o", "0", "-l", "4096", path], capture_output=True, check=False)
    return done.returncode == 0


def test_rotation_without_file_system_support(tmp_path, monkeypatch):
    def refuse(*_arguments):
        raise OSError
    monkeypatch.setattr(log, "libc", refuse)
    path = tmp_path / "log"
    path.write_text("x" * 5000)
    with open(path, "ab") as server:
        log.rotate_open(path, large=4096)
        server.write(b"y")
    assert path.read_text() == "y" and (tmp_path / "log.1").read_text() == "x" * 5000


def test_the_tail(tmp_path):
    (tmp_path / "log").write_text("".join(f"{i}\n" for i in range(100)))
    assert log.tail(tmp_path / "log", 2) == "    98\n    99\n" and log.tail(tmp_path / "none") == ""


# ---- processes ----

def test_how_a_process_ended(tmp_path):
    process = Process("sh", ["sh", "-c", "exit 3"], tmp_path / "log")
    assert process.wait() == 3 and process.ended_with() == "status 3"
    process = Process("sleep", ["sleep", "100"], tmp_path / "log")
    process.kill()
    assert process.ended_with() == "signal KILL"
    process = Process("sh", ["sh", "-c", "kill -40 $$"], tmp_path / "log")  # a real-time signal: it has no name
    assert process.wait() == -40 and process.ended_with() == "signal 40"
    with pytest.raises(Fault, match="nothing cannot be started"):
        Process("nothing", [tmp_path / "nothing"], tmp_path / "log")


def test_signals_that_we_ignore_are_not_ignored_by_servers(tmp_path):
    """As for a background process (`&`) of a shell, whose children ignore Ctrl-C."""
    program = f"""
import signal, sys
sys.path.insert(0, {str(ROOT / "tools")!r})
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
from stack.process import Process
print(Process("grep", ["grep", "-E", "SigIgn|SigBlk", "/proc/self/status"], {str(tmp_path / "log")!r}).wait())
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "0\n"
    for line in (tmp_path / "log").read_text().splitlines():
        assert int(line.split()[1], 16) & (1 << signal.SIGINT - 1 | 1 << signal.SIGTERM - 1) == 0, line


def test_stopping_make_ends_all_its_processes(tmp_path):
    (tmp_path / "Makefile").write_text("long:\n\t@(echo $$$$ >inner; exec sleep 1000) & wait\n")
    build = Make(tmp_path, "long").launch()
    pid = int(wait_until("it works", lambda: (tmp_path / "inner").exists() and (tmp_path / "inner").read_text()))
    build.stop()
    wait_until("all gone", lambda: not os.path.exists(f"/proc/{pid}"))


# ---- ports ----

def test_ports_from_the_environment():
    assert ports.from_environment({"A": 1, "B": 2}, {"A": "080", "B": ""}) == {"A": 80, "B": 2}
    for value in ("x", "0", "65536", "-1", "3000x", "\u0663"):
        with pytest.raises(Fault, match=r"^A=.* is not a port number"):
            ports.from_environment({"A": 1}, {"A": value})


def test_a_listener_that_ends_while_we_look_is_none(monkeypatch):
    child = subprocess.Popen(["true"])
    child.wait()
    monkeypatch.setattr(ports, "owner", lambda port: child.pid)
    assert ports.listener(1) is None
    ports.require_free({"PORT": 1}, "make run")


@pytest.mark.parametrize("family,address", [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_the_listening_process_is_found(family, address):
    port = free_port()
    assert ports.listener(port) is None
    try:
        with socket.socket(family) as s:
            s.bind((address, port))
            s.listen()
            assert f"(pid {os.getpid()})" in ports.listener(port)
            with pytest.raises(Fault) as fault:
                ports.require_free({"A": port, "B": port, "C": free_port()}, "make x")
            said = str(fault.value).splitlines()
            assert said[0].startswith("A and B are both") and len(said) == 3 and said[1].endswith("A=NUMBER make x")
    except OSError as error:
        pytest.skip(f"no {address} here: {error}")


# ---- accounts ----

@ROOT_ONLY
def test_root_privileges_are_dropped(tmp_path):
    nobody = account("nobody")
    assert account("no such account") == nobody
    program = f"""
import os, sys
sys.path.insert(0, {str(ROOT / "tools")!r})
from stack.account import Launcher, account
os.setgroups([0, 4])
print(Launcher().run(account("nobody"), ["cat", "/proc/self/status"], cwd="/").stdout)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    status = dict(line.split(":\t", 1) for line in done.stdout.splitlines() if ":\t" in line)
    assert set(status["Uid"].split()) == {str(nobody.uid)} and set(status["Gid"].split()) == {str(nobody.gid)}
    assert not status["Groups"].strip() and status["NoNewPrivs"] == "1"
    assert all(int(status[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))


@ROOT_ONLY
def test_a_folder_changes_its_owner(tmp_path):
    nobody = account("nobody")
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").write_text("")
    Launcher().own_directory(nobody, tmp_path / "a")
    assert {os.stat(path).st_uid for path in (tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/file")} == {nobody.uid}
    assert os.stat(tmp_path / "a").st_mode & 0o777 == 0o700


# ---- Prometheus by version ----

@pytest.mark.parametrize("options,features,setting", [
    # The help texts of 2.42, 2.53 and 3.16.
    ("""agent, exemplar-storage,
                                 remote-write-receiver (DEPRECATED), no-default-scrape-port, native-histograms""",
     ["exemplar-storage", "native-histograms"], False),
    ("agent, exemplar-storage, native-histograms,\n    created-timestamp-zero-ingestion, concurrent-rule-eval",
     ["exemplar-storage", "native-histograms", "created-timestamp-zero-ingestion"], False),
    ("created-timestamp-zero-ingestion, delayed-compaction, exemplar-storage", ["exemplar-storage", "created-timestamp-zero-ingestion"], True),
])
def test_the_options_for_each_version(options, features, setting):
    known = prometheus.parse_help(f"""
      --enable-feature= ...      Comma separated feature names to enable. Valid
                                 options: {options}.
                                 See https://example.invalid/feature_flags/ for more details.
""")
    assert prometheus.features(known) == features and prometheus.features(known, ["exemplar-storage"]) == ["exemplar-storage"]
    text = prometheus.with_settings("# global:\nglobal:\n  scrape_interval: 15s\n", known)
    assert text == "# global:\nglobal:\n" + "  scrape_native_histograms: true\n" * setting + "  scrape_interval: 15s\n"
    with pytest.raises(Fault):
        prometheus.parse_help("unknown flag --help")


def test_the_installed_version(tmp_path):
    """The installed Prometheus knows every feature that we enable, and accepts the shipped configuration."""
    server = prometheus.Prometheus(tmp_path, free_port())
    shipped = (ROOT / "infra/prometheus/prometheus.yml").read_text()
    server.config.write_text(prometheus.with_settings(shipped, server.known))
    server.flags = checkout.flags()
    server.check()
    server.start()
    assert server.stop() == 0
    unknown = [line for line in server.process.log().splitlines() if "nknown option" in line]
    assert not unknown


def test_complaints_in_logs_of_old_and_new_versions():
    text = 'level=warn msg="Received SIGTERM, exiting gracefully..."\nlevel=WARN msg="Received an OS signal, exiting gracefully..." signal=terminated\n' \
        "level=info msg=a\ntime=x level=ERROR source=y\nlevel=warn\nlevel=WARN\n msg=\"level=errors\"\n"
    assert prometheus.complaints(text) == ["time=x level=ERROR source=y", "level=warn", "level=WARN"]


# ---- configuration ----

@pytest.mark.parametrize("secret", [None, "https://boards.example"])
def test_messages_link_to_the_page_of_this_run(tmp_path, monkeypatch, secret):
    """Links use this run's port. An address in the secrets takes precedence."""
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "slack_webhook_url").write_text("http://127.0.0.1:9/slack")
    if secret:
        (folder / "grafana_url").write_text(secret)
    monkeypatch.setenv("ALERTMANAGER_SECRETS", str(folder))
    server = Alertmanager(tmp_path / "alertmanager", 1)
    assert checkout.render_alertmanager(server, "http://127.0.0.1:13001") == ["Slack"]
    assert f'define "prospectflow.grafana" }}}}{secret or "http://127.0.0.1:13001"}{{{{ end }}}}' in server.config.read_text()


def test_links_of_the_containers_lead_to_the_published_ports(tmp_path, monkeypatch):
    (tmp_path / "given").mkdir()
    (tmp_path / "given/slack_webhook_url").write_text("http://127.0.0.1:9/slack")
    monkeypatch.setattr(compose, "MADE", tmp_path / "made")
    monkeypatch.setattr(compose, "SECRETS", tmp_path / "made/secrets")
    for name in ("GRAFANA_EXTERNAL_URL", "PROMETHEUS_EXTERNAL_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"ALERTMANAGER_SECRETS": str(tmp_path / "given"), "COMPOSE_PROFILES": "", "GRAFANA_PORT": "13001", "PROMETHEUS_PORT": "19090",
                        "ALERTMANAGER_EXTERNAL_URL": "https://alerts.example"}.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    env = compose.prepare()
    assert env["GRAFANA_EXTERNAL_URL"] == "http://127.0.0.1:13001" and env["PROMETHEUS_EXTERNAL_URL"] == "http://127.0.0.1:19090"
    assert env["ALERTMANAGER_EXTERNAL_URL"] == "https://alerts.example"
    assert os.environ == before, "the environment of this process must not change"
    assert 'define "prospectflow.grafana" }}http://127.0.0.1:13001{{ end }}' in (tmp_path / "made/alertmanager/alertmanager.yml").read_text()


def test_the_ports_of_this_run():
    given = {"PORT": 1, "PROMETHEUS_PORT": 2, "ALERTMANAGER_PORT": 3}
    text = "localhost:3000 ingest-api:3000 127.0.0.1:30001 prometheus:9090 127.0.0.1:9093 other:3000"
    assert checkout.with_ports(text, given) == "127.0.0.1:1 127.0.0.1:1 127.0.0.1:30001 127.0.0.1:2 127.0.0.1:3 other:3000"
