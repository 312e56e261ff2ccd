# SPDX-License-Identifier: Apache-2.0
"""`make monitoring-*`: the monitoring stack in the background: in containers if a Docker engine answers and `docker compose` exists, else
natively. (`make run` is different: it runs the service and the stack natively in the foreground.)

Natively each server has a keeper: a supervisor in the background that restarts it when it dies and forwards SIGHUP. The keeper's pid is in
var/monitoring/NAME.pid, its output in var/log/monitoring.log.

environment: MONITORING=docker|native overrides the choice; PORT PROMETHEUS_PORT ALERTMANAGER_PORT GRAFANA_PORT;
             ALERTMANAGER_SECRETS folder of secret files, see infra/alertmanager/alertmanager.yml (default var/secrets);
             COMPOSE_PROFILES backends, mail; ON_DEATH what to do if a server dies: restart it (default) or stop
exit status: 0 done, or everything runs; 1 otherwise
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from . import Fault, compose, ports, server, web
from .account import Launcher
from .checkout import ROOT, flags, render_alertmanager, render_prometheus
from .run import PAGE, VAR
from .servers.alertmanager import Alertmanager
from .servers.others import Boards
from .servers.prometheus import Prometheus
from .supervisor import Supervisor, say, warn

PORTS = {"PORT": 3000, "PROMETHEUS_PORT": 9090, "ALERTMANAGER_PORT": 9093, "GRAFANA_PORT": 3001}
STATE, LOGS = VAR / "monitoring", VAR / "log"
PROGRAMS = {"prometheus": ("prometheus", "promtool"), "alertmanager": ("prometheus-alertmanager", "amtool"), "grafana": ()}
COMMANDS = ([["up"], ["down"], ["status"], ["reload"]] + [[f"{name}-up"] for name in PROGRAMS] + [["keep", name] for name in PROGRAMS])
SHOWN = {"prometheus": "Prometheus", "alertmanager": "Alertmanager", "grafana": "the dashboard page"}


def word(text):
    say(f"monitoring: {text}")


def how():
    asked = os.environ.get("MONITORING", "")
    if asked in ("docker", "native"):
        return asked
    if asked:
        raise Fault(f"MONITORING={asked}: must be docker or native")
    return "docker" if compose.answers() else "native"


# ---------------------------------------------------------------- natively

class Natively:
    def __init__(self):
        self.ports = ports.from_environment(PORTS)
        self.launcher = Launcher(ROOT)
        self.user = self.launcher.identity("prometheus")
        STATE.mkdir(parents=True, exist_ok=True)
        LOGS.mkdir(parents=True, exist_ok=True)
        unable = self.launcher.choose([self.user], STATE)
        if unable:
            warn("monitoring", unable)
        self.channels = []

    def server(self, name):
        server.require(*PROGRAMS[name])
        options = {"log_path": LOGS / f"{name}.log", "launcher": self.launcher, "account": self.user}
        links = url("GRAFANA_PORT") if (PAGE / "dist/index.html").exists() else None  # Debian's have no pages of their own
        if name == "prometheus":
            return Prometheus(STATE / name, self.ports["PROMETHEUS_PORT"], links=links, **options)
        if name == "alertmanager":
            return Alertmanager(STATE / name, self.ports["ALERTMANAGER_PORT"], links=links, **options)
        asks = {"PROMETHEUS_URL": url("PROMETHEUS_PORT"), "ALERTMANAGER_URL": url("ALERTMANAGER_PORT"), "API_URL": url("PORT"), "LOGS_DIR": str(LOGS)}
        return Boards(PAGE, self.ports["GRAFANA_PORT"], asks, "grafana", log_path=LOGS / "grafana.log")

    def render(self, one):
        if one.name == "prometheus":
            render_prometheus(one, self.ports)
        elif one.name == "alertmanager":
            self.channels = render_alertmanager(one, url("GRAFANA_PORT"))

    def up(self, name):
        if keeper(name):
            word(f"{SHOWN[name]} is already running")
            return
        if name == "grafana":
            require_page()
        one = self.server(name)
        setting = f"{name.upper()}_PORT"
        ports.require_free({setting: self.ports[setting]}, f"make {name}-up")
        self.render(one)
        began = one.log_path.stat().st_size if one.log_path.exists() else 0
        self._keep(name)
        end = time.monotonic() + 180
        while not one.answers():
            if not keeper(name) or time.monotonic() >= end:
                with open(one.log_path, encoding="utf-8", errors="replace") as log:
                    log.seek(began)
                    said = log.read()[-2000:]
                down(name)
                raise Fault(f"{SHOWN[name]} did not become ready:\n{said}")
            time.sleep(0.1)
        if name == "grafana":
            word(f"dashboards: {one.url} (this is not Grafana: no Docker engine answers)")
            return
        word(f"{one.title} ready: {one.url}")
        if name == "alertmanager":
            word(f"alerts go to {', '.join(self.channels) or 'nobody (no secret files); the dashboard page shows them'}")
        else:
            server.wait_until("Prometheus's rules loaded", one.rules)
            word("Prometheus's rules are loaded")

    def _keep(self, name):
        """Start it in its own session, so that it outlives us."""
        with open(LOGS / "monitoring.log", "ab") as log:
            made = subprocess.Popen([sys.executable, Path(__file__).with_name("__main__.py"), "monitoring", "keep", name], cwd=ROOT,
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        (STATE / f"{name}.pid").write_text(f"{made.pid} {start_time(made.pid)}\n", encoding="ascii")

    def keep(self, name):
        """The background supervisor. Its starter has rendered the configuration."""
        one = self.server(name)
        if name == "prometheus":
            one.flags = flags()
        supervisor = Supervisor("monitoring", os.environ.get("ON_DEATH") or "restart",
                                reload=lambda: one.running() and one.process.signal(signal.SIGHUP))
        return supervisor.supervise(lambda: supervisor.launch(one))

    def reload(self):
        names = [name for name in ("prometheus", "alertmanager") if keeper(name)]
        if not names:
            raise Fault("no native servers are running: make monitoring-up")
        for name in names:
            self.render(self.server(name))
            os.kill(keeper(name), signal.SIGHUP)


def down(name):
    pid = keeper(name)
    if pid:
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + 90
        while keeper(name):
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)  # its server ends with it
            time.sleep(0.1)
        word(f"{name} stopped")
    (STATE / f"{name}.pid").unlink(missing_ok=True)


def require_page():
    """Grafana is not in Debian: tools/dashboard-preview shows its dashboards."""
    if not (PAGE / "dist/index.html").exists():
        raise Fault("no Docker engine answers, so Grafana cannot run, and the page that replaces it is not built: make dashboard-preview")
    if not shutil.which("node"):
        raise Fault("node is not installed: it serves the page that replaces Grafana")


def keeper(name):
    """Its pid, if the pid file still names the process that was started."""
    try:
        pid, began = (STATE / f"{name}.pid").read_text(encoding="ascii").split()
    except (FileNotFoundError, ValueError):
        return None
    return int(pid) if began == start_time(pid) else None


def start_time(pid):
    """The start time of a process: field 22 of /proc/PID/stat. The name before it may contain anything."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except OSError:
        return None


