# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL and RabbitMQ as the tests need them: Debian's servers, started by hand, each in a folder and on ports of its
own, on 127.0.0.1 alone. One server serves a session (they start slowly); a test has a database or a virtual host of its own.

    def test_x(postgres_server, rabbitmq_server, make_service):
        service = make_service(STORE=postgres_server.database(), QUEUE=rabbitmq_server.vhost())
"""
import base64
import itertools
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from support.ports import free_port, wait_until
from support.process import Process

_numbers = itertools.count(1)


class Server:
    """A server whose process comes and goes while its data and its ports stay."""
    package = None  # Debian's, for who has not installed it

    def __init__(self, kind):
        self.directory = Path(tempfile.mkdtemp(prefix=f"test-{kind}-", dir="/tmp"))
        self.log_path = self.directory / "output.log"
        self.process = None

    @staticmethod
    def installed():
        raise NotImplementedError

    def start(self, seconds=120):
        self.launch()
        wait_until(f"{type(self).__name__} ready", self._ready, seconds, 0.1)
        return self

    def launch(self):
        """Start it and do not wait."""
        raise NotImplementedError

    def answers(self):
        raise NotImplementedError

    def _ready(self):
        assert self.process.running(), f"{type(self).__name__} ended with {self.process.popen.returncode}:\n{self.process.log()[-3000:]}"
        return self.answers()

    def running(self):
        return self.process is not None and self.process.running()

    def kill(self):
        """SIGKILL: a crash."""
        if self.running():
            self.process.kill()

    def close(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


def _account(name):
    """[uid, gid, the words that start a command as that account]; nobody to become when we are not root."""
    if os.geteuid() != 0:
        return None, None, []
    entry = pwd.getpwnam(name)
    return entry.pw_uid, entry.pw_gid, ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups",
                                        "--pdeathsig", "KILL", "--"]


# ---- PostgreSQL ----

def postgres_bin():
    """Where PostgreSQL's server programs are, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3]))
    return found[-1].parent if found else None


