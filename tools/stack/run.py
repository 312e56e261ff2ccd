# SPDX-License-Identifier: Apache-2.0
"""`make run` and `make demo`: ingest-api, Prometheus and Alertmanager on 127.0.0.1, all their data below var/. The dashboard page is
built after they have started. Needs the result of `make build`.

environment: PORT PROMETHEUS_PORT ALERTMANAGER_PORT GRAFANA_PORT, and whatever ingest-api itself reads;
             ON_DEATH what to do if a server dies: stop (run) or keep (demo) the others, or restart it;
             demo: DEMO_RATE requests/s, DEMO_SEED, DEMO_DURATION seconds (0: until stopped)
exit status: 0 stopped on request; 1 a server did not start, died or had to be killed
"""
import json
import os
import shutil

from . import Fault, ports, server, web
from .account import Launcher
from .checkout import ROOT, Organisation, render_alertmanager, render_prometheus
from .servers.alertmanager import Alertmanager
from .servers.ingest_api import IngestApi, Traffic
from .servers.others import Boards, Make
from .servers.prometheus import Prometheus
from .supervisor import Supervisor, only_one, say, warn

PORTS = {"PORT": 3000, "PROMETHEUS_PORT": 9090, "ALERTMANAGER_PORT": 9093, "GRAFANA_PORT": 3001}
VAR = ROOT / "var"
LOGS = VAR / "log"
PAGE = ROOT / "tools/dashboard-preview"
BUILD = ROOT / os.environ.get("BUILD", "build")
BINARY = BUILD / "apps/ingest-api/ingest-api"
TRAFFIC = BUILD / "tools/demo/demo-traffic"
MONITORING_PROGRAMS = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")


def require_built(*programs):
    for program in programs:
        if not os.access(program, os.X_OK):
            raise Fault(f"{program} is not built; run make build")


