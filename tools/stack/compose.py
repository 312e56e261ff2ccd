# SPDX-License-Identifier: Apache-2.0
"""The monitoring stack in containers: infra/compose.yaml, and the files in var/compose that its containers mount."""
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
# In RabbitMQ's configuration format. The user has access only to its own virtual host, and no management rights.
RABBITMQ_USER = """default_user = ingest
default_pass = {password}
default_vhost = prospectflow
default_permissions.configure = .*
default_permissions.read = .*
default_permissions.write = .*
default_user_tags.administrator = false
"""


def answers():
    """Whether a Docker engine answers and supports compose."""
    if not shutil.which("docker"):
        return False
    return all(subprocess.run(["docker", *words], capture_output=True, check=False).returncode == 0
               for words in (["info"], ["compose", "version"]))


def run(*words, file="infra/compose.yaml", env=None):
    if subprocess.run(["docker", "compose", "-f", file, *words], cwd=ROOT, env=env, check=False).returncode:
        raise Fault(f"docker compose -f {file} {' '.join(words)} failed; its own output is above")


def up(prometheus, alertmanager, grafana):
    env = prepare()
    if env.get("STORE_OWNER_SECRET"):
        _migrate(env)
    run("up", "-d", "--build", "--wait", env=env)
    say(f"Prometheus {prometheus} · Alertmanager {alertmanager} · Grafana {grafana} (admin, {SECRETS}/grafana_admin_password)")


def _migrate(env):
    """Run as the owner of PostgreSQL's tables, whose password no service has, before the others start."""
    run("up", "-d", "--build", "--wait", "postgres", env=env)
    run("run", "--rm", "--no-deps", "-T", "-v", f"{env['STORE_OWNER_SECRET']}:/run/owner:ro", "-e", "STORE_FILE=/run/owner",
        "ingest-api", "migrate", "--serve=ingest_api", "--all=ingest_worker", env=env)


def prepare():
    """Create a password for each server, once, and Alertmanager's configuration. The files are bind-mounted and readable for all; the mode
    of their folder protects them. Return the environment in which Docker Compose must run."""
    env = dict(os.environ)
    _links(env)
    to = MADE / "alertmanager"
    for folder in (SECRETS, to / "templates", to / "secrets"):
        folder.mkdir(parents=True, exist_ok=True)
    MADE.chmod(stat.S_IRWXU)
    _password("grafana_admin_password")
    _password("postgres_password")
    old_urls = (SECRETS / "store_url").exists() and "//ingest:" in (SECRETS / "store_url").read_text(encoding="utf-8")
    user = SECRETS / "rabbitmq_user.conf"
    if not user.exists() or not user.stat().st_size:
        user.write_text(RABBITMQ_USER.format(password=_password("rabbitmq_password")), encoding="utf-8")
    rabbitmq = user.read_text(encoding="utf-8").partition("default_pass = ")[2].splitlines()[0]
    vhost = "prospectflow" if "default_vhost" in user.read_text(encoding="utf-8") else "%2F"
    # URLs with passwords, for ingest-api.
    _store_urls(env, old_urls)
    (SECRETS / "queue_url").write_text(f"amqp://ingest:{rabbitmq}@rabbitmq:5672/{vhost}\n", encoding="utf-8")
    SECRETS.chmod(0o755)
    for path in SECRETS.iterdir():
        path.chmod(0o644)
    _alertmanager(to, env["GRAFANA_EXTERNAL_URL"])
    if "backends" in env.get("COMPOSE_PROFILES", "").split(","):
        _use_the_back_ends(env, old_urls)
    return env


def _links(env):
    """Links between the servers, and in messages, lead to the ports at which they are published, unless the environment says otherwise."""
    for name, port in (("PROMETHEUS", 9090), ("ALERTMANAGER", 9093), ("GRAFANA", 3001)):
        env.setdefault(f"{name}_EXTERNAL_URL", f"http://127.0.0.1:{env.get(f'{name}_PORT') or port}")


def _store_urls(env, old):
    """PostgreSQL's roles, each with its URL (infra/postgres/initdb). A database created with a single role keeps it."""
    files = {"store_owner_url": "owner", "store_url": "api", "store_worker_url": "worker"}
    for role in (*files.values(), "metrics"):
        _password(f"postgres_{role}_password")
    for file, role in files.items():
        user, password = ("ingest", _password("postgres_password")) if old else (f"ingest_{role}", _password(f"postgres_{role}_password"))
        (SECRETS / file).write_text(f"postgres://{user}:{password}@postgres:5432/ingest\n", encoding="utf-8")
    if old:
        (SECRETS / "postgres_metrics_password").write_text(_password("postgres_password"), encoding="utf-8")
        env.setdefault("POSTGRES_METRICS_USER", "ingest")


def _alertmanager(to, grafana):
    for path in (*(to / "templates").iterdir(), *(to / "secrets").iterdir()):
        path.unlink()
    copy_all((ROOT / "infra/alertmanager/templates").glob("*.tmpl"), to / "templates")
    copy_secrets(to / "secrets")
    if not (to / "secrets/grafana_url").exists():
        (to / "secrets/grafana_url").write_text(f"{grafana}\n", encoding="utf-8")
    say(alertmanager_config("--secrets", to / "secrets", "--secrets-as", "/etc/alertmanager/secrets", "--templates",
                            "/etc/alertmanager/templates", "--out", to / "alertmanager.yml").rstrip())
    for path in (to, *to.rglob("*")):
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))


def _use_the_back_ends(env, one_role):
    """Make ingest-api use PostgreSQL and RabbitMQ, unless its settings say otherwise."""
    env["PROMETHEUS_TARGETS"] = "./targets-compose-backends"
    for name, file in (("STORE", "store_url"), ("QUEUE", "queue_url")):
        if not env.get(name):
            env |= {f"{name}_SECRET": str(SECRETS / file), f"{name}_FILE": f"/run/secrets/{file}"}
            if name == "STORE":
                env["STORE_WORKER_SECRET"] = str(SECRETS / "store_worker_url")
                if not one_role:
                    env["STORE_OWNER_SECRET"] = str(SECRETS / "store_owner_url")


def _password(name):
    path = SECRETS / name
    if not path.exists() or not path.stat().st_size:
        path.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    return path.read_text(encoding="utf-8")
