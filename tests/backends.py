# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL and RabbitMQ for the tests: the servers of tools/stack, each with its own folder and ports. They start slowly, so there is
one of each per session. Each test has its own database or virtual host.

    def test_x(postgres_server, rabbitmq_server, make_service):
        service = make_service(STORE=postgres_server.database(), QUEUE=rabbitmq_server.vhost())
"""
import base64
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.error
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from support.ports import free_port  # imported first: it puts `stack` on the path

from stack import web
from stack.account import Launcher, account
from stack.servers import postgres, rabbitmq

_numbers = itertools.count(1)


def own_folder(kind, owner=None):
    directory = Path(tempfile.mkdtemp(prefix=f"test-{kind}-", dir="/tmp"))
    Launcher().hand_over(owner, directory)
    return directory


class PostgreSQL(postgres.PostgreSQL):
    """Needs no password. fsync is off: the tests kill servers but never cut the machine's power, and the kernel keeps what a killed
    server has written."""

    def __init__(self):
        owner = account("postgres") if os.geteuid() == 0 else None
        directory = own_folder("postgres", owner)
        super().__init__(directory, free_port(), settings={"unix_socket_directories": directory, "shared_buffers": "64MB", "fsync": "off"},
                         account=owner)
        self.prepare()
        self.start()
        self.make_role()

    def database(self):
        """Create an empty database. Return its URL, in the form that STORE accepts."""
        return self.make_database(f"test_{os.getpid()}_{next(_numbers)}")

    def close(self):
        """Immediate shutdown: nobody needs the data any more. Unlike a kill, it frees the server's shared memory."""
        if self.running():
            self.process.stop(number=signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)


class RabbitMQ(rabbitmq.RabbitMQ):
    """The user's password has characters that a URL must quote. Only the tests use the management API."""

    def __init__(self, tls=None):
        """@param tls a folder with ca.pem, server.pem and server.key. With it, the server also listens with TLS, on `tls_port`."""
        directory = own_folder("rabbitmq")
        port, dist_port, epmd_port, self.tls_port, self.http_port = (free_port() for _ in range(5))
        settings = {"management.tcp.ip": "127.0.0.1", "management.tcp.port": self.http_port,
                    "management_agent.disable_metrics_collector": "false"}
        if tls:
            settings |= {"listeners.ssl.default": f"127.0.0.1:{self.tls_port}", "ssl_options.cacertfile": tls / "ca.pem",
                         "ssl_options.certfile": tls / "server.pem", "ssl_options.keyfile": tls / "server.key"}
        epmd = rabbitmq.Epmd(directory, epmd_port, log_path=directory / "epmd.log")
        super().__init__(directory, port, dist_port, epmd, f"test-{port}", "p@ss/w:rd%", ["rabbitmq_management"], settings, "+S 2:2")
        self.prepare()
        self.epmd.start()
        self.start()

    def answers(self):
        """Both AMQP and the management API answer."""
        try:
            return super().answers() and self.api("GET", "overview") is not None
        except OSError:
            return False

    def api(self, method, path, body=None):
        """Call the management API. Return the parsed answer, or None when it has no body."""
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        try:
            return web.send(method, f"http://127.0.0.1:{self.http_port}/api/{path}", body, headers={"Authorization": f"Basic {login}"})
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()[:500]}") from None

    def ctl(self, *words):
        """Run rabbitmqctl, for what the management API cannot do."""
        done = subprocess.run([rabbitmq.PROGRAM.with_name("rabbitmqctl"), "-n", self.node, *words], env=self.environment(),
                              capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0, f"rabbitmqctl {words}: {done.stdout}{done.stderr}"
        return done.stdout

    def vhost(self):
        """Create a virtual host. Return its URL, in the form that QUEUE accepts."""
        name = f"test/{os.getpid()}-{next(_numbers)}"
        self.api("PUT", f"vhosts/{quote(name, safe='')}", {})
        self.api("PUT", f"permissions/{quote(name, safe='')}/{self.user}", {"configure": ".*", "write": ".*", "read": ".*"})
        return self.url(name)

    def close(self):
        self.kill()
        self.epmd.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


@contextmanager
def serving(kind, **options):
    """Run a server of this class until the block ends. Skip the test if it is not installed."""
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
