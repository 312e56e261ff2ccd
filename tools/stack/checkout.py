# SPDX-License-Identifier: Apache-2.0
"""Input of a run: the configuration of infra/ with this run's ports, checked and copied to where the servers' users can read it; and an
organisation to try the service with."""
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
from pathlib import Path

from . import Fault, web
from .servers import prometheus as versions
from .supervisor import say

ROOT = Path(__file__).resolve().parents[2]
CHANNELS_FROM = "ALERTMANAGER_SECRETS"
# The standard addresses in a configuration: setting, port, and the names they have in containers.
ADDRESSES = (("PORT", 3000, "ingest-api"), ("PROMETHEUS_PORT", 9090, "prometheus"), ("ALERTMANAGER_PORT", 9093, "alertmanager"))


def with_ports(text, ports):
    """Replace the standard addresses with this run's."""
    for name, port, host in ADDRESSES:
        text = re.sub(rf"(localhost|127\.0\.0\.1|{host}):{port}\b", f"127.0.0.1:{ports[name]}", text)
    return text


def flags():
    """Flags that cannot be set in prometheus.yml, one a line; without features, see servers/prometheus.py."""
    lines = (ROOT / "infra/prometheus/flags").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def render_prometheus(server, ports, more_targets=None, more_config=""):
    """Write its prometheus.yml, rules/ and targets/, with {file: [address…]} and further text added. A configuration that promtool rejects
    does not replace the previous one, which a restarted server needs."""
    server.launcher.own_directory(server.account, server.directory)
    source, made = ROOT / "infra/prometheus", server.directory / "next"
    (server.directory / "data").mkdir(exist_ok=True)
    shutil.rmtree(made, ignore_errors=True)
    for folder in ("rules", "targets"):
        (made / folder).mkdir(parents=True)
        for path in source.glob(f"{folder}/*.yml"):
            (made / folder / path.name).write_text(with_ports(path.read_text(encoding="utf-8"), ports), encoding="utf-8")
    for name, addresses in (more_targets or {}).items():
        (made / "targets" / name).write_text(json.dumps([{"targets": addresses}]), encoding="utf-8")
    text = with_ports((source / "prometheus.yml").read_text(encoding="utf-8"), ports)
    if f"127.0.0.1:{ports['PORT']}" not in text:
        raise Fault("infra/prometheus/prometheus.yml has no target 127.0.0.1:3000 to replace by this run's port")
    (made / "prometheus.yml").write_text(versions.with_settings(text, server.known, server.wanted) + more_config, encoding="utf-8")
    server.check(made / "prometheus.yml")
    for path in made.iterdir():
        shutil.rmtree(server.directory / path.name, ignore_errors=True)
        path.replace(server.directory / path.name)
    made.rmdir()
    server.flags = flags()
    server.launcher.hand_over(server.account, server.directory)


def render_alertmanager(server, page=None):
    """Write its alertmanager.yml, templates/ and secrets/. Secrets are copied from $ALERTMANAGER_SECRETS, default var/secrets; a channel
    without its secret is off. @return the channels that are on

    @param page the address in links of messages, unless the secrets have another (grafana_url)"""
    server.launcher.own_directory(server.account, server.directory)
    secrets, templates = server.directory / "secrets", server.directory / "templates"
    for folder in (secrets, templates):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    (server.directory / "data").mkdir(exist_ok=True)
    copy_all((ROOT / "infra/alertmanager/templates").glob("*.tmpl"), templates)
    copy_secrets(secrets)
    if page and not (secrets / "grafana_url").exists():
        (secrets / "grafana_url").write_text(f"{page}\n", encoding="ascii")
    for path in (secrets, *secrets.iterdir()):
        path.chmod(path.stat().st_mode & ~(stat.S_IRWXG | stat.S_IRWXO))
    said = alertmanager_config("--secrets", secrets, "--secrets-as", server.seen(secrets), "--templates", "templates", "--out", server.config)
    server.check()
    server.launcher.hand_over(server.account, server.directory)
    return re.findall(r"^(.*): on$", said, re.MULTILINE)


def alertmanager_config(*words):
    """The output of scripts/alertmanager-config."""
    done = subprocess.run(["/usr/bin/python3", ROOT / "scripts/alertmanager-config", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Fault(f"scripts/alertmanager-config: {(done.stdout + done.stderr).strip()}")
    return done.stdout


def copy_secrets(to):
    source = Path(os.environ.get(CHANNELS_FROM) or ROOT / "var/secrets")
    if source.is_dir():
        copy_all(source.iterdir(), to)


def copy_all(paths, to):
    for path in paths:
        if path.is_file():
            shutil.copy(path, to)


# ---------------------------------------------------------------- an organisation to try the service with

class Organisation:
    """The organisation and key of the first run, kept in a file that only we can read. Made again if the store does not know the key."""

    def __init__(self, program, key_file, api, log_path):
        self.program, self.key_file, self.api, self.log_path = program, Path(key_file), api, log_path
        self.id = self.key = None

    def find(self):
        if self.key_file.exists() and self.key_file.stat().st_size:
            kept = dict(word.split("=", 1) for word in shlex.split(self.key_file.read_text(encoding="utf-8")))
            self.id, self.key = kept.get("organisation_id"), kept.get("api_key")
            if self.key and self._status() != 401:
                return self
            say(f"{self.program}: the key in {self.key_file} is not in the store; creating a new organisation")
        return self._make()

    def _make(self):
        done = self.api.launcher.run(self.api.account, [self.api.seen(self.api.binary), "org", "create", "Demo organisation"],
                                     env=self.api.environment())
        with open(self.log_path, "a", encoding="utf-8") as log:
            log.write(done.stderr)
        try:
            made = json.loads(done.stdout) if done.returncode == 0 else {}
        except ValueError:
            made = {}
        self.id, self.key = made.get("organisation_id"), made.get("api_key")
        if not self.key:
            raise Fault(f"ingest-api org create failed with status {done.returncode}: {(done.stderr or done.stdout).strip()[-1000:]}")
        text = f"organisation_id={shlex.quote(self.id)}\napi_key={shlex.quote(self.key)}\n"
        self.key_file.unlink(missing_ok=True)
        with open(os.open(self.key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        if self._status() != 200:
            raise Fault("the key from ingest-api org create is not accepted")
        return self

    def _status(self):
        return web.status(f"{self.api.url}/api/v1/prospects?limit=1", {"Authorization": f"Bearer {self.key}"})

    def trial(self, url, prometheus, outbox=None):
        """Commands to try in another terminal, from an import to e-mails and their metrics."""
        curl = f"curl -sS -H 'Authorization: Bearer {self.key}'"
        written = f"ls '{outbox}'   # the e-mails, a file each\n" if outbox else ""
        return f"""
Try, in another terminal:
{curl} -H 'Content-Type: text/csv' --data-binary @'{ROOT}/examples/prospects.csv' '{url}/api/v1/prospects/import'
{curl} '{url}/api/v1/prospects?limit=3'
campaign=$({curl} -H 'Content-Type: application/json' -d '{{"name": "First campaign", "subject_template": "Hello {{{{first_name}}}}", \
"body_template": "A word about {{{{company}}}}?"}}' '{url}/api/v1/campaigns' | grep -o '"id": *"[^"]*"' | cut -d'"' -f4)
{curl} -X POST "{url}/api/v1/campaigns/$campaign/start"
{curl} -X POST "{url}/api/v1/campaigns/$campaign/send"
{written}curl -sS '{prometheus}/api/v1/query?query=sum(emails_total)'   # their number; the dashboards show it after about 20 seconds
"""
