# SPDX-License-Identifier: Apache-2.0
"""The monitoring stack in containers: infra/compose.yaml, and what its containers mount from var/compose."""
import os
import secrets
import shutil
import stat
import subprocess

from . import Fault
from .checkout import ROOT, alertmanager_config, copy_all, copy_secrets
from .run import VAR
from .supervisor import say

MADE = VAR / "compose"
SECRETS = MADE / "secrets"


def answers():
    """Whether a Docker engine does, and knows compose."""
    if not shutil.which("docker"):
        return False
    return all(subprocess.run(["docker", *words], capture_output=True, check=False).returncode == 0
               for words in (["info"], ["compose", "version"]))


def run(*words, file="infra/compose.yaml"):
    if subprocess.run(["docker", "compose", "-f", file, *words], cwd=ROOT, check=False).returncode:
        raise Fault(f"docker compose -f {file} {' '.join(words)} failed; its own words are above")


def up(prometheus, alertmanager, grafana):
    prepare()
    run("up", "-d", "--build", "--wait")
    say(f"Prometheus {prometheus} · Alertmanager {alertmanager} · Grafana {grafana} (admin, {SECRETS}/grafana_admin_password)")


def prepare():
    """Passwords of each server's own, made once; Alertmanager's configuration. Files are bind-mounted, so the folder guards them, not
    their mode."""
    to = MADE / "alertmanager"
    for folder in (SECRETS, to / "templates", to / "secrets"):
        folder.mkdir(parents=True, exist_ok=True)
    MADE.chmod(stat.S_IRWXU)
    _password("grafana_admin_password")
    postgres = _password("postgres_password")
    user = SECRETS / "rabbitmq_user.conf"
    if not user.exists() or not user.stat().st_size:
        user.write_text(f"default_user = ingest\ndefault_pass = {_password('rabbitmq_password')}\n", encoding="utf-8")
    rabbitmq = user.read_text(encoding="utf-8").partition("default_pass = ")[2].splitlines()[0]
    # Where ingest-api finds them, with the passwords in the URLs.
    (SECRETS / "store_url").write_text(f"postgres://ingest:{postgres}@postgres:5432/ingest\n", encoding="utf-8")
    (SECRETS / "queue_url").write_text(f"amqp://ingest:{rabbitmq}@rabbitmq:5672/%2F\n", encoding="utf-8")
    SECRETS.chmod(0o755)
    for path in SECRETS.iterdir():
        path.chmod(0o644)
    _alertmanager(to)
    if "backends" in os.environ.get("COMPOSE_PROFILES", "").split(","):
        _use_the_back_ends()


def _alertmanager(to):
    for path in (*(to / "templates").iterdir(), *(to / "secrets").iterdir()):
        path.unlink()
    copy_all((ROOT / "infra/alertmanager/templates").glob("*.tmpl"), to / "templates")
    copy_secrets(to / "secrets")
    say(alertmanager_config("--secrets", to / "secrets", "--secrets-as", "/etc/alertmanager/secrets", "--templates",
                            "/etc/alertmanager/templates", "--out", to / "alertmanager.yml").rstrip())
    for path in (to, *to.rglob("*")):
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))


def _use_the_back_ends():
    """By ingest-api too, unless it was told otherwise."""
    os.environ["PROMETHEUS_TARGETS"] = "./targets-compose-backends"
    for name, file in (("STORE", "store_url"), ("QUEUE", "queue_url")):
        if not os.environ.get(name):
            os.environ |= {f"{name}_SECRET": str(SECRETS / file), f"{name}_FILE": f"/run/secrets/{file}"}


def _password(name):
    path = SECRETS / name
    if not path.exists() or not path.stat().st_size:
        path.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    return path.read_text(encoding="utf-8")
