# SPDX-License-Identifier: Apache-2.0
"""Runs several servers in the foreground: starts them, watches them and stops them in reverse order.

A requested stop (Ctrl-C, SIGTERM, a hang-up) ends with status 0 and no error message. A server that dies is reported; ON_DEATH
says what to do then: `stop` all others, `keep` them, or `restart` it. Signal handlers only set a flag and end a pause(); the current
step is completed first.
"""
import fcntl
import os
import select
import signal
import sys
import time

from . import Fault, log
from .process import PATIENCE

ON_DEATH = ("stop", "keep", "restart")
RESTART_FIRST, RESTART_LAST = 1, 60  # seconds until a restart; doubled each time it dies within RESTART_LAST
LOGS_EVERY = 10                      # seconds


class Stopped(Exception):
    """We were asked to stop."""


class Died(Exception):
    """A server has died and was reported; the others must stop."""


def nobody_reads(stream):
    """Redirect the stream to /dev/null: output that stays in its buffer would make Python exit with status 120."""
    with open(os.devnull, "w", encoding="ascii") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


def say(*words):
    """Print a line. A closed terminal must not end us."""
    try:
        if sys.stdout.isatty() and os.get_terminal_size(sys.stdout.fileno()).columns:
            print("\033[K", end="")  # erase demo-traffic's status line
        print(*words, flush=True)
    except OSError:
        nobody_reads(sys.stdout)


def warn(program, text):
    for line in text.splitlines():
        try:
            print(line if line.startswith(" ") else f"{program}: {line}", file=sys.stderr, flush=True)
        except OSError:
            nobody_reads(sys.stderr)


def only_one(path, message):
    """Hold a lock until we exit; an error if another process has it. Servers do not inherit it."""
    lock = open(path, "a", encoding="ascii")  # noqa: SIM115 - it is held, not read
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Fault(message) from None
    return lock


class Terminal:
    """Make Ctrl-C reach only us, not the make that started us, which would end earlier and print an error. Undone at the end. Not done
    in the background, or if we already lead our process group, as under a shell."""

    def __init__(self):
        self._fd = self._owner = None

    def take(self):
        try:
            fd = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return
        owner = os.getpgrp()
        if owner == os.getpid() or os.tcgetpgrp(fd) != owner:
            os.close(fd)
            return
        self._fd, self._owner = fd, owner
        # Ignore Ctrl-Z: the shell does not know our process group and could not resume us.
        for number in (signal.SIGTTOU, signal.SIGTSTP):
            signal.signal(number, signal.SIG_IGN)
        os.setpgid(0, 0)
        os.tcsetpgrp(fd, os.getpgrp())

    def give_back(self):
        try:
            if self._fd is not None and os.tcgetpgrp(self._fd) == os.getpgrp():
                os.tcsetpgrp(self._fd, self._owner)
        except OSError:  # hung up
            pass


