# SPDX-License-Identifier: Apache-2.0
"""A child process. Its output is appended to a file. It dies when we do, however we end."""
import ctypes
import os
import signal
import subprocess

from . import Fault

PATIENCE = 180  # seconds before anything fails for being slow: the machine may be busy

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def libc(name, *arguments):
    """Call a libc function that returns -1 and sets errno."""
    if getattr(_libc, name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def fresh_signals():
    """In the child: reset ignored and blocked signals, which the server must not inherit."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP, signal.SIGTTOU):
        signal.signal(number, signal.SIG_DFL)


def die_with(parent, number=signal.SIGKILL):
    """In the child, before exec and after any change of user, which resets it: send us this signal when `parent` dies for any reason.
    The kernel watches the *thread* that forked us."""
    libc("prctl", _PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:  # it died before prctl()
        os._exit(1)


def die_with_parent():
    """For preexec_fn, if there is nothing else to prepare."""
    fresh_signals()
    libc("prctl", _PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


class Process:
    """@param become    called in the child before exec, to change the user (see account.py)
    @param death_signal its signal when we die
    @param show         its standard output goes to ours; only standard error goes to the log"""

    def __init__(self, name, command, log_path, env=None, cwd=None, new_session=False, become=None, death_signal=signal.SIGKILL,
                 show=False):
        self.name, self.log_path = name, log_path
        parent = os.getpid()

        def prepare():
            fresh_signals()
            if become:
                become()
            die_with(parent, death_signal)

        with open(log_path, "ab") as log:
            try:
                self.popen = subprocess.Popen(
                    [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=None if show else log, stderr=log, env=env,
                    cwd=cwd, preexec_fn=prepare, start_new_session=new_session)
            except (OSError, subprocess.SubprocessError) as error:
                raise Fault(f"{name} cannot be started ({command[0]}): {error}") from None

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def ended_with(self):
        """"status 1" or "signal KILL"; most real-time signals have only a number."""
        status = self.popen.poll()
        if status >= 0:
            return f"status {status}"
        try:
            return f"signal {signal.Signals(-status).name[3:]}"
        except ValueError:
            return f"signal {-status}"

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def signal(self, number):
        self.popen.send_signal(number)

    def signal_group(self, number):
        os.killpg(self.popen.pid, number)

    def wait(self, seconds=PATIENCE):
        """Wait for the exit status. After the time-out it is killed, which is an error."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Fault(f"{self.name} did not end within {seconds} s; its log:\n{self.log()[-3000:]}") from None

    def stop(self, seconds=PATIENCE, number=None):
        """End it, by SIGTERM by default; returns the exit status."""
        if self.running():
            self.signal(number or signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        if self.running():
            self.popen.kill()
        return self.popen.wait()
