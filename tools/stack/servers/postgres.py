# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL, 15 and later: the newest installed Debian version, with its own cluster on 127.0.0.1 only."""
import os
import signal
import subprocess
from pathlib import Path

from .. import Fault
from ..process import PATIENCE
from ..server import Server, wait_until


def programs():
    """The folder of the server programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


class PostgreSQL(Server):
    """`postgres` is the superuser; `ingest` owns the databases and is not a superuser, so row-level security applies to it.

    @param password_file the superuser's; without it no local client needs a password
    @param settings      lines of postgresql.conf, as {name: value}"""
    title = "PostgreSQL"
    package = "postgresql"   # for the message if it is not installed
    stop_signal = signal.SIGINT  # fast shutdown: ends sessions, loses nothing committed

    @staticmethod
    def installed():
        return programs() is not None

    def __init__(self, directory, port, password_file=None, settings=None, name="postgres", **options):
        super().__init__(name, directory, **options)
        self.port, self.password_file, self.bin = port, password_file, programs()
        self.data = self.directory / "data"
        self.settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": 200} | (settings or {})
        if self.bin is None:
            raise Fault("PostgreSQL's server is not installed; run make setup")

    def prepare(self):
        if os.geteuid() == 0 and (self.account is None or self.launcher.mode == "plain"):
            raise Fault("PostgreSQL refuses to run as root: put the checkout where other users can read it")
        if (self.data / "PG_VERSION").exists():
            return
        log_in = ["--pwfile", self.seen(self.password_file), "-A", "scram-sha-256"] if self.password_file else ["-A", "trust"]
        hurry = ["--no-sync"] if self.settings.get("fsync") == "off" else []
        done = self.launcher.run(self.account, [self.bin / "initdb", "-D", self.seen(self.data), "-U", "postgres", *log_in, *hurry,
                                                "-E", "UTF8", "--locale=C"], cwd=self.directory)
        if done.returncode:
            raise Fault(f"initdb: {done.stdout}{done.stderr}")

    def command(self):
        return [self.bin / "postgres", "-D", self.seen(self.data), *(word for name, value in self.settings.items()
                                                                     for word in ("-c", f"{name}={value}"))]

    def answers(self):
        return self._client("pg_isready", "-q").returncode == 0

    def sql(self, text, database="postgres", user="postgres"):
        """Run a statement. @return psql's output: rows as lines, columns separated by `|`"""
        done = self._client("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-U", user, "-d", database, "-c", text)
        if done.returncode:
            raise Fault(f"{text}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def _client(self, program, *words):
        env = dict(os.environ)
        if self.password_file:
            env["PGPASSWORD"] = Path(self.password_file).read_text(encoding="utf-8")
        return subprocess.run([self.bin / program, "-h", "127.0.0.1", "-p", str(self.port), *words], env=env, capture_output=True,
                              text=True, timeout=PATIENCE, check=False, start_new_session=True)

    def make_role(self, password=None, name="ingest", may="CREATEDB"):
        """Create a role if it does not exist. `ingest` owns the databases."""
        if not self.sql(f"SELECT 1 FROM pg_roles WHERE rolname = '{name}'"):
            self.sql(f"CREATE ROLE {name} LOGIN {may}" + (f" PASSWORD '{password}'" if password else ""))

    def make_database(self, name):
        """Create a database if it does not exist. @return its URL for STORE, without a password"""
        if not self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
            self.sql(f"CREATE DATABASE {name} OWNER ingest")
        return self.url(name)

    def url(self, database, port=None, password=None, role="ingest"):
        """@param port of a proxy in front of it"""
        return f"postgres://{role}{f':{password}' if password else ''}@127.0.0.1:{port or self.port}/{database}"

    def kill(self):
        """SIGKILL. Wait for its children to notice and end: they hold the port and the shared memory."""
        super().kill()
        wait_until("PostgreSQL's children gone", lambda: not self._children())

    def _children(self):
        """Processes whose working directory is our data directory."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "cwd") == str(self.data):
                    found.append(entry.name)
            except OSError:
                pass
        return found
