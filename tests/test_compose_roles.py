# SPDX-License-Identifier: Apache-2.0
"""The accounts in the containers' database and broker: each has only the rights it needs."""
import subprocess

import pytest
from backends import RabbitMQ, serving
from stack import Fault, compose
from support.faults import PATIENCE
from support.service import BINARY, ROOT

ROLES = ("owner", "api", "worker", "metrics")


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """compose.prepare(), in the test's own folder."""
    monkeypatch.setattr(compose, "MADE", tmp_path)
    monkeypatch.setattr(compose, "SECRETS", tmp_path / "secrets")
    monkeypatch.setattr(compose, "_alertmanager", lambda to, grafana: None)
    for name in ("STORE", "QUEUE", "STORE_SECRET", "STORE_FILE", "QUEUE_SECRET", "QUEUE_FILE", "STORE_WORKER_SECRET", "STORE_OWNER_SECRET",
                 "POSTGRES_METRICS_USER", "PROMETHEUS_TARGETS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COMPOSE_PROFILES", "backends")

    def prepare():
        env = compose.prepare()
        made = {path.name: path.read_text().strip() for path in compose.SECRETS.iterdir()}
        settings = {name: env.get(name) for name in ("STORE_SECRET", "STORE_WORKER_SECRET", "STORE_OWNER_SECRET", "POSTGRES_METRICS_USER")}
        return made, settings
    prepare.folder = tmp_path / "secrets"
    yield prepare


def test_each_process_has_a_role_of_its_own(prepared):
    made, settings = prepared()
    assert prepared() == (made, settings), "passwords must not change"
    assert len({made[f"postgres_{role}_password"] for role in ROLES} | {made["postgres_password"]}) == 5
    for file, role, setting in (("store_owner_url", "owner", "STORE_OWNER_SECRET"), ("store_url", "api", "STORE_SECRET"),
                                ("store_worker_url", "worker", "STORE_WORKER_SECRET")):
        assert made[file] == f"postgres://ingest_{role}:{made[f'postgres_{role}_password']}@postgres:5432/ingest"
        assert settings[setting] == str(prepared.folder / file)
    assert made["queue_url"].endswith("@rabbitmq:5672/prospectflow")


def test_a_database_with_one_role_still_works(prepared):
    """Secrets from an older version, with one role."""
    prepared.folder.mkdir()
    for name, text in (("postgres_password", "old"), ("store_url", "postgres://ingest:old@postgres:5432/ingest"),
                       ("rabbitmq_user.conf", "default_user = ingest\ndefault_pass = rabbit\n")):
        (prepared.folder / name).write_text(text)
    for _ in range(2):
        made, settings = prepared()
        assert {made[file] for file in ("store_url", "store_worker_url")} == {"postgres://ingest:old@postgres:5432/ingest"}
        assert made["queue_url"] == "amqp://ingest:rabbit@rabbitmq:5672/%2F"
        assert settings["STORE_OWNER_SECRET"] is None and settings["POSTGRES_METRICS_USER"] == "ingest" and made["postgres_metrics_password"] == "old"


def test_the_roles_of_a_new_database(postgres_server, prepared):
    made, _ = prepared()
    server = postgres_server
    server.sql("CREATE DATABASE ingest")
    env = {"SECRETS": str(prepared.folder), "PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "postgres",
           "PATH": f"{server.bin}:/usr/bin:/bin"}
    for _ in range(2):
        done = subprocess.run([ROOT / "infra/postgres/initdb/10-roles.sh"], env=env, capture_output=True, text=True, timeout=PATIENCE)
        assert (done.returncode, done.stderr) == (0, ""), done
    assert server.sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'ingest\\_%' AND NOT (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb)"
                      " AND rolcanlogin") == "4"
    url = f"postgres://ingest_owner@127.0.0.1:{server.port}/ingest"
    done = subprocess.run([BINARY, "migrate", "--serve=ingest_api", "--all=ingest_worker"], env={"STORE": url, "PATH": "/usr/bin:/bin"},
                          capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done
    # The exporter can read statistics but no rows.
    assert int(server.sql("SELECT count(*) FROM pg_stat_activity WHERE query <> '<insufficient privilege>'", "ingest", "ingest_metrics")) > 0
    for table in ("crm.prospects", "iam.api_keys", "tracking.jobs"):
        with pytest.raises(Fault, match="permission denied"):
            server.sql(f"SELECT 1 FROM {table}", "ingest", "ingest_metrics")
    with pytest.raises(Fault, match="permission denied for database"):
        server.sql("CREATE ROLE somebody LOGIN")
        server.sql("SELECT 1", "ingest", "somebody")


def test_the_brokers_user_has_its_own_virtual_host():
    lines = dict(line.split(" = ") for line in compose.RABBITMQ_USER.format(password="p").splitlines())

    class Made(RabbitMQ):
        def prepare(self):
            self.settings |= {name: value for name, value in lines.items() if name not in ("default_user", "default_pass")}
            super().prepare()

        def answers(self):
            return super(RabbitMQ, self).answers()
    with serving(Made) as server:
        assert server.ctl("list_users", "-q", "--no-table-headers").split() == ["ingest", "[]"]
        assert server.ctl("list_vhosts", "-q", "--no-table-headers").split() == ["prospectflow"]
        assert server.ctl("list_user_permissions", "ingest", "-q", "--no-table-headers").split() == ["prospectflow", ".*", ".*", ".*"]
        server.ctl("add_vhost", "another")
        assert "another" not in server.ctl("list_user_permissions", "ingest", "-q")
