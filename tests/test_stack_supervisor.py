# SPDX-License-Identifier: Apache-2.0
"""The supervisor of tools/stack, with small programs as servers. With the real servers: test_run, test_demo, test_cluster."""
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from stack.process import die_with_parent
from support.ports import PATIENCE, wait_until
from support.service import ROOT

# A supervisor of shell scripts: `servers` is {name: script}, started in this order. It prints "ready" when all are started.
PROGRAM = """
import os, sys
sys.path.insert(0, {tools!r})
from stack.server import Server
from stack.supervisor import Supervisor, say
class Script(Server):
    def __init__(self, name, script):
        super().__init__(name, {folder!r}, os.path.join({folder!r}, name + ".log"))
        self.patience = 3 if name == "deaf" else 300
        self.script = script
    def command(self):
        return ["/bin/sh", "-c", self.script]
servers = {servers!r}
supervisor = Supervisor("test", {on_death!r})
def start():
    for name, script in servers.items():
        supervisor.launch(Script(name, script))
    say("ready")
sys.exit(supervisor.supervise(start))
"""
GOOD = "trap 'echo ended; exit 0' TERM; echo started; while :; do sleep 0.05; done"


class Supervised:
    def __init__(self, folder, on_death, servers):
        self.folder = folder
        program = PROGRAM.format(tools=str(ROOT / "tools"), folder=str(folder), servers=servers, on_death=on_death)
        self.output = folder / "said"
        with open(self.output, "wb") as said:
            self.popen = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
                                          preexec_fn=die_with_parent)
        wait_until("all started", lambda: "ready" in self.said or self.popen.poll() is not None)

    @property
    def said(self):
        return self.output.read_text()

    def log(self, name):
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def pids(self):
        return [int(pid) for pid in Path(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children").read_text().split()]

    def pid(self, name):
        """The pid of the last process with this name, once it handles its signals."""
        return wait_until(f"{name} runs", lambda: next((pid for pid in self.pids() if (self.folder / f"{name}.log").resolve() in links(pid)
                                                        and self.log(name).endswith("started\n")), None))

    def stop(self, number=signal.SIGTERM):
        self.popen.send_signal(number)
        return self.popen.wait(PATIENCE)


def links(pid):
    try:
        return {Path(os.readlink(f"/proc/{pid}/fd/{fd}")) for fd in os.listdir(f"/proc/{pid}/fd")}
    except OSError:
        return set()


@pytest.fixture
def supervised(tmp_path):
    made = []

    def make(on_death="stop", **servers):
        made.append(Supervised(tmp_path, on_death, servers))
        return made[-1]
    yield make
    for one in made:
        if one.popen.poll() is None:
            one.popen.kill()
            one.popen.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_requested_stop_is_not_an_error(supervised, number):
    stack = supervised(first=GOOD, second=GOOD)
    stack.pid("first"), stack.pid("second")
    assert stack.stop(number) == 0
    assert stack.said == "ready\ntest: stopping\ntest: stopped\n"
    assert stack.log("first") == stack.log("second") == "started\nended\n"


def test_the_last_one_started_stops_first(supervised, tmp_path):
    order = tmp_path / "order"
    script = f"trap 'echo %s >>{order}; exit 0' TERM; echo started; while :; do sleep 0.05; done"
    stack = supervised(**{name: script % name for name in ("one", "two", "three")})
    for name in ("one", "two", "three"):
        stack.pid(name)
    assert stack.stop() == 0
    assert order.read_text().split() == ["three", "two", "one"]


def test_on_death_stop(supervised):
    stack = supervised(good=GOOD, bad=GOOD)
    pid = stack.pid("bad")
    os.kill(pid, signal.SIGKILL)
    assert stack.popen.wait(PATIENCE) == 1
    assert re.search(rf"test: bad \(pid {pid}\) has ended with signal KILL; the end of \S+/bad.log:\n +started\n", stack.said), stack.said
    assert stack.log("good") == "started\nended\n"


def test_a_server_that_is_held_back_costs_no_cpu(tmp_path):
    """A drill holds the restart of a server back for as long as it likes."""
    looks = tmp_path / "looks"
    program = PROGRAM.format(tools=str(ROOT / "tools"), folder=str(tmp_path), servers={"only": "exit 1"}, on_death="restart").replace(
        "    def command(self):", f"""    looks, until = 0, None
    def held_back(self):
        import time
        self.until = self.until or time.monotonic() + 2
        self.looks += 1
        if time.monotonic() < self.until:
            return True
        open({str(looks)!r}, "w").write(str(self.looks))
        os.kill(os.getpid(), 15)
        return True
    def command(self):""")
    done = subprocess.run([sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert "it is restarted in" in done.stderr
    assert 1 <= int(looks.read_text()) <= 40, "it looks about ten times a second"


def test_on_death_keep(supervised):
    stack = supervised("keep", good=GOOD, bad=GOOD)
    good = stack.pid("good")
    os.kill(stack.pid("bad"), signal.SIGKILL)
    wait_until("the message is printed", lambda: "has ended with signal KILL; the others keep running" in stack.said)
    assert stack.pids() == [good] and stack.popen.poll() is None
    assert stack.stop() == 0, "a requested stop must not be an error"
    # When the last server dies, the supervisor ends.
    stack = supervised("keep", only=GOOD)
    os.kill(stack.pid("only"), signal.SIGKILL)
    assert stack.popen.wait(PATIENCE) == 1


def test_on_death_restart(supervised):
    stack = supervised("restart", good=GOOD, bad=GOOD)
    good, first = stack.pid("good"), stack.pid("bad")
    os.kill(first, signal.SIGKILL)
    wait_until("the message is printed", lambda: "bad is restarted" in stack.said)
    wait_until("the log is continued", lambda: stack.log("bad") == "started\nstarted\n")  # pid() knows only that it begins so
    second = stack.pid("bad")
    assert second != first and stack.pid("good") == good
    # A second death at once: now it waits longer before the restart.
    os.kill(second, signal.SIGKILL)
    wait_until("the message is printed", lambda: "restarted in 2 s" in stack.said)
    assert stack.stop() == 0, "it must stop while a server waits for its restart"


def test_a_server_that_does_not_stop_is_killed(supervised):
    stack = supervised(deaf="trap '' TERM; echo started; while :; do sleep 0.05; done", fails="trap 'exit 3' TERM; echo started; while :; do sleep 0.05; done")
    stack.pid("deaf"), stack.pid("fails")
    assert stack.stop() == 1
    assert "deaf" in stack.said and "did not stop within 3 s; killing it" in stack.said
    assert re.search(r"test: fails ended with status 3; see \S+/fails.log", stack.said)


def test_a_second_signal_kills_at_once(supervised):
    stack = supervised(stubborn="trap '' TERM; echo started; while :; do sleep 0.05; done")
    pid = stack.pid("stubborn")
    stack.popen.send_signal(signal.SIGINT)
    wait_until("it is stopping", lambda: "stopping" in stack.said)
    assert stack.stop(signal.SIGINT) == 1
    assert not Path(f"/proc/{pid}").exists()


def test_a_killed_supervisor_leaves_no_servers(supervised):
    stack = supervised(one=GOOD, two=GOOD)
    pids = [stack.pid("one"), stack.pid("two")]
    stack.popen.kill()
    wait_until("the servers gone", lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()])
    assert stack.log("one") == stack.log("two") == "started\nended\n", "each server must end by its own handler"


def test_a_server_that_cannot_start(supervised):
    stack = supervised(good=GOOD, bad="echo no way; exit 7")
    assert stack.popen.wait(PATIENCE) == 1
    assert "has ended with status 7" in stack.said and "    no way\n" in stack.said


def test_a_fault_after_a_death_names_the_dead_server(tmp_path):
    """The start gives up because a server is dead, before the supervisor has looked for dead ones."""
    program = PROGRAM.format(tools=str(ROOT / "tools"), folder=str(tmp_path), servers={"bad": "exit 7"}, on_death="stop").replace(
        '    say("ready")', '    supervisor.servers[0].process.popen.wait()\n    from stack import Fault\n    raise Fault("it does not answer")')
    done = subprocess.run([sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1 and re.match(r"test: bad \(pid \d+\) has ended with status 7;", done.stderr), done.stderr
    assert done.stderr.endswith("test: it does not answer\n")


def test_an_unknown_on_death_is_refused(supervised):
    stack = supervised("maybe", good=GOOD)
    assert stack.popen.wait(PATIENCE) == 1 and "ON_DEATH=maybe: must be one of stop, keep, restart" in stack.said


def test_ctrl_c_under_make_is_not_an_error(tmp_path):
    """On Ctrl-C, make would end before the servers. So the supervisor takes the terminal's foreground, and gives it back to make at its end."""
    from support.checkout import Stack
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(tools=str(ROOT / "tools"), folder=str(tmp_path), on_death="stop", servers={
        "slow": "trap 'sleep 0.5; echo ended; exit 0' TERM; echo started; while :; do sleep 0.05; done"}))
    (tmp_path / "Makefile").write_text(textwrap.dedent(f"""\
        run:
        \t@{sys.executable} {program}
        \t@{sys.executable} -c 'import os; print("foreground" if os.tcgetpgrp(0) == os.getpgrp() else "background")'
        """))
    class Folder:
        root = tmp_path
    stack = Stack(Folder, ["make"], dict(os.environ))
    try:
        wait_until("started", lambda: "ready" in stack.said and (tmp_path / "slow.log").read_text() == "started\n")
        stack.press_ctrl_c()
        assert stack.wait() == 0, stack.said
        assert stack.said.replace("^C", "") == "ready\ntest: stopping\ntest: stopped\nforeground\n"
        assert (tmp_path / "slow.log").read_text() == "started\nended\n"
    finally:
        stack.close()