class PostgreSQL(Server):
    """`postgres` is its superuser; the databases belong to `ingest`, which is none, so row-level security holds it."""
    package = "postgresql"

    @staticmethod
    def installed():
        return postgres_bin() is not None

    def __init__(self, settings=""):
        super().__init__("postgres")
        self.bin, self.port = postgres_bin(), free_port()
        uid, gid, self._as = _account("postgres")
        if uid is not None:
            os.chown(self.directory, uid, gid)
        self.data = self.directory / "data"
        self._run([*self._as, self.bin / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C",
                   "--no-sync"])
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as f:
            # A killed server has lost nothing that the kernel has; a machine without power is not what is tested.
            f.write(f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{self.directory}'\n"
                    f"max_connections = 200\nshared_buffers = 64MB\nfsync = off\n{settings}\n")
        self.start()
        self.sql("CREATE ROLE ingest LOGIN CREATEDB")

    def _run(self, command):
        done = subprocess.run([str(word) for word in command], cwd=self.directory, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def launch(self):
        self.process = Process("postgres", [*self._as, self.bin / "postgres", "-D", self.data], self.log_path, cwd=self.directory)

    def answers(self):
        return subprocess.run([str(self.bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False,
                              timeout=60).returncode == 0

    def stop(self, seconds=60):
        """A fast shutdown: sessions are ended, nothing committed is lost."""
        if self.running():
            self.process.signal(signal.SIGINT)
            self.process.wait(seconds)

    def kill(self):
        """SIGKILL; its children see that and end, which is waited for: they hold the port and the shared memory."""
        super().kill()
        wait_until("PostgreSQL's children gone", lambda: not self._children(), 60)

    def _children(self):
        """Processes that work in our data directory (each has it as its own)."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "cwd") == str(self.data):
                    found.append(entry.name)
            except OSError:
                pass
        return found

    def sql(self, text, database="postgres", user="postgres"):
        """What psql prints for it: rows as lines, columns separated by `|`."""
        return self._run([self.bin / "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", self.port, "-U", user,
                          "-d", database, "-c", text]).strip()

    def database(self):
        """A new, empty database; its URL, as STORE takes it."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self.sql(f"CREATE DATABASE {name} OWNER ingest")
        return self.url(name)

    def url(self, database, port=None):
        """@param port of a proxy in front of it"""
        return f"postgres://ingest@127.0.0.1:{port or self.port}/{database}"

    def close(self):
        """An immediate shutdown: what it has in memory is of no use to anybody, and it leaves no shared memory behind."""
        if self.running():
            self.process.signal(signal.SIGQUIT)
            self.process.wait()
        super().close()


# ---- RabbitMQ ----

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
AMQP_HEADER = b"AMQP\x00\x00\x09\x01"


class RabbitMQ(Server):
    """Its user `ingest` has a password with characters that a URL must quote. The management API is for the tests alone."""
    package, user, password = "rabbitmq-server", "ingest", "p@ss/w:rd%"

    @staticmethod
    def installed():
        return RABBITMQ.exists()

    def __init__(self, tls=None):
        """@param tls a folder with ca.pem, server.pem and server.key: it listens with TLS too, on `tls_port`"""
        super().__init__("rabbitmq")
        self.port, self.tls_port, self.http_port, self._epmd_port, self._dist_port = (free_port() for _ in range(5))
        self.config = self.directory / "rabbitmq.conf"
        self.config.write_text(
            f"listeners.tcp.default = 127.0.0.1:{self.port}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self.http_port}\n"
            f"default_user = {self.user}\nlog.console = true\nlog.console.level = warning\n"
            "log.file = false\ndisk_free_limit.absolute = 50MB\nmanagement_agent.disable_metrics_collector = false\n", encoding="utf-8")
        if tls:
            with open(self.config, "a", encoding="utf-8") as f:
                f.write(f"listeners.ssl.default = 127.0.0.1:{self.tls_port}\nssl_options.cacertfile = {tls}/ca.pem\n"
                        f"ssl_options.certfile = {tls}/server.pem\nssl_options.keyfile = {tls}/server.key\n")
        # Not in rabbitmq.conf: RabbitMQ 4 takes a text with a colon there for a tagged one, as in encrypted:…
        (self.directory / "advanced.config").write_text(f'[{{rabbit, [{{default_pass, <<"{self.password}">>}}]}}].\n', encoding="utf-8")
        (self.directory / "enabled_plugins").write_text("[rabbitmq_management].\n", encoding="utf-8")
        self._epmd = None
        self.start()

    def _environment(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("RABBITMQ_", "ERL_"))}
        directory = self.directory
        return env | {
            "HOME": str(directory), "RUNNING_UNDER_SYSTEMD": "1",  # the server itself, without a shell around it
            "RABBITMQ_NODENAME": f"test-{self.port}@localhost", "RABBITMQ_CONFIG_FILE": str(self.config),
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"), "RABBITMQ_LOG_BASE": str(directory),
            "RABBITMQ_LOGS": "-", "RABBITMQ_PID_FILE": str(directory / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"), "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_CONF_ENV_FILE": str(directory / "none"), "RABBITMQ_ADVANCED_CONFIG_FILE": str(directory / "advanced.config"),
            "ERL_EPMD_PORT": str(self._epmd_port), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +S 2:2",
        }

    def launch(self):
        env = self._environment()
        if self._epmd is None:  # ours: Erlang's own would outlive the test
            self._epmd = Process("epmd", ["epmd", "-port", self._epmd_port, "-address", "127.0.0.1"], self.directory / "epmd.log", env=env)
        self.process = Process("rabbitmq", [RABBITMQ], self.log_path, env=env, cwd=self.directory)

    def answers(self):
        """Whether AMQP itself is spoken, and the API."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
                s.settimeout(5)
                s.sendall(AMQP_HEADER)
                if s.recv(1) != b"\x01":  # a method frame: connection.start
                    return False
            return self.api("GET", "overview") is not None
        except OSError:
            return False

    def stop(self, seconds=120):
        """SIGTERM: connections are closed in order."""
        if self.running():
            self.process.stop(seconds)

    def api(self, method, path, body=None):
        """The management API; the answer as an object, None when it has no body."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}/api/{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode())
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode())
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                data = answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()[:500]}") from None
        return json.loads(data) if data else None

    def ctl(self, *words):
        """rabbitmqctl: what the management API cannot."""
        done = subprocess.run([RABBITMQ.with_name("rabbitmqctl"), "-n", f"test-{self.port}@localhost", *words], env=self._environment(),
                              capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0, f"rabbitmqctl {words}: {done.stdout}{done.stderr}"
        return done.stdout

    def vhost(self):
        """A new virtual host; its URL, as QUEUE takes it."""
        name = f"test/{os.getpid()}-{next(_numbers)}"
        self.api("PUT", f"vhosts/{quote(name, safe='')}", {})
        self.api("PUT", f"permissions/{quote(name, safe='')}/{self.user}", {"configure": ".*", "write": ".*", "read": ".*"})
        return self.url(name)

    def url(self, vhost, port=None):
        """@param port of a proxy in front of it"""
        return f"amqp://{self.user}:{quote(self.password, safe='')}@127.0.0.1:{port or self.port}/{quote(vhost, safe='')}"

    def close(self):
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
        super().close()


@contextmanager
def serving(kind, **options):
    """A server of this class until the block ends; a skip where it is not installed."""
    if not kind.installed():
        pytest.skip(f"no {kind.__name__} server (apt-get install {kind.package})")
    server = kind(**options)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def postgres_server():
    with serving(PostgreSQL) as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq_server():
    with serving(RabbitMQ) as server:
        yield server
