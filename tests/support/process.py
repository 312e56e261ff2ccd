# SPDX-License-Identifier: Apache-2.0
"""A server process under test: its output in a file, its end certain, whatever becomes of the test."""
import ctypes
import os
import signal
import subprocess

from .ports import PATIENCE

_libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """In the child, before exec: a killed pytest takes its servers with it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # it is ignored where the tests run in a shell's background
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Process:
    def __init__(self, name, command, log_path, env=None, cwd=None, new_session=False):
        self.name = name
        self.log_path = log_path
        with open(log_path, "ab") as log:
            self.popen = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=env, cwd=cwd, preexec_fn=die_with_parent, start_new_session=new_session)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def signal(self, number):
        self.popen.send_signal(number)

    def signal_group(self, number):
        os.killpg(self.popen.pid, number)

    def wait(self, seconds=PATIENCE):
        seconds = max(seconds, PATIENCE)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {seconds} s; its log:\n{self.log()[-3000:]}") from None

    def stop(self, seconds=PATIENCE):
        """SIGTERM; the exit status."""
        if self.running():
            self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        if self.running():
            self.popen.kill()
        return self.popen.wait()