class Supervisor:
    def __init__(self, program, on_death="stop", reload=None):
        """@param reload called on SIGHUP instead of ending, if there is no terminal"""
        if on_death not in ON_DEATH:
            raise Fault(f"ON_DEATH={on_death}: must be one of {', '.join(ON_DEATH)}")
        self.program, self.on_death = program, on_death
        self.servers = []        # running or waiting for a restart
        self.deaths = 0
        self._ended = {}         # server: [on_end, on_failure] of launch()
        self._whens = []
        self._again = {}         # server: [time of its restart, seconds of waiting]
        self._wanted, self._hurry, self._stopping = False, False, False
        self._logs_at = time.monotonic()
        self._wake, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, self._note)
        self._reload = reload

    def _note(self, number, _frame):
        if number == signal.SIGHUP and self._reload:
            self._reload()
        elif number != signal.SIGCHLD:
            self._hurry = self._stopping
            self._wanted = True

    def pause(self, seconds):
        """Wait so many seconds or until a child ends; raises Stopped if we were asked to stop."""
        select.select([self._wake], [], [], max(seconds, 0))
        try:
            while os.read(self._wake, 4096):
                pass
        except BlockingIOError:
            pass
        if self._wanted and not self._stopping:
            raise Stopped

    # ---- starting

    def launch(self, server, on_end=None, on_failure=None):
        """@param on_end  called when it exits with status 0, which then does not count as a death
        @param on_failure called with the status of any other end, which then does not stop the rest"""
        if self._wanted:
            raise Stopped
        server.prepare()
        server.launch()
        self.servers.append(server)
        self._ended[server] = [on_end, on_failure]
        return server

    def when(self, condition, then):
        """Call then() once `condition()` is true, without waiting for it."""
        self._whens.append([condition, then])

    def wait_for(self, what, condition, seconds=PATIENCE):
        """Wait for `condition()`; OSError counts as false. A death meanwhile, or the time-out, stops everything."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return
            except OSError:
                pass
            self.check(starting=True)
            if time.monotonic() >= deadline:
                raise Fault(f"{what}: timed out after {seconds} s")
            self.pause(0.1)

    def wait_ready(self, *servers):
        for server in servers:
            self.wait_for(f"{server.title} ready", server.answers)

    # ---- watching

    def watch(self):
        """Watch until Stopped, or until a death stops everything."""
        while True:
            self.check()
            if self.on_death == "keep" and not self.servers:
                raise Died
            soonest = min([when for when, _ in self._again.values()], default=time.monotonic() + 1)
            # At least 0.1 s: a server that is due may be held back.
            self.pause(min(max(soonest - time.monotonic(), 0.1), 1))

    def check(self, starting=False):
        """Handle ended servers, restart those that are due, rotate large logs."""
        for server in list(self.servers):
            if not server.running() and server not in self._again:
                self._has_ended(server, starting)
        for server, (when, _) in list(self._again.items()):
            if time.monotonic() >= when and not server.held_back():
                self._start_again(server)
        for when in list(self._whens):
            if when[0]():
                self._whens.remove(when)
                when[1]()
        if time.monotonic() - self._logs_at >= LOGS_EVERY:
            self._logs_at = time.monotonic()
            for server in self.servers:
                log.rotate_open(server.log_path)

    def _has_ended(self, server, starting):
        how = server.process.ended_with()
        on_end, on_failure = self._ended[server]
        if on_failure or (on_end and how == "status 0"):
            self.servers.remove(server)
            on_end() if how == "status 0" else on_failure(how)
            return
        self.deaths += 1
        seconds = self._seconds_until_again(server)
        on_death = "restart" if server.drilled() else "stop" if starting else self.on_death
        then = {"stop": "", "keep": "; the others keep running (ON_DEATH=restart would restart it)",
                "restart": f"; it is restarted in {seconds} s"}[on_death]
        warn(self.program, f"{server.name} (pid {server.process.pid}) has ended with {how}{then}; the end of {server.log_path}:\n"
             + log.tail(server.log_path))
        if on_death == "restart":
            self._again[server] = [time.monotonic() + seconds, seconds]
            return
        self.servers.remove(server)
        if on_death == "stop":
            raise Died

    def _seconds_until_again(self, server):
        if server.started_at is None or time.monotonic() - server.started_at > RESTART_LAST or not hasattr(server, "restarted_after"):
            return RESTART_FIRST
        return min(server.restarted_after * 2, RESTART_LAST)

    def _start_again(self, server):
        _, server.restarted_after = self._again.pop(server)
        server.launch()
        say(f"{self.program}: {server.name} is restarted (pid {server.process.pid})")

    # ---- stopping

    def stop(self):
        """Stop in reverse order; returns whether all ended cleanly. A second Ctrl-C kills them."""
        self._stopping = True
        good = True
        while self.servers:
            server = self.servers.pop()
            if server.process is not None and server not in self._again:
                good = self._stop(server) and good
        return good

    def _stop(self, server):
        if server.running():
            server.process.signal(server.stop_signal)
        deadline = time.monotonic() + server.patience
        while server.running():
            if self._hurry or time.monotonic() >= deadline:
                warn(self.program, f"{server.name} (pid {server.process.pid}) did not stop within {server.patience} s; killing it")
                server.process.signal_group(signal.SIGKILL)
                server.process.wait()
                return False
            self.pause(0.05)
        how = server.process.ended_with()
        # Ended by the signal itself: it had not installed its handler yet.
        if how in ("status 0", f"signal {server.stop_signal.name[3:]}") or server.any_status():
            return True
        warn(self.program, f"{server.name} ended with {how}; see {server.log_path}")
        return False

    def _report_the_dead(self):
        """The fault that comes next may be the consequence of a server's death."""
        try:
            self.check(starting=True)
        except Died:
            pass

    # ---- the whole

    def supervise(self, start):
        """start(), watch() until the end, stop all; returns the exit status."""
        status, terminal = 0, Terminal()
        try:
            if not self._reload:
                terminal.take()
            start()
            self.watch()
        except Stopped:
            pass
        except Died:
            status = 1
        except Fault as fault:
            self._report_the_dead()
            warn(self.program, str(fault))
            status = 1
        finally:
            if self.servers and not self._reload:
                say(f"{self.program}: stopping")
            if not self.stop():
                status = 1
        if status == 0:
            say(f"{self.program}: stopped")
        terminal.give_back()
        return status
