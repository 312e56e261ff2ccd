# SPDX-License-Identifier: Apache-2.0
"""The smaller servers: load balancer, mail server, the dashboards' page."""
import os
import subprocess

from .. import Fault, web
from ..server import Server

PYTHON = "/usr/bin/python3"  # Debian's Python, with the modules of Debian's packages

HAPROXY = """\
global
    maxconn 4000
    log stderr format raw local0 warning
defaults
    mode http
    log global
    option dontlognull
    timeout connect 2s
    timeout client 75s
    timeout server 75s
    timeout http-keep-alive 60s
    retries 3
    retry-on conn-failure
    option redispatch 1
frontend api
    bind 127.0.0.1:{port}
    # Prometheus must scrape each replica itself, not through the balancer
    http-request deny deny_status 404 if {{ path /metrics }}
    default_backend replicas
backend replicas
    balance leastconn
    option httpchk GET /health/ready
    http-check expect status 200
    default-server check inter 500ms fall 2 rise 1
{servers}frontend metrics
    bind 127.0.0.1:{metrics_port}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    http-request deny deny_status 404
"""


class HAProxy(Server):
    """HAProxy in front of several ingest-api. A replica that is not ready gets no requests. A request that could not be sent goes to
    another replica; a request that was sent is never repeated."""
    title, patience = "HAProxy", 10

    def __init__(self, directory, port, metrics_port, replicas, name="haproxy", **options):
        super().__init__(name, directory, **options)
        self.port, self.metrics_port, self.replicas = port, metrics_port, replicas
        self.config = self.directory / "haproxy.cfg"

    def prepare(self):
        self.launcher.own_directory(self.account, self.directory)
        servers = "".join(f"    server {replica.name} 127.0.0.1:{replica.port}\n" for replica in self.replicas)
        self.config.write_text(HAPROXY.format(port=self.port, metrics_port=self.metrics_port, servers=servers), encoding="utf-8")
        self.launcher.hand_over(self.account, self.directory)
        checked = self.launcher.run(self.account, ["haproxy", "-c", "-q", "-f", self.seen(self.config)], cwd=self.directory)
        if checked.returncode:
            raise Fault(f"haproxy refuses {self.config}: {checked.stdout}{checked.stderr}")

    def command(self):
        return ["haproxy", "-db", "-f", self.seen(self.config)]

    def answers(self):
        """Whether it considers every replica ready."""
        try:
            text = web.fetch(f"http://127.0.0.1:{self.metrics_port}/metrics", 5).decode()
        except OSError:
            return False
        return any(line.startswith("haproxy_backend_active_servers") and "replicas" in line and float(line.split()[1]) == len(self.replicas)
                   for line in text.splitlines())


class Mail(Server):
    """An SMTP server that stores messages in a maildir."""
    title, patience = "mail server", 10

    def __init__(self, directory, port, name="mail", **options):
        super().__init__(name, directory, **options)
        self.port, self.received = port, self.directory / "received"

    def prepare(self):
        self.launcher.own_directory(self.account, self.directory)
        if subprocess.run([PYTHON, "-c", "import aiosmtpd"], capture_output=True, check=False).returncode:
            raise Fault("python3-aiosmtpd is not installed; run make setup")

    def command(self):
        return [PYTHON, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{self.port}", "-c", "aiosmtpd.handlers.Mailbox",
                self.seen(self.received)]


class Boards(Server):
    """The dashboards' page, in place of Grafana: dashboards of infra/grafana, alerts, incidents, logs of the run.

    @param asks settings for its server.mjs: PROMETHEUS_URL, ALERTMANAGER_URL, API_URL, LOGS_DIR"""
    title, patience = "the dashboard page", 5

    def __init__(self, directory, port, asks, name="boards", **options):
        super().__init__(name, directory, **options)
        self.port, self.asks = port, asks

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def command(self):
        return ["node", self.seen(self.directory / "server.mjs")]

    def environment(self):
        return os.environ | self.asks | {"PORT": str(self.port)}

    def answers(self):
        return web.answers(f"{self.url}/api/health")


class Make(Server):
    """A Makefile target, built in the background. make and its children are one process group and end together."""
    patience = 20

    def __init__(self, root, target, **options):
        super().__init__(f"make-{target}", root, **options)
        self.target = target

    def any_status(self):
        return True

    def command(self):
        return ["/bin/sh", "-c", 'trap "trap : TERM; kill 0; wait; exit 143" TERM; "$@" & wait $!', "sh", "nice", "make", "--no-print-directory",
                self.target]

    def environment(self):
        return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
