# SPDX-License-Identifier: Apache-2.0
"""Alertmanager, 0.25 and later. It runs alone: no gossip port."""
import json
import subprocess

from .. import Fault, web
from ..server import Server, which


class Alertmanager(Server):
    """@param config its alertmanager.yml, which must exist when it starts
    @param links  base address of links in messages; default: its own, which has no page in Debian's package"""
    title = "Alertmanager"

    def __init__(self, directory, port, config=None, name="alertmanager", links=None, **options):
        super().__init__(name, directory, **options)
        self.port, self.config = port, config or self.directory / "alertmanager.yml"
        self.links = links or self.url

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def command(self):
        return [which("prometheus-alertmanager"), f"--config.file={self.seen(self.config)}", f"--storage.path={self.seen(self.directory / 'data')}",
                f"--web.listen-address=127.0.0.1:{self.port}", f"--web.external-url={self.links}/", "--cluster.listen-address="]

    def answers(self):
        return web.answers(f"{self.url}/-/ready")

    def check(self):
        """Check the configuration with amtool."""
        done = subprocess.run([which("amtool"), "check-config", self.config], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Fault(f"amtool refuses {self.config} (made from infra/alertmanager/): {done.stdout}{done.stderr}")

    def alerts(self, **labels):
        """Its alerts with these labels, from its API."""
        return [alert for alert in web.send("GET", f"{self.url}/api/v2/alerts")
                if all(alert["labels"].get(name) == value for name, value in labels.items())]

    def configuration(self):
        return json.loads(web.fetch(f"{self.url}/api/v2/status"))["config"]["original"]
