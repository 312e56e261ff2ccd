# SPDX-License-Identifier: Apache-2.0
"""A server: its process comes and goes while its data, its ports and its log stay."""
import os
import shutil
import signal
import time
from pathlib import Path

from . import Fault, log
from .account import Launcher
from .process import PATIENCE, Process

# What the servers find on PATH is the system's, whatever else comes first there.
SYSTEM_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"


def which(program, folder=None):
    """Its path: in a folder of its own, or where the servers find it."""
    found = shutil.which(program, path=folder or f"{SYSTEM_PATH}:{os.environ.get('PATH', '')}")
    if not found:
        raise Fault(f"{program} is not {f'in {folder}' if folder else 'installed; run make setup'}")
    return found


def require(*programs):
    for program in programs:
        which(program)


class Server:
    """Each kind says what it is: `command`, `answers`, and what differs from the rest.

    @param directory its data and configuration
    @param log_path  default: output.log in it
    @param launcher, account who it runs as: see account.py"""
    title = None             # as a person calls it
    stop_signal = signal.SIGTERM
    death_signal = None      # what it gets when we are killed ourselves; None: the same
    patience = 60            # seconds that it is given to stop
    show = False             # its standard output is for the person at the terminal

    def __init__(self, name, directory, log_path=None, launcher=None, account=None):
        self.name, self.directory = name, Path(directory)
        self.title = self.title or name
        self.log_path = Path(log_path or self.directory / "output.log")
        self.launcher, self.account = launcher or Launcher(), account
        self.process = None
        self.started_at = None

    # ---- what a kind of server says

    def command(self):
        raise NotImplementedError

    def environment(self):
        """All of it."""
        return dict(os.environ)

    def answers(self):
        """Whether it does what it is for, asked without patience."""
        return True

    def drilled(self):
        """Whether its end is part of a drill (drill.py): it is started again then, whatever ON_DEATH says."""
        return False

    def held_back(self):
        """Whether a drill wants it to stay dead for now."""
        return False

    def prepare(self):
        """What must be there before its first start."""

    # ---- what all have in common

    def seen(self, path):
        return self.launcher.seen(path)

    def launch(self):
        """Started, not waited for."""
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
        """Whether what it ends with when it is stopped is of no matter."""
        return False

    def running(self):
        return self.process is not None and self.process.running()

    def ready(self):
        """Whether it answers; a fault when it has ended."""
        if not self.process.running():
            raise Fault(f"{self.title} ended with {self.process.ended_with()}:\n{log.tail(self.log_path, 30)}")
        return self.answers()

    def start(self, seconds=PATIENCE):
        """Started, and waited for until it answers."""
        self.launch()
        self.wait_ready(seconds)
        return self

    def wait_ready(self, seconds=PATIENCE):
        wait_until(f"{self.title} ready", self.ready, seconds)

    def stop(self, seconds=PATIENCE):
        """Asked to end, and waited for; the exit status."""
        return self.process.stop(seconds, self.stop_signal) if self.process else 0

    def kill(self):
        """SIGKILL, as the kernel's when memory is short."""
        if self.running():
            self.process.kill()


def wait_until(what, condition, seconds=PATIENCE, interval=0.05):
    """The first true value of `condition()`; a fault that names `what` when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise Fault(f"{what}: not within {seconds} s")
        time.sleep(interval)
