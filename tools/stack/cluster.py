# SPDX-License-Identifier: Apache-2.0
"""`make cluster`: two APIs and two workers over one PostgreSQL and one RabbitMQ, HAProxy in front, a mail server that stores all
messages, Prometheus that scrapes all, and Alertmanager; on 127.0.0.1, all their data below var/cluster/. Expects `make build` to be done.

environment: PORT (of the balancer) API1_PORT API2_PORT WORKER1_PORT WORKER2_PORT POSTGRES_PORT RABBITMQ_PORT RABBITMQ_METRICS_PORT
             RABBITMQ_DIST_PORT EPMD_PORT SMTP_PORT BALANCER_METRICS_PORT PROMETHEUS_PORT ALERTMANAGER_PORT, and what ingest-api reads;
             ON_DEATH what to do if a server dies: stop (default) or keep the others, or restart it
exit status: 0 stopped on request; 1 a server did not start, died or had to be killed
"""
import os
import secrets

from . import Fault, ports, server, web
from .account import Launcher
from .checkout import ROOT, Organisation, render_alertmanager, render_prometheus
from .run import BINARY, MONITORING_PROGRAMS, VAR, require_built
from .servers.alertmanager import Alertmanager
from .servers.ingest_api import IngestApi
from .servers.others import HAProxy, Mail
from .servers.postgres import PostgreSQL
from .servers.prometheus import Prometheus
from .servers.rabbitmq import Epmd, RabbitMQ
from .supervisor import Supervisor, only_one, say, warn

PORTS = {"PORT": 3000, "API1_PORT": 3011, "API2_PORT": 3012, "WORKER1_PORT": 3021, "WORKER2_PORT": 3022, "POSTGRES_PORT": 5432,
         "RABBITMQ_PORT": 5672, "RABBITMQ_METRICS_PORT": 15692, "RABBITMQ_DIST_PORT": 25672, "EPMD_PORT": 4369, "SMTP_PORT": 2525,
         "BALANCER_METRICS_PORT": 8405, "PROMETHEUS_PORT": 9090, "ALERTMANAGER_PORT": 9093}
DATA = VAR / "cluster"
LOGS = DATA / "log"
REPLICAS = {"worker-1": ("WORKER1_PORT", "worker"), "worker-2": ("WORKER2_PORT", "worker"), "api-1": ("API1_PORT", "api"),
            "api-2": ("API2_PORT", "api")}
HAPROXY_JOB = """
  - job_name: haproxy
    sample_limit: 20000
    static_configs:
      - targets: ['127.0.0.1:{port}']
"""


