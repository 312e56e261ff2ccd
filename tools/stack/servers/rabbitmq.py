# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ, 3.10 and later, and epmd. Without our epmd Erlang would start one and leave it running."""
import os
import socket
from pathlib import Path
from urllib.parse import quote

from .. import Fault
from ..server import Server

PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
AMQP_HEADER = b"AMQP\x00\x00\x09\x01"


class Epmd(Server):
    """Erlang's port mapper."""
    patience = 10

    def __init__(self, directory, port, name="epmd", **options):
        super().__init__(name, directory, **options)
        self.port = port

    def command(self):
        return ["epmd", "-port", self.port, "-address", "127.0.0.1"]

    def environment(self):
        return os.environ | {"HOME": str(self.seen(self.directory))}

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            return True
        except OSError:
            return False


class RabbitMQ(Server):
    """@param epmd     started before it
    @param node     its name before the @
    @param password of its user `ingest`
    @param plugins  names
    @param settings lines of rabbitmq.conf, as {name: value}"""
    title = "RabbitMQ"
    package, user = "rabbitmq-server", "ingest"

    @staticmethod
    def installed():
        return PROGRAM.exists()

    def __init__(self, directory, port, dist_port, epmd, node, password, plugins=(), settings=None, erlang="", name="rabbitmq", **options):
        super().__init__(name, directory, **options)
        self.port, self.dist_port, self.epmd, self.node, self.password = port, dist_port, epmd, f"{node}@localhost", password
        self.plugins, self.erlang = plugins, erlang
        self.settings = {
            "listeners.tcp.default": f"127.0.0.1:{port}", "default_user": self.user, "log.console": "true",
            "log.console.level": "warning", "log.file": "false", "disk_free_limit.absolute": "50MB"} | (settings or {})
        if not self.installed():
            raise Fault("RabbitMQ's server is not installed; run make setup")

    def prepare(self):
        (self.directory / "rabbitmq.conf").write_text("".join(f"{name} = {value}\n" for name, value in self.settings.items()), encoding="utf-8")
        # Not in rabbitmq.conf: RabbitMQ 4 parses a value with a colon as a tagged value such as encrypted:…
        advanced = self.directory / "advanced.config"
        advanced.touch(mode=0o600)
        advanced.write_text(f'[{{rabbit, [{{default_pass, <<"{self.password}">>}}]}}].\n', encoding="utf-8")
        (self.directory / "enabled_plugins").write_text(f"[{','.join(self.plugins)}].\n", encoding="utf-8")
        self.launcher.hand_over(self.account, self.directory)

    def environment(self):
        there = self.seen(self.directory)  # Erlang needs absolute paths
        env = {name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))}
        return env | {
            "HOME": str(there), "RUNNING_UNDER_SYSTEMD": "1",  # exec the server without a shell around it
            "RABBITMQ_NODENAME": self.node, "RABBITMQ_CONFIG_FILE": str(there / "rabbitmq.conf"),
            "RABBITMQ_MNESIA_BASE": str(there / "mnesia"), "RABBITMQ_LOG_BASE": str(there), "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(there / "pid"), "RABBITMQ_ENABLED_PLUGINS_FILE": str(there / "enabled_plugins"),
            "RABBITMQ_DIST_PORT": str(self.dist_port), "RABBITMQ_CONF_ENV_FILE": str(there / "none"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(there / "advanced.config"),
            "ERL_EPMD_PORT": str(self.epmd.port), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                f"-kernel inet_dist_use_interface {{127,0,0,1}} +sbwt none +sbwtdcpu none {self.erlang}".strip(),
        }

    def command(self):
        return [PROGRAM]

    def url(self, vhost, port=None):
        """The URL for QUEUE. @param port of a proxy in front of it"""
        return f"amqp://{self.user}:{quote(self.password, safe='')}@127.0.0.1:{port or self.port}/{quote(vhost, safe='')}"

    def answers(self):
        """Whether it speaks AMQP: the first response is a method frame, connection.start."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
                s.settimeout(5)
                s.sendall(AMQP_HEADER)
                return s.recv(1) == b"\x01"
        except OSError:
            return False
