# SPDX-License-Identifier: Apache-2.0
"""This ingest-api opens a database of an older version: all data is kept and the work continues.

tests/fixtures/ has one database of each store, written by revision c95dde2, which was killed during its work (fixtures/make-stores).
stores.json describes their contents. A migration that renames or moves something changes the queries of `Store` here, and nothing else.
"""
import gzip
import json
import sqlite3
import subprocess

import pytest
from stack.servers import postgres
from support.ports import PATIENCE, wait_until
from support.service import BINARY, ROOT, Organisation, Service

FIXTURES = ROOT / "tests/fixtures"
TOLD = json.loads((FIXTURES / "stores.json").read_text(encoding="utf-8"))
LIVE = ("ready", "delayed", "retried", "leased", "relaying", "broker")  # states of unfinished jobs
NAMELESS = 1  # one prospect of `engines` has no first name: its draft cannot be made, so its email cannot be sent

# The state of a job, computed as in fixtures/make-stores.
JOB_STATE = """CASE WHEN state IN ('ready', 'delayed') AND attempt > 0 THEN 'retried'
 WHEN state IN ('ready', 'delayed') AND idempotency_key IS NULL THEN 'delayed' WHEN state = 'delayed' THEN 'ready'
 WHEN state = 'handed' THEN 'broker' ELSE state END"""


class Store:
    """A copy of a fixture, with queries."""

    def __init__(self, name, directory, request):
        self.told = TOLD[name]
        self.service = Service(directory, JOB_ATTEMPTS=30)
        if name == "sqlite":
            self.path = self.service.data_dir / "ingest.db"
            self.path.write_bytes(gzip.decompress((FIXTURES / "sqlite.db.gz").read_bytes()))
        else:
            self.server, self.path = request.getfixturevalue("postgres_server"), None
            url = self.server.database()
            self.database = url.rsplit("/", 1)[1]
            self.service.env["STORE"] = url
            subprocess.run([postgres.programs() / "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", FIXTURES / "postgres.sql"],
                           check=True, stdout=subprocess.DEVNULL, timeout=180)

    def rows(self, sql):
        if self.path is None:
            return [tuple(line.split("|")) for line in self.server.sql(sql, self.database).splitlines()]
        for schema in ("iam", "crm", "outreach", "tracking"):
            sql = sql.replace(f"{schema}.", f"{schema}_")
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=PATIENCE) as db:
            return db.execute(sql).fetchall()

    def number(self, sql):
        return int(self.rows(sql)[0][0])

    def jobs(self):
        found = {}
        for queue, state, n in self.rows(f"SELECT queue, {JOB_STATE}, count(*) FROM tracking.jobs GROUP BY 1, 2"):
            found.setdefault(queue, {})[state] = int(n)
        return found

    def states(self, table, column="state"):
        return {state: int(n) for state, n in self.rows(f"SELECT {column}, count(*) FROM {table} GROUP BY 1")}

    def in_doubt(self):
        return self.number("SELECT count(*) FROM outreach.emails WHERE state = 'in_doubt' AND error LIKE 'in doubt:%'")

    def emails(self):
        """Counts by the states of the old version."""
        now = self.states("outreach.emails")
        was = {"pending": ("waiting", "refused_sender"), "sending": ("sending",), "sent": ("accepted",),
               "failed": ("refused_recipient", "skipped", "in_doubt")}
        found = {name: sum(now.get(state, 0) for state in states) for name, states in was.items()}
        return {name: n for name, n in found.items() if n}

    # ---- the service on it ----

    def command(self, *words):
        env = {k: str(v) for k, v in self.service.env.items()}
        return subprocess.run([BINARY, *words], env=env, cwd=self.service.directory, capture_output=True, text=True, timeout=180)

    def start(self, **env):
        self.service.env |= {key: str(value) for key, value in env.items()}
        self.service.start()

    def client(self, who, key=0):
        of = self.told["organisations"][who]
        return self.service.client(Organisation(of["id"], of["keys"][key]))

    def stats(self, campaign):
        """In the old version, emails in doubt were counted as failed."""
        of = self.told["campaigns"][campaign]
        stats = self.client(of["organisation"]).stats(of["id"])
        stats["emails"]["failed"] += stats["fates"]["in_doubt"]
        stats["emails"]["sending"] -= stats["fates"]["in_doubt"]
        return stats

    def act(self, campaign, verb):
        of = self.told["campaigns"][campaign]
        return self.client(of["organisation"]).act(of["id"], verb)

    def told_of(self, campaign, what):
        """The recorded counts, with zeros for missing states, as in the API."""
        states = {"drafts": ("generated", "failed"), "emails": ("pending", "sending", "sent", "failed")}[what]
        return {state: self.told["campaigns"][campaign][what].get(state, 0) for state in states}


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, tmp_path):
    made = Store(request.param, tmp_path / "service", request)
    yield made
    made.service.close()


def summed(groups):
    found = {}
    for group in groups:
        for state, n in group.items():
            found[state] = found.get(state, 0) + n
    return found


