# SPDX-License-Identifier: Apache-2.0
"""`make drill DRILL=NAME`: breaks the running demo, prints which alert, panel and cause should appear, waits until they appear, and repairs
the demo, also after Ctrl-C. `make demo` must run in another terminal, from this checkout and with the same ports.

lock        another process holds SQLite's write lock
smtp        the mail server refuses everything
queue       the mail server is slow: e-mails wait
worker      no worker runs: jobs wait
drafts      a campaign's template uses a field that no prospect has
kill        ingest-api is killed (SIGKILL) and stays dead
disk        files of ingest-api cannot grow, as on a full disk
prometheus  Prometheus hangs (SIGSTOP)

environment: the ports of make demo; DRILL_PATIENCE seconds until all must be seen (default 1800)
exit status: 0 everything was seen and the demo is repaired; 1 something was not seen
"""
import fcntl
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time

from . import Fault, ports, web
from .process import die_with_parent
from .drill_mail import MailServer
from .run import BINARY, PORTS, VAR
from .checkout import ROOT
from .supervisor import say

BOARD = ROOT / "infra/grafana/dashboards/ingest-api.json"
API = VAR / "ingest-api"
FILE = VAR / "drill.json"
RUNBOOKS = "docs/runbooks"
LOOK_EVERY = 1


class Demo:
    """The running demo, reached through its ports."""

    def __init__(self):
        self.ports = ports.from_environment(PORTS)
        self.api = f"http://127.0.0.1:{self.ports['PORT']}"
        self.prometheus = f"http://127.0.0.1:{self.ports['PROMETHEUS_PORT']}"
        if not _is_held(VAR / "lock"):
            raise Fault("no demo of this checkout is running; run make demo in another terminal")
        kept = dict(word.split("=", 1) for word in shlex.split((VAR / "demo-organisation").read_text(encoding="utf-8")))
        self.key, self.campaigns = kept["api_key"], []

    def process(self, port):
        pid = ports.owner(self.ports[port])
        if not pid:
            raise Fault(f"no server of this checkout listens at {port}={self.ports[port]}")
        return pid

    # ---- ingest-api: the demo's supervisor restarts it with the settings in FILE

    def restart(self, **settings):
        """Restart it with these settings in addition to its own."""
        pid = self.process("PORT")
        self.say_how(settings=settings)
        os.kill(pid, signal.SIGTERM)
        self.wait_for("ingest-api started again", lambda: self.started_since(pid))

    def say_how(self, **how):
        FILE.write_text(json.dumps(how), encoding="utf-8")

    def as_it_was(self):
        """Restart it with its own settings if a drill has changed them or keeps it down."""
        if not FILE.exists():
            return
        changed = json.loads(FILE.read_text(encoding="utf-8")).get("settings")
        pid = ports.owner(self.ports["PORT"])
        self.say_how()
        if pid and changed:
            os.kill(pid, signal.SIGTERM)
        if changed or not pid:
            self.wait_for("ingest-api restored", lambda: self.started_since(pid))
        FILE.unlink()

    def started_since(self, pid):
        return ports.owner(self.ports["PORT"]) not in (None, pid) and web.answers(f"{self.api}/health/live")

    # ---- its API

    def call(self, method, path, body=None):
        return web.send(method, f"{self.api}/api/v1/{path}", body, headers={"Authorization": f"Bearer {self.key}"})

    def campaign(self, verb, body="A word, {{first_name}}?"):
        """Create and start a campaign for the drill; `verb` is drafts or send."""
        made = self.call("POST", "campaigns", {"name": "Drill", "subject_template": "A drill", "body_template": body})["id"]
        self.campaigns.append(made)
        self.call("POST", f"campaigns/{made}/start")
        self.call("POST", f"campaigns/{made}/{verb}")

    def end_campaigns(self):
        while self.campaigns:
            self.call("POST", f"campaigns/{self.campaigns.pop()}/complete")

    def resume_refused(self):
        """What an operator does once the mail server accepts our e-mails again: resume the paused campaigns."""
        for campaign in self.call("GET", "campaigns?status=paused&limit=500")["data"]:
            if campaign.get("hold"):
                self.call("POST", f"campaigns/{campaign['id']}/start")

    # ---- looking

    def why(self):
        """The output of `ingest-api why`, which also works while ingest-api is down."""
        env = os.environ | {"PORT": str(self.ports["PORT"]), "DATA_DIR": str(API), "PROMETHEUS_URL": ""}
        done = subprocess.run([BINARY, "why", "--json"], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60, check=False)
        return json.loads(done.stdout or "[]")

    def query(self, what, **parameters):
        answer = json.loads(web.fetch(web.query(f"{self.prometheus}/api/v1/{what}", **parameters), timeout=3))
        return answer["data"]

    def wait_for(self, what, condition, seconds=180):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise Fault(f"{what}: timed out after {seconds} s")
            time.sleep(0.2)