class Cluster:
    def __init__(self):
        self.ports = ports.from_environment(PORTS)
        server.require(*MONITORING_PROGRAMS, "haproxy", "epmd")
        require_built(BINARY)
        LOGS.mkdir(parents=True, exist_ok=True)
        self.lock = only_one(DATA / "lock", f"another cluster of this checkout is running (its data is in {DATA}/); stop that one first")
        self.supervisor = Supervisor("cluster", os.environ.get("ON_DEATH") or "stop")
        ports.require_free(self.ports, "make cluster")
        self.launcher = Launcher(ROOT)
        self.users = {name: self.launcher.identity(name) for name in ("nobody", "prometheus", "postgres", "rabbitmq", "haproxy")}
        unable = self.launcher.choose(self.users.values(), BINARY, DATA)
        if unable:
            warn("cluster", unable)
        self._back_ends()
        self._front()

    def _options(self, name, user):
        return {"name": name, "log_path": LOGS / f"{name}.log", "launcher": self.launcher, "account": self.users[user]}

    def _back_ends(self):
        port = self.ports
        self.postgres = PostgreSQL(DATA / "postgres", port["POSTGRES_PORT"], DATA / "postgres/superuser", {"shared_buffers": "128MB"},
                                   **self._options("postgres", "postgres"))
        directory = DATA / "rabbitmq"
        self.launcher.own_directory(self.users["postgres"], self.postgres.directory)
        self.launcher.own_directory(self.users["rabbitmq"], directory)
        self.epmd = Epmd(directory, port["EPMD_PORT"], **self._options("epmd", "rabbitmq"))
        self.rabbitmq = RabbitMQ(directory, port["RABBITMQ_PORT"], port["RABBITMQ_DIST_PORT"], self.epmd, "ingest", secret(directory / "password"),
                                 ("rabbitmq_prometheus",), {"prometheus.tcp.ip": "127.0.0.1",
                                                            "prometheus.tcp.port": port["RABBITMQ_METRICS_PORT"]},
                                 **self._options("rabbitmq", "rabbitmq"))
        self.mail = Mail(DATA / "mail", port["SMTP_PORT"], **self._options("mail", "nobody"))

    def _front(self):
        port, mine = self.ports, self._options
        self.prometheus = Prometheus(DATA / "prometheus", port["PROMETHEUS_PORT"], **mine("prometheus", "prometheus"))
        self.alertmanager = Alertmanager(DATA / "alertmanager", port["ALERTMANAGER_PORT"], **mine("alertmanager", "prometheus"))
        kept = self.launcher.seen(DATA / "secrets")
        stores = {"api": kept / "store", "worker": kept / "store_worker", "owner": kept / "store_owner"}
        shared = {"QUEUE_FILE": kept / "queue", "MAIL": f"smtp://127.0.0.1:{port['SMTP_PORT']}", "MAIL_FROM": "ProspectFlow <hello@prospectflow.test>",
                  "PROMETHEUS_URL": self.prometheus.url}
        self.replicas = {}
        for name, (setting, role) in REPLICAS.items():
            self.replicas[name] = IngestApi(directory=DATA / name, port=port[setting], binary=BINARY, settings=shared | {"STORE_FILE": stores[role]},
                                            words=[f"--role={role}"], without=("STORE", "QUEUE", "ROLE"), **mine(name, "nobody"))
        self.owner_store = stores["owner"]
        self.haproxy = HAProxy(DATA / "haproxy", port["PORT"], port["BALANCER_METRICS_PORT"],
                               [self.replicas["api-1"], self.replicas["api-2"]], **mine("haproxy", "haproxy"))

    # ---- in order

    def start(self):
        stack = self.supervisor
        secret(self.postgres.password_file)
        self.launcher.hand_over(self.users["postgres"], self.postgres.directory)
        for one in (self.postgres, self.epmd, self.rabbitmq, self.mail):
            stack.launch(one)
        stack.wait_ready(self.postgres)
        self._make_store()
        self._keep_secret("queue", self.rabbitmq.url("/"))
        metrics = f"http://127.0.0.1:{self.ports['RABBITMQ_METRICS_PORT']}/metrics"
        stack.wait_for("RabbitMQ ready", lambda: self.rabbitmq.answers() and web.answers(metrics))
        self._migrate()
        for one in (*self.replicas.values(), self.haproxy):
            stack.launch(one)
        self._start_monitoring()
        stack.wait_ready(*self.replicas.values(), self.haproxy, self.prometheus, self.alertmanager)
        organisation = Organisation("cluster", DATA / "organisation", self.replicas["api-1"], LOGS / "org-create.log").find()
        say(self.addresses(organisation))
        say(organisation.trial(f"http://127.0.0.1:{self.ports['PORT']}", self.prometheus.url))
        stack.wait_for("Prometheus's rules loaded", self.prometheus.rules)
        stack.wait_for("every target of Prometheus up", self._targets_up)
        say("Prometheus scrapes all of them. Ctrl-C stops everything.")

    def _make_store(self):
        """Roles: the owner of the tables, used for migrations only; the APIs' role, which sees one organisation at a time; the workers' role."""
        for role, may, kept in (("ingest", "CREATEDB", "store_owner"), ("ingest_api", "", "store"), ("ingest_worker", "", "store_worker")):
            password = secret(self.postgres.directory / role)
            self.postgres.make_role(password, role, may)
            self._keep_secret(kept, self.postgres.url("ingest", password=password, role=role))
        self.postgres.make_database("ingest")

    def _migrate(self):
        api = self.replicas["api-1"]
        done = self.launcher.run(self.users["nobody"], [api.seen(BINARY), "migrate", "--serve=ingest_api", "--all=ingest_worker"],
                                 env=api.environment() | {"STORE_FILE": str(self.owner_store)})
        if done.returncode:
            raise Fault(f"ingest-api migrate failed with status {done.returncode}: {(done.stderr or done.stdout).strip()[-1000:]}")

    def _start_monitoring(self):
        """Start it last, so that all targets exist."""
        of = self.ports
        first, *others = (f"127.0.0.1:{of[name]}" for name in ("API1_PORT", "API2_PORT", "WORKER1_PORT", "WORKER2_PORT"))
        self.channels = render_alertmanager(self.alertmanager)
        render_prometheus(self.prometheus, of | {"PORT": int(first.rpartition(":")[2])}, {
            "ingest-api-cluster.yml": others, "rabbitmq-cluster.yml": [f"127.0.0.1:{of['RABBITMQ_METRICS_PORT']}"],
        }, HAPROXY_JOB.format(port=of["BALANCER_METRICS_PORT"]))
        self.supervisor.launch(self.alertmanager)
        self.supervisor.launch(self.prometheus)

    def _targets_up(self):
        targets = self.prometheus.targets()
        ours = [target for target in targets if target["labels"]["job"] == "ingest-api"]
        return len(targets) >= 8 and len(ours) == len(REPLICAS) and all(target["health"] == "up" for target in targets)

    def _keep_secret(self, name, text):
        """Write a secret that only the service can read."""
        directory = DATA / "secrets"
        self.launcher.own_directory(self.users["nobody"], directory)
        write_private(directory / name, text)
        self.launcher.hand_over(self.users["nobody"], directory)

    def addresses(self, organisation):
        def at(*names):
            return " ".join(f"http://127.0.0.1:{self.ports[name]}" for name in names)
        of = self.ports
        return f"""
balancer      {at('PORT')}   (HAProxy; /health, /api/v1; its own metrics on :{of['BALANCER_METRICS_PORT']})
APIs          {at('API1_PORT', 'API2_PORT')}   (/health, /metrics)
workers       {at('WORKER1_PORT', 'WORKER2_PORT')}   (/health, /metrics)
PostgreSQL    127.0.0.1:{of['POSTGRES_PORT']}   (database ingest; URLs with passwords, a role each: {DATA}/secrets/store*)
RabbitMQ      127.0.0.1:{of['RABBITMQ_PORT']}   (the URL with its password: {DATA}/secrets/queue)
mail          127.0.0.1:{of['SMTP_PORT']}   (what was sent: {self.mail.received}/new)
Prometheus    {self.prometheus.url}   ({', '.join(self.prometheus.pages()) or 'its API'})
Alertmanager  {self.alertmanager.url}   (sends to: {', '.join(self.channels) or 'nobody'})
logs          {LOGS}/*.log
organisation  {organisation.id}   (key in {DATA / 'organisation'})"""


def write_private(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def secret(path):
    """The password in a file, created at the first call."""
    if not path.exists() or not path.stat().st_size:
        write_private(path, secrets.token_urlsafe(24))
    return path.read_text(encoding="utf-8")


def main():
    made = Cluster()
    return made.supervisor.supervise(made.start)