class Run:
    def __init__(self, mode):
        self.mode = mode
        self.ports = ports.from_environment(PORTS)
        server.require(*MONITORING_PROGRAMS)
        require_built(BINARY, *([TRAFFIC] if mode == "demo" else []))
        LOGS.mkdir(parents=True, exist_ok=True)
        self.lock = only_one(VAR / "lock", "another stack of this checkout is running (its data is in var/); stop that one first")
        self.supervisor = Supervisor("stack", os.environ.get("ON_DEATH") or ("keep" if mode == "demo" else "stop"))
        self.dashboards = self._who_shows_the_dashboards()
        ports.require_free({name: port for name, port in self.ports.items() if name != "GRAFANA_PORT" or self.dashboards == "page"},
                           f"make {mode}")
        self.launcher = Launcher(ROOT)
        api_user, prometheus_user = (self.launcher.identity(name) for name in ("nobody", "prometheus"))
        unable = self.launcher.choose((api_user, prometheus_user), BINARY, VAR)
        if unable:
            warn("stack", unable)
        self._servers(api_user, prometheus_user)

    def _who_shows_the_dashboards(self):
        """grafana: a real one that already runs; page: ours; none: npm or the sources to build it are missing."""
        try:
            if "database" in json.loads(web.fetch(f"http://127.0.0.1:{self.ports['GRAFANA_PORT']}/api/health", 2)):
                return "grafana"
        except (OSError, ValueError, TypeError):
            pass
        there = (PAGE / "package.json").exists() and shutil.which("node") and (shutil.which("npm") or (PAGE / "dist/index.html").exists())
        return "page" if there else "none"

    def _servers(self, api_user, prometheus_user):
        def options(name, who):
            return {"log_path": LOGS / f"{name}.log", "launcher": self.launcher, "account": who}
        port = self.ports
        at = {name: f"http://127.0.0.1:{number}" for name, number in port.items()}
        self.page = Boards(PAGE, port["GRAFANA_PORT"], {"PROMETHEUS_URL": at["PROMETHEUS_PORT"], "ALERTMANAGER_URL": at["ALERTMANAGER_PORT"],
                                                        "API_URL": at["PORT"], "LOGS_DIR": str(self.launcher.seen(LOGS))},
                           **options("boards", api_user))
        # Debian's Prometheus and Alertmanager have no web pages: their links lead to our page.
        links = self.page.url if self.dashboards == "page" else None
        self.alertmanager = Alertmanager(VAR / "alertmanager", port["ALERTMANAGER_PORT"], links=links, **options("alertmanager", prometheus_user))
        self.prometheus = Prometheus(VAR / "prometheus", port["PROMETHEUS_PORT"], links=links, **options("prometheus", prometheus_user))
        self.api = IngestApi("ingest-api", VAR / "ingest-api", port["PORT"], BINARY,
                             {"PROMETHEUS_URL": self.prometheus.url, "GRAFANA_URL": self.page.url}, **options("ingest-api", api_user))
        self.api.drill = VAR / "drill.json"
        self.api.drill.unlink(missing_ok=True)  # left by a drill that was killed

    # ---- in order

    def start(self):
        self.channels = render_alertmanager(self.alertmanager, self.page.url)
        render_prometheus(self.prometheus, self.ports)
        for one in (self.alertmanager, self.prometheus, self.api):
            self.supervisor.launch(one)
        self.supervisor.wait_ready(self.api, self.prometheus, self.alertmanager)
        organisation = Organisation("stack", VAR / "demo-organisation", self.api, LOGS / "org-create.log").find()
        say(self.addresses(organisation))
        say(organisation.trial(self.api.url, self.prometheus.url, self.api.directory / "outbox"))
        self.supervisor.wait_for("Prometheus's rules loaded", self.prometheus.rules)
        self.supervisor.wait_for("Prometheus connected to Alertmanager", self.prometheus.alertmanagers)
        self.supervisor.wait_for("Prometheus's target ingest-api up", self.prometheus.target_is_up)
        say("Prometheus scrapes ingest-api. Ctrl-C stops everything.")
        if self.mode == "demo":
            self._start_traffic(organisation)
        if self.dashboards == "page":
            self._build_the_page()

    def addresses(self, organisation):
        shown = {"grafana": f"{self.page.url}   (Grafana)", "page": f"{self.page.url}   (/alerts, /logs, /targets, /rules, /d/ingest-api; announced when it is ready)",
                 "none": "not available: the page needs nodejs and npm"}[self.dashboards]
        channels = ", ".join(self.channels) or "nobody; put secrets into var/secrets, see infra/alertmanager/alertmanager.yml"
        return f"""
ingest-api    {self.api.url}   (/health, /metrics, /api/v1)
Prometheus    {self.prometheus.url}   ({', '.join(self.prometheus.pages()) or 'its API'})
Alertmanager  {self.alertmanager.url}   (sends to: {channels})
dashboards    {shown}
logs          {LOGS}/*.log
organisation  {organisation.id}   (key in {VAR / 'demo-organisation'})"""

    # ---- the dashboards' page, last

    def _build_the_page(self):
        build = Make(ROOT, "dashboard-preview", log_path=LOGS / "boards-build.log")
        self.supervisor.launch(build, on_end=self._start_the_page, on_failure=lambda how: say(
            f"stack: the dashboard page cannot be built here ({how}; see {build.log_path}); continuing without it"))

    def _start_the_page(self):
        self.supervisor.launch(self.page)
        self.supervisor.when(self.page.answers, lambda: say(f"stack: the dashboards are at {self.page.url}"))

    # ---- the demo's traffic

    def _start_traffic(self, organisation):
        setting = os.environ.get
        traffic = Traffic(VAR / "demo", self.api, organisation.key, TRAFFIC, setting("DEMO_RATE") or 50, setting("DEMO_SEED") or 1,
                          setting("DEMO_DURATION") or 0, log_path=LOGS / "demo-traffic.log", launcher=self.launcher,
                          account=self.api.account)
        # Its status says whether there were unexpected answers, which are normal once a server has died.
        traffic.any_status = lambda: self.supervisor.deaths > 0
        self.supervisor.launch(traffic, on_end=lambda: say("stack: the traffic has ended as requested; the servers keep running. Ctrl-C stops them."))


def main(mode):
    run = Run(mode)
    return run.supervisor.supervise(run.start)