def _is_held(path):
    try:
        with open(path, "a", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def panel(title):
    """The first query of a panel of the dashboard, for all instances."""
    def all_of(panels):
        for one in panels:
            yield one
            yield from all_of(one.get("panels", []))
    board = json.loads(BOARD.read_text(encoding="utf-8"))
    found = next(one for one in all_of(board["panels"]) if one["title"] == title)
    known = {"job": "ingest-api", "__rate_interval": os.environ.get("DRILL_RATE_INTERVAL") or "1m"}
    return re.sub(r"\$(\w+)", lambda name: known.get(name[1], ".*"), found["targets"][0]["expr"])


# ---------------------------------------------------------------- the drills

class Drill:
    """A fault and what must become visible. If once is not enough, `again` repeats the fault every `again_every` s until the alert fires."""
    alerts, board, shows = (), None, None  # names of alerts; a panel; whether a value of the panel shows the fault
    part = kind = None                     # of the cause that `why` must name
    section = None                         # of the runbooks
    again_every = None
    mail = None                            # a mail server of the drill

    def __init__(self, demo):
        self.demo = demo

    def mend(self):
        self.demo.as_it_was()
        self.demo.end_campaigns()
        if self.mail:
            self.mail.close()


class Lock(Drill):
    """Another process holds SQLite's write lock."""
    alerts, board, shows = ("DatabasePoolTimeouts",), "Connection wait time", staticmethod(lambda value: value > 0.5)
    part, kind, section = "store", "locked", "database.md#databasepooltimeouts"
    _holder = None
    _program = "import sqlite3, sys; held = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None); held.execute('begin immediate'); print(1, flush=True); sys.stdin.read()"

    def break_(self):
        self._holder = subprocess.Popen([sys.executable, "-c", self._program, API / "ingest.db"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        preexec_fn=die_with_parent, start_new_session=True)
        self._holder.stdout.readline()

    def mend(self):
        if self._holder:
            self._holder.kill()
            self._holder.wait()


class Smtp(Drill):
    """The mail server refuses everything."""
    alerts, board, shows = ("CampaignSenderRefused",), "Delivery attempts", staticmethod(lambda value: value > 0)
    part, kind, section = "mail", "refused", "business.md#campaignsenderrefused"

    def break_(self):
        self.mail = MailServer("554 5.7.1 refused by the drill")
        self.demo.restart(MAIL=self.mail.url, MAIL_FROM="Demo <demo@prospectflow.example>", MAIL_REFUSALS=3)
        self.demo.campaign("send")

    def mend(self):
        self.demo.as_it_was()
        self.demo.resume_refused()
        super().mend()


class Queue(Drill):
    """The mail server is slow: e-mails wait."""
    alerts, board, shows = ("HighQueueDepth",), "Depth", staticmethod(lambda value: value > 1000)
    part, kind, section = "queue", "behind", "queue.md#highqueuedepth"

    def break_(self):
        self.mail = MailServer(None, seconds=0.5)
        self.demo.restart(MAIL=self.mail.url, MAIL_FROM="Demo <demo@prospectflow.example>")
        self.demo.campaign("send")


class Worker(Drill):
    """No worker runs: jobs wait."""
    alerts, board, shows = ("QueueNoConsumers",), "Consumers", staticmethod(lambda value: value == 0)
    part, kind, section = "queue", "unattended", "queue.md#queuenoconsumers"

    def break_(self):
        self.demo.restart(ROLE="api")
        self.demo.campaign("drafts")


class Drafts(Drill):
    """A campaign's template uses a field that no prospect has."""
    alerts, board, shows = ("OrganisationDraftsFailing", "HighDraftFailureRate"), "Drafts failing", staticmethod(lambda value: value > 0.1)
    part, kind, section = "drafts", "failing", "business.md#organisationdraftsfailing"
    again_every = 60

    def break_(self):
        self.demo.end_campaigns()
        for _ in range(2):
            self.demo.campaign("drafts", "Is it still {{drill_shoe_size}}?")

    again = break_


class Kill(Drill):
    """ingest-api is killed (SIGKILL) and stays dead."""
    alerts, board, shows = ("IngestApiDown",), "Targets up", staticmethod(lambda value: value < 1)
    part, kind, section = "service", "away", "api.md#ingestapidown"

    def break_(self):
        pid = self.demo.process("PORT")
        self.demo.say_how(hold=True)
        os.kill(pid, signal.SIGKILL)


class Disk(Drill):
    """ingest-api's files cannot grow, as on a full disk."""
    alerts, board, shows = ("DatabaseErrors", "DatabaseUnavailable", "HighErrorRate", "RouteFailing"), "Query errors", staticmethod(lambda value: value > 0)
    part, kind, section = "disk", "full", "database.md#databaseerrors"
    pid = None

    def break_(self):
        self.pid = self.demo.process("PORT")
        self._limit(4096)

    def _limit(self, soft):
        """Set the soft limit; the hard limit stays. Run as the owner of the process: in some containers root may not change it."""
        owner = os.stat(f"/proc/{self.pid}")
        as_owner = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if owner.st_uid != os.geteuid() else {}
        subprocess.run(["prlimit", f"--pid={self.pid}", f"--fsize={soft}:"], check=True, **as_owner)

    def mend(self):
        if self.pid:
            try:
                self._limit("unlimited")
            except (OSError, subprocess.CalledProcessError):
                pass


class Prometheus(Drill):
    """Prometheus hangs: none of its alerts can fire, but the dead man's switch and the dashboards' page show it."""
    part, kind, section = "monitoring", "away", "monitoring.md#watchdog"
    pid = None

    def break_(self):
        self.pid = self.demo.process("PROMETHEUS_PORT")
        os.kill(self.pid, signal.SIGSTOP)

    def mend(self):
        if self.pid:
            os.kill(self.pid, signal.SIGCONT)


DRILLS = {drill.__name__.lower(): drill for drill in (Lock, Smtp, Queue, Worker, Drafts, Kill, Disk, Prometheus)}


# ---------------------------------------------------------------- watching

class Watch:
    """Watches for the expected observations; `seen` has the seconds until each."""

    def __init__(self, demo, drill):
        self.demo, self.drill, self.began, self.seen = demo, drill, time.monotonic(), {}
        self.wanted = {"why"} | ({"alert"} if drill.alerts else {"hangs"}) | ({"panel"} if drill.board else set())

    def look(self):
        for what in self.wanted - set(self.seen):
            found = getattr(self, f"_{what}")()
            if found:
                self.seen[what] = (time.monotonic() - self.began, found)
                say(f"  after {self.seen[what][0]:6.1f} s  {what}: {found}")
        return self.wanted <= set(self.seen)

    def _alert(self):
        try:
            return next((f"{alert['labels']['alertname']} fires" for alert in self.demo.query("alerts")["alerts"]
                         if alert["state"] == "firing" and alert["labels"]["alertname"] in self.drill.alerts), None)
        except OSError:
            return None

    def _panel(self):
        try:
            values = [float(one["value"][1]) for one in self.demo.query("query", query=panel(self.drill.board))["result"]]
        except OSError:
            return None
        right = [value for value in values if self.drill.shows(value)]
        return f"\"{self.drill.board}\" shows {right[0]:.4g}" if right else None

    def _hangs(self):
        try:
            self.demo.query("query", query="1")
            return None
        except OSError:
            return "Prometheus does not answer within 3 s"

    def _why(self):
        return next((cause["text"] for cause in self.demo.why() if (cause["part"], cause["kind"]) == (self.drill.part, self.drill.kind)), None)


def run(name, demo):
    drill = DRILLS[name](demo)
    fires = " or ".join(drill.alerts) or "no alert of Prometheus; Alertmanager's dead man's switch, see infra/alertmanager/alertmanager.yml"
    boards = f"http://127.0.0.1:{demo.ports['GRAFANA_PORT']}"
    say(f"""drill {name}: {drill.__doc__}
  alert    {fires}   ({boards}/alerts)
  panel    {f'"{drill.board}"' if drill.board else 'none; the page says that Prometheus does not answer'}   ({boards})
  why      part {drill.part}, kind {drill.kind}   (PORT={demo.ports['PORT']} DATA_DIR={API} {BINARY} why)
  runbook  {RUNBOOKS}/{drill.section}
Ctrl-C repairs it at once.""")
    watch = Watch(demo, drill)
    try:
        drill.break_()
        say("  broken")
        watch.began = again = time.monotonic()
        deadline = watch.began + float(os.environ.get("DRILL_PATIENCE") or 1800)
        while not watch.look() and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY)
            if drill.again_every and "alert" not in watch.seen and time.monotonic() - again > drill.again_every:
                again = time.monotonic()
                drill.again()
    finally:
        say("  repairing")
        drill.mend()
    mended = time.monotonic()
    demo.wait_for("`why` no longer names it", lambda: not watch._why(), 600)
    say(f"  repaired: `why` no longer names it after {time.monotonic() - mended:.1f} s. The alert ends when its window has passed.")
    report(name, watch)
    return 0 if watch.wanted <= set(watch.seen) else 1


def report(name, watch):
    """Print the row for the table of docs/runbooks/README.md."""
    def cell(what):
        return "{1} ({0:.0f} s)".format(*watch.seen[what]) if what in watch.seen else "-" if what not in watch.wanted else "**not seen**"
    say(f"| {name} | {cell('alert')} | {cell('panel') if 'panel' in watch.wanted else cell('hangs')} | {cell('why')} | [{watch.drill.section}]({watch.drill.section}) |")


def _interrupt(_number, _frame):
    raise KeyboardInterrupt


def main(name):
    if name not in DRILLS:
        raise Fault(f"DRILL={name}: must be one of {', '.join(DRILLS)}")
    demo = Demo()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with open(VAR / "drill.lock", "a", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Fault("another drill is running in this checkout") from None
        try:
            return run(name, demo)
        except KeyboardInterrupt:
            say("drill: stopped; the demo is repaired")
            return 1