def test_nothing_is_lost(store):
    """A command migrates the database and runs no jobs: every row keeps its state."""
    said = store.command("key", "list", store.told["organisations"]["engines"]["id"])
    assert said.returncode == 0, said
    keys = [json.loads(line) for line in said.stdout.splitlines() if "key_id" in line]
    assert [key["revoked_at"] is None for key in keys].count(True) == 2 and len(keys) == 3
    assert store.number("SELECT max(version) FROM tracking.schema_migrations") >= store.told["migrations"]
    assert store.jobs() == store.told["jobs"]
    campaigns, organisations = store.told["campaigns"].values(), store.told["organisations"].values()
    assert store.emails() == summed(c["emails"] for c in campaigns)
    assert store.states("outreach.drafts") == summed(c["drafts"] for c in campaigns)
    assert store.states("crm.prospects", "status") == summed(o["prospects"] for o in organisations)
    assert store.states("outreach.campaigns", "status") == summed({c["status"]: 1} for c in campaigns)
    assert store.in_doubt() == store.told["emails_in_doubt"]
    assert store.number("SELECT count(*) FROM outreach.mail_rates") == store.told["mail_rates"]
    used = {what: int(n) for what, n in store.rows("SELECT what, sum(used) FROM tracking.usage GROUP BY 1")}
    unfinished = {queue: int(n) for queue, n in store.rows("SELECT queue, count(*) FROM tracking.jobs WHERE ended_at IS NULL GROUP BY 1")}
    prospects = store.number("SELECT count(*) FROM crm.prospects")
    assert used == {**unfinished, "prospects": prospects, "campaigns": len(campaigns)}


def test_the_api_shows_the_old_data(store):
    """Keys work, revoked keys do not, and each organisation finds its own data unchanged."""
    store.start(ROLE="api")
    for who, of in store.told["organisations"].items():
        for key in range(len(of["keys"])):
            prospects = store.client(who, key).prospects()
            found = summed({prospect["status"]: 1} for prospect in prospects)
            assert found == of["prospects"], who
        for key in of["revoked"]:
            refused = store.service.client(Organisation(of["id"], key)).get("/api/v1/prospects")
            assert (refused.status, refused.error_code) == (401, "unauthorized")
        listed = {row["id"]: row["status"] for row in store.client(who).get("/api/v1/campaigns").json()["data"]}
        assert listed == {c["id"]: c["status"] for c in store.told["campaigns"].values() if c["organisation"] == who}
    for campaign, of in store.told["campaigns"].items():
        stats = store.stats(campaign)
        assert (stats["drafts"], stats["emails"]) == (store.told_of(campaign, "drafts"), store.told_of(campaign, "emails")), campaign
        stranger = store.client("idle").get(f"/api/v1/campaigns/{of['id']}")
        assert stranger.status == 404
    ada = store.client("engines").get("/api/v1/prospects", email="ada@example.com").json()["data"][0]
    assert (ada["last_name"], ada["custom_fields"]) == ("Lovelace", {"note": "first, of all", "colour": "blue"})
    zoe = store.client("engines").get("/api/v1/prospects", email="zoe@example.com").json()["data"][0]
    assert (zoe["last_name"], zoe["company"], zoe["custom_fields"]["note"]) == ("Żółć", "Ünïcode GmbH", "𝄞")


@pytest.mark.parametrize("queue", ["embedded", "amqp"])
def test_the_work_continues(store, queue, request):
    """Jobs of every state are finished: emails are sent once, dead letters stay dead, nothing is enqueued twice."""
    if queue == "amqp":
        store.service.env["QUEUE"] = request.getfixturevalue("rabbitmq_server").vhost()
    store.start(VALIDATION_DELAY=0, MAIL_RATE_LIMIT=1000)

    def finished():
        left = summed(store.jobs().values())
        return not any(left.get(state) for state in LIVE)
    wait_until("every job finished", finished, interval=0.2)

    dead = {name: states["dead"] for name, states in store.told["jobs"].items() if "dead" in states}
    assert {name: states["dead"] for name, states in store.jobs().items() if "dead" in states} == dead
    assert store.states("crm.prospects", "status") == {"researched": 6 + 3 + 5 + 30, "invalid": 1}
    assert store.in_doubt() == store.told["emails_in_doubt"]
    sent = 0
    for campaign, of in store.told["campaigns"].items():
        was, now = store.told_of(campaign, "emails"), store.stats(campaign)["emails"]
        if of["status"] == "active":
            waited = was["pending"] + was["sending"]
            failed = NAMELESS if campaign == "waiting" else 0
            was = {"pending": 0, "sending": 0, "sent": was["sent"] + waited - failed, "failed": was["failed"] + failed}
            sent += waited - failed
        assert now == was, campaign
    outbox = store.service.data_dir / "outbox"

    def written():
        return len(list(outbox.rglob("*.eml")))
    assert written() == sent
    for campaign, generated, failed in (("under way", 5, 0), ("with the broker", 5, 0), ("waiting", 5, NAMELESS)):
        assert store.stats(campaign)["drafts"] == {"generated": generated, "failed": failed}, campaign

    # Nothing is enqueued again, even if the finished jobs were deleted meanwhile.
    assert store.act("in doubt", "drafts").json() == {"enqueued": 0, "already_enqueued": 5}
    assert store.act("in doubt", "send").json() == {"enqueued": 0, "already_enqueued": 5}
    assert store.act("sent and completed", "start").error_code == "illegal_state"
    # A paused campaign continues where it stopped.
    assert store.act("paused", "start").status == 200
    resumed = {"pending": 0, "sending": 0, "sent": 5, "failed": NAMELESS}
    wait_until("the paused campaign sent", lambda: store.stats("paused")["emails"] == resumed)
    assert written() == sent + 5
