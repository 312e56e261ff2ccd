# SPDX-License-Identifier: Apache-2.0
"""A server: its process may be restarted; its data, ports and log stay."""
import os
import shutil
import signal
import time
from pathlib import Path

from . import Fault, log
from .account import Launcher
from .process import PATIENCE, Process

# The servers' PATH begins with the system's folders.
SYSTEM_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"


def which(program, folder=None):
    """Its path: in a given folder, or on the servers' PATH."""
    found = shutil.which(program, path=folder or f"{SYSTEM_PATH}:{os.environ.get('PATH', '')}")
    if not found:
        raise Fault(f"{program} is not {f'in {folder}' if folder else 'installed; run make setup'}")
    return found


def require(*programs):
    for program in programs:
        which(program)


class Server:
    """Each kind defines `command`, `answers`, and what differs from the defaults.

    @param directory its data and configuration
    @param log_path  default: output.log in it
    @param launcher, account the user that it runs as: see account.py"""
    title = None             # as a person calls it
    stop_signal = signal.SIGTERM
    death_signal = None      # its signal when we are killed; None: stop_signal
    patience = 60            # seconds to stop before it is killed
    show = False             # its standard output goes to the terminal

    def __init__(self, name, directory, log_path=None, launcher=None, account=None):
        self.name, self.directory = name, Path(directory)
        self.title = self.title or name
        self.log_path = Path(log_path or self.directory / "output.log")
        self.launcher, self.account = launcher or Launcher(), account
        self.process = None
        self.started_at = None

    # ---- to be defined by a kind of server

    def command(self):
        raise NotImplementedError

    def environment(self):
        """The complete environment."""
        return dict(os.environ)

    def answers(self):
        """Whether it works: one request with a short time-out."""
        return True

    def drilled(self):
        """Whether a drill (drill.py) has ended it. It is then restarted, whatever ON_DEATH says."""
        return False

    def held_back(self):
        """Whether a drill keeps it down for now."""
        return False

    def prepare(self):
        """Prepare its first start."""

    # ---- common to all

    def seen(self, path):
        return self.launcher.seen(path)

    def launch(self):
        """Start it without waiting."""
        env = self.environment()
        env["PATH"] = f"{SYSTEM_PATH}:{env.get('PATH', '')}"
        log.rotate(self.log_path)
        self.started_at = time.monotonic()
        self.process = Process(self.name, self.command(), self.log_path, env, self.working_directory(), True,
                               self.launcher.become(self.account), self.death_signal or self.stop_signal, self.show)
        return self

    def working_directory(self):
        return self.directory

    def any_status(self):
        """Whether to ignore its exit status when it is stopped."""
        return False

    def running(self):
        return self.process is not None and self.process.running()

    def ready(self):
        """Whether it answers; an error if it has ended."""
        if not self.process.running():
            raise Fault(f"{self.title} ended with {self.process.ended_with()}:\n{log.tail(self.log_path, 30)}")
        return self.answers()

    def start(self, seconds=PATIENCE):
        """Start it and wait until it answers."""
        self.launch()
        self.wait_ready(seconds)
        return self

    def wait_ready(self, seconds=PATIENCE):
        wait_until(f"{self.title} ready", self.ready, seconds)

    def stop(self, seconds=PATIENCE):
        """End it and wait; returns the exit status."""
        return self.process.stop(seconds, self.stop_signal) if self.process else 0

    def kill(self):
        """SIGKILL, as by the kernel's OOM killer."""
        if self.running():
            self.process.kill()


def wait_until(what, condition, seconds=PATIENCE, interval=0.05):
    """The first true value of `condition()`; after the time-out an error that names `what`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise Fault(f"{what}: timed out after {seconds} s")
        time.sleep(interval)
