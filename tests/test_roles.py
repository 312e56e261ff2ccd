# SPDX-License-Identifier: Apache-2.0
"""Separate PostgreSQL roles: the owner migrates, one role serves one organisation at a time, one role acts for all. Each is tested with its
password only, without our code."""
import itertools
import json
import subprocess

import pytest
from stack import Fault
from support.faults import PATIENCE
from support.http import csv_rows
from support.ports import wait_until
from support.service import BINARY

TABLES = ["iam.organisations", "iam.api_keys", "crm.prospects", "tracking.jobs", "outreach.campaigns"]
_number = itertools.count()


class Roles:
    """A database of `owner`. Roles belong to the whole server, so each test has its own."""

    def __init__(self, server, make_service):
        self.server, self.make_service = server, make_service
        n = f"{id(self):x}{next(_number)}"
        self.owner, self.serving, self.all = (f"r{n}_{kind}" for kind in ("owner", "api", "worker"))
        for role in (self.owner, self.serving, self.all):
            server.sql(f"CREATE ROLE {role} LOGIN")
        self.database = f"roles_{n}"
        server.sql(f"CREATE DATABASE {self.database} OWNER {self.owner}")

    def url(self, role):
        return f"postgres://{role}@127.0.0.1:{self.server.port}/{self.database}"

    def command(self, role, *words):
        return subprocess.run([BINARY, *words], env={"STORE": self.url(role), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
                              timeout=PATIENCE, check=False)

    def migrate(self):
        done = self.command(self.owner, "migrate", f"--serve={self.serving}", f"--all={self.all}")
        assert done.returncode == 0, done  # no check of stderr: on a busy machine it may warn of a slow step
        return json.loads(done.stdout)

    def start(self, role, **env):
        return self.make_service(STORE=self.url(role), QUEUE="embedded", **env)

    def sql(self, role, text, scope=None):
        """Run it in one transaction, with psql."""
        begin = f"BEGIN; SELECT set_config('app.organisation_id', '{scope}', true); " if scope else ""
        said = self.server.sql(f"{begin}{text}{'; COMMIT' if scope else ''}", self.database, role)
        return said.split("\n")[1:] if scope else said.split("\n")

    def refused(self, role, text, scope=None):
        with pytest.raises(Fault) as fault:
            self.sql(role, text, scope)
        return str(fault.value)


@pytest.fixture
def roles(postgres_server, make_service):
    return Roles(postgres_server, make_service)


@pytest.fixture
def two(roles):
    """Two organisations, each with rows, jobs and keys, made by an API with the serving role."""
    roles.migrate()
    roles.api = roles.start(roles.serving, ROLE="api")
    found = []
    for name in ("One", "Two"):
        organisation = roles.api.organisation(name)
        client = roles.api.client(organisation)
        assert client.import_csv(csv_rows(20, tag=name.lower())).status == 200
        client.campaign()
        found.append(organisation)
    return found


def test_an_api_and_a_worker_with_separate_roles(roles, two):
    worker = roles.start(roles.all, ROLE="worker")
    one, other = (roles.api.client(organisation) for organisation in two)
    for client in (one, other):
        campaign = client.campaign()
        assert client.act(campaign, "start").status == 200
        assert client.act(campaign, "drafts").status == 202
        assert client.act(campaign, "send").status == 202
        wait_until("all sent", lambda: client.stats(campaign)["emails"]["sent"] == 20)
        assert len(client.prospects()) == 20
    worker.settled("no job is left, and every email counted", lambda m: m.total("queue_depth") == 0 and m.total("emails_sent_total", success="true") == 40)
    # Only a role that sees all organisations can count the jobs. The API must not expose 0.
    assert not [s for s in roles.api.metrics().samples if s.name == "queue_depth" and s.value == s.value]
    assert roles.api.client().get("/health/ready").status == 200
    # The serving role can run commands too.
    made = json.loads(roles.command(roles.serving, "key", "create", two[0].id).stdout)
    assert roles.command(roles.serving, "key", "revoke", two[0].id, made["key_id"]).returncode == 0
    # A repeated migration changes nothing.
    assert roles.migrate() == roles.migrate()


@pytest.mark.parametrize("table", TABLES)
def test_the_serving_role_sees_one_organisation_at_a_time(roles, two, table):
    column = "id" if table == "iam.organisations" else "organisation_id"
    one, other = (organisation.id for organisation in two)
    owners = f"SELECT DISTINCT {column} FROM {table}"
    assert roles.sql(roles.serving, owners) == [""], "without an organisation, no rows are visible"
    assert roles.sql(roles.serving, owners, "*") == [], "the serving role must not see all"
    assert roles.sql(roles.serving, owners, one) == [one]
    assert roles.sql(roles.serving, f"SELECT count(*) FROM {table} WHERE {column} = '{other}'", one) == ["0"]
    # It cannot change them either.
    assert roles.sql(roles.serving, f"WITH gone AS (DELETE FROM {table} WHERE {column} = '{other}' RETURNING 1) SELECT count(*) FROM gone", one) == ["0"]
    assert sorted(roles.sql(roles.all, owners, "*")) == sorted([one, other])
    assert sorted(roles.sql(roles.owner, owners, "*")) == sorted([one, other])


def test_the_serving_role_writes_only_for_its_organisation(roles, two):
    one, other = (organisation.id for organisation in two)
    row = ("INSERT INTO tracking.jobs (id, queue, organisation_id, payload, state, due_at, created_at)"
           " VALUES (gen_random_uuid(), 'email.send', '{}', '{{}}', 'ready', 0, 0)")
    roles.sql(roles.serving, row.format(one), one)
    for scope in (one, "*"):
        assert "violates row-level security" in roles.refused(roles.serving, row.format(other), scope)
    key = "INSERT INTO iam.api_keys VALUES (sha256('x'), '{}', 0)"
    assert "violates row-level security" in roles.refused(roles.serving, key.format(other), one)


@pytest.mark.parametrize("role", ["serving", "all"])
def test_neither_role_can_change_the_policies(roles, two, role):
    name = getattr(roles, role)
    for text in ("ALTER POLICY tenant ON crm.prospects USING (true)", "DROP POLICY tenant ON tracking.jobs",
                 "CREATE POLICY mine ON crm.prospects USING (true)", "ALTER TABLE crm.prospects DISABLE ROW LEVEL SECURITY",
                 "ALTER TABLE crm.prospects NO FORCE ROW LEVEL SECURITY", "TRUNCATE crm.prospects CASCADE", "DROP TABLE iam.api_keys CASCADE",
                 "CREATE TABLE iam.mine (a int)", "CREATE OR REPLACE FUNCTION iam.current_scope() RETURNS text LANGUAGE sql AS $$ SELECT '*' $$",
                 "UPDATE tracking.schema_migrations SET version = 1", f"SET ROLE {roles.owner}"):
        assert "must be owner" in (said := roles.refused(name, text)) or "permission denied" in said, (text, said)
    if role == "serving":
        assert "permission denied" in roles.refused(name, f"GRANT EXECUTE ON FUNCTION iam.all_organisations() TO {name}")
        assert "permission denied" in roles.refused(name, "SELECT iam.all_organisations()")


def test_a_worker_needs_the_role_for_all(roles):
    roles.migrate()
    for role in ("worker", "all"):
        done = subprocess.run([BINARY, f"--role={role}"], env={"STORE": roles.url(roles.serving), "PORT": "1", "PATH": "/usr/bin:/bin"},
                              capture_output=True, text=True, timeout=PATIENCE, cwd="/tmp", check=False)
        assert done.returncode == 1 and "ingest-api migrate --all=ROLE" in done.stdout, done


def test_a_refused_migration_names_the_owner(roles):
    done = roles.command(roles.serving, "org", "create", "Early")
    assert done.returncode == 1 and "only the owner can run" in done.stderr.lower(), done
    assert roles.migrate()["schema_version"] > 0
    assert roles.command(roles.serving, "org", "create", "Now").returncode == 0
    # A role that is named with --serve instead of --all loses its rights for all organisations.
    assert roles.command(roles.owner, "migrate", f"--serve={roles.all}").returncode == 0
    assert "permission denied" in roles.refused(roles.all, "SELECT iam.all_organisations()")
    for words in (["migrate", "--serve=Bad name"], ["migrate", "--all=1x"]):
        assert roles.command(roles.owner, *words).returncode == 1


def test_a_restored_dump_works_with_the_roles(roles, two, postgres_server, tmp_path):
    """As in docs/service/reliability.md, with a role that bypasses row-level security for reading and owns nothing."""
    reader, copy = f"{roles.owner}_reader", f"{roles.database}_copy"
    postgres_server.sql(f"CREATE ROLE {reader} LOGIN BYPASSRLS; GRANT pg_read_all_data TO {reader}")

    def tool(program, role, *words):
        return postgres_server._client(program, "-U", role, *map(str, words))
    dump = ("pg_dump", "--format=custom", f"--file={tmp_path}/copy.dump", roles.database)
    assert "row-level security" in tool(dump[0], roles.owner, *dump[1:]).stderr, "a dump with missing rows must fail"
    done = tool(dump[0], reader, *dump[1:])
    assert done.returncode == 0, done
    postgres_server.sql(f"CREATE DATABASE {copy} OWNER {roles.owner}")
    done = tool("pg_restore", "postgres", "--exit-on-error", "--single-transaction", f"--dbname={copy}", tmp_path / "copy.dump")
    assert done.returncode == 0, done
    roles.database = copy
    api = roles.start(roles.serving, ROLE="api")
    assert [len(api.client(organisation).prospects()) for organisation in two] == [20, 20]
    assert api.client(two[0]).import_csv(csv_rows(1, tag="new")).status == 200
    assert roles.sql(roles.serving, "SELECT count(*) FROM crm.prospects", "*") == ["0"]
    assert "must be owner" in roles.refused(roles.serving, "ALTER POLICY tenant ON crm.prospects USING (true)")


def test_sqlite_has_no_roles(tmp_path):
    env = {"DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    run = lambda *words: subprocess.run([BINARY, "migrate", *words], env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert json.loads(run().stdout)["schema_version"] > 0
    done = run("--serve=x")
    assert done.returncode == 1 and "this store has no roles" in done.stderr
