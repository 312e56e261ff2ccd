# SPDX-License-Identifier: Apache-2.0
"""A copy of the checkout, with its own var/, in which a test can start the whole stack."""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import threading
from pathlib import Path

from stack.process import die_with_parent

from .ports import PATIENCE, free_port, is_listening, wait_until
from .service import BUILD, ROOT, clean_environment

STACK = "tools/stack/__main__.py"
PROGRAMS = ("apps/ingest-api/ingest-api", "tools/demo/demo-traffic")
SERVERS = {"ingest-api", "prometheus", "prometheus-alertmanager"}
HELPERS = ("python3", "promtool", "amtool", "sh", "")  # short-lived children of the supervisor; python3: a child before its exec
PORTS = ("PORT", "PROMETHEUS_PORT", "ALERTMANAGER_PORT")


class Checkout:
    def __init__(self, directory, programs=True):
        """With `programs`, the built programs are copied too. Without, `make` builds them there."""
        self.root = Path(directory)
        self.ports = {name: free_port() for name in (*PORTS, "GRAFANA_PORT")}
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                                capture_output=True, check=True).stdout.decode().split("\0")
        for name in listed:
            if name and not name.startswith(("bench/", "infra/grafana/", "tools/dashboard-preview/")) and (ROOT / name).exists():
                to = self.root / name
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, to)
        if programs:
            # The programs, and the shared libraries that they find by a relative path.
            for built in [BUILD / name for name in PROGRAMS] + list(BUILD.glob("lib/**/*.so*")):
                if built.is_dir():
                    continue
                to = self.root / "build" / built.relative_to(BUILD)
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(built, to, follow_symlinks=False)
        self.stacks = []

    def start(self, *command, **env):
        """Start the stack in its own terminal, as a user does."""
        stack = Stack(self, command, clean_environment(**(self.ports | env)))
        self.stacks.append(stack)
        return stack

    def run(self, *command, **env):
        """Run a command that ends by itself. Return (status, all its output)."""
        done = subprocess.run(command, cwd=self.root, env=clean_environment(**(self.ports | env)), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1200)
        return done.returncode, done.stdout

    def port_is_free(self, name):
        return not is_listening(self.ports[name])

    def ports_are_free(self):
        return all(self.port_is_free(name) for name in PORTS)

    def log(self, name):
        return (self.root / "var/log" / f"{name}.log").read_text(errors="replace")

    def close(self):
        for stack in self.stacks:
            stack.close()
        wait_until("the ports free again", self.ports_are_free)


class Stack:
    def __init__(self, checkout, command, env):
        self.checkout = checkout
        self.master, slave = pty.openpty()

        def in_terminal():
            die_with_parent()
            os.setsid()
            import fcntl
            import termios
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.popen = subprocess.Popen(command, cwd=checkout.root, env=env, stdin=slave, stdout=slave, stderr=slave,
                                      preexec_fn=in_terminal)
        os.close(slave)
        self._said = bytearray()
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while not self._closed.is_set():
            try:
                if select.select([self.master], [], [], 0.1)[0]:
                    data = os.read(self.master, 65536)
                    if not data:
                        return
                    self._said += data
            except (OSError, ValueError):
                return

    @property
    def said(self):
        return self._said.decode(errors="replace").replace("\r\n", "\n")

    def ready(self, seconds=PATIENCE):
        def look():
            assert self.popen.poll() is None, f"the stack ended with {self.popen.returncode}:\n{self.said}"
            return "Ctrl-C stops everything." in self.said
        try:
            wait_until("the stack ready", look, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said}") from None
        return self

    def started(self, seconds=PATIENCE):
        """Wait until every server runs. They need not be ready yet."""
        def look():
            assert self.popen.poll() is None, f"the stack ended with {self.popen.returncode}:\n{self.said}"
            return set(self.servers()) == SERVERS
        wait_until("every server started", look, seconds)
        return self

    def curl_lines(self):
        return re.findall(r"^(?:curl |campaign=|ls ).*$", self.said, re.MULTILINE)

    def press_ctrl_c(self):
        os.write(self.master, b"\x03")

    def hang_up(self):
        self._closed.set()
        self._reader.join()
        os.close(self.master)
        self.master = None

    def wait(self, seconds=PATIENCE):
        """Wait for the end. Return the exit status; all output has been read by then."""
        try:
            status = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the stack did not end within {seconds} s:\n{self.said}") from None
        if self.master is not None and not self._closed.is_set():
            self._reader.join(PATIENCE)  # until the other end of the terminal is closed
        return status

    def servers(self):
        """{name: pid} of the processes below the supervisor."""
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                name = Path((entry / "cmdline").read_bytes().split(b"\0")[0].decode()).name
            except (OSError, IndexError):
                continue
            if parent in (self.popen.pid, self._supervisor()) and name not in HELPERS:
                found[name] = int(entry.name)
        return found

    def children(self):
        """The pids of all processes that the supervisor has started and not yet reaped."""
        supervisor = self._supervisor()
        return [int(pid) for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()]

    def _supervisor(self):
        """The supervisor's pid. Under make, it is a child of make; otherwise it is the started process itself."""
        children = Path(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children")
        try:
            if b"make" not in Path(f"/proc/{self.popen.pid}/cmdline").read_bytes().split(b"\0")[0]:
                return self.popen.pid
            return int(children.read_text().split()[0])
        except (OSError, IndexError):
            return self.popen.pid

    def close(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        if self.master is not None:
            self.hang_up()