# ---------------------------------------------------------------- both

def url(name):
    return f"http://127.0.0.1:{ports.from_environment(PORTS)[name]}"


def status(where):
    word(where)
    if where == "docker":
        compose.run("ps")
    at, good = url("PROMETHEUS_PORT"), True
    shown = Prometheus("/", int(at.rpartition(":")[2]))
    if web.answers(f"{at}/-/ready"):
        say(f"Prometheus     {at}   ready")
        rules = shown.rules()
        say(f"  rules        {len(rules)}, in error {sum(rule['health'] == 'err' for rule in rules)}")
        for target in shown.targets():
            say(f"  target       {target['labels']['job']} {target['labels']['instance']}: {target['health']} {target['lastError']}")
        say(f"  alertmanager {', '.join(shown.alertmanagers()) or 'none'}")
        for alert in shown.api("alerts")["alerts"]:
            labels = alert["labels"]
            if alert["state"] == "firing" and labels["alertname"] != "Watchdog":
                say(f"  FIRING       {labels['alertname']} ({labels['severity']}): {alert['annotations']['summary']}")
    else:
        good = False
        say(f"Prometheus     {at}   does not answer")
    at = url("ALERTMANAGER_PORT")
    if web.answers(f"{at}/-/ready"):
        say(f"Alertmanager   {at}   ready")
        config = Alertmanager("/", int(at.rpartition(":")[2])).configuration()
        for name, receiver in re.findall(r"^- name: (\S+)\n((?:  .*\n?)*)", config, re.MULTILINE):
            if "_configs:" in receiver:
                say(f"  channel      {name}")
    else:
        good = False
        say(f"Alertmanager   {at}   does not answer")
    say(f"dashboards     {url('GRAFANA_PORT')}" if web.answers(url("GRAFANA_PORT")) else "dashboards     not running")
    return 0 if good else 1


def reload(where):
    servers = {"Prometheus": (url("PROMETHEUS_PORT"), "prometheus"), "Alertmanager": (url("ALERTMANAGER_PORT"), "alertmanager")}
    before = {name: reloaded(*at) for name, at in servers.items()}
    if where == "docker":
        compose.run("kill", "-s", "HUP", "prometheus", "alertmanager", env=compose.prepare())
    else:
        Natively().reload()
    for name, at in servers.items():
        if before[name] is None:
            continue
        server.wait_until(f"{name} has loaded the new configuration", lambda at=at, name=name: (reloaded(*at) or 0) > before[name])
        word(f"{name} has loaded the new configuration")


def reloaded(at, prefix):
    """When a server last loaded its configuration, from its own metrics; None if it does not answer."""
    try:
        text = web.fetch(f"{at}/metrics", 5).decode()
    except OSError:
        return None
    found = re.search(rf"^{prefix}_config_last_reload_success_timestamp_seconds (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def up(where):
    word(where)
    if where == "docker":
        compose.up(url("PROMETHEUS_PORT"), url("ALERTMANAGER_PORT"), url("GRAFANA_PORT"))
        return
    native = Natively()
    for name in ("alertmanager", "prometheus", *(["grafana"] if (PAGE / "dist/index.html").exists() else [])):
        native.up(name)
    word(f"monitors ingest-api at 127.0.0.1:{native.ports['PORT']}; make monitoring-down stops it")


def main(words):
    os.environ.update({name: str(port) for name, port in ports.from_environment(PORTS).items()})  # compose reads them
    if words[0] == "keep":
        return Natively().keep(words[1])
    where = how()
    if words == ["status"]:
        return status(where)
    if words == ["up"]:
        up(where)
    elif words == ["reload"]:
        reload(where)
    elif words == ["down"]:
        if where == "docker":
            compose.run("--profile", "*", "down")
        for name in ("grafana", "prometheus", "alertmanager"):
            down(name)
    else:
        word(where)
        name = words[0].removesuffix("-up")
        if where == "docker":
            compose.run("up", "-d", "--wait", file=f"infra/{name}/compose.yaml", env=compose.prepare())
        else:
            Natively().up(name)
    return 0
