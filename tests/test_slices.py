# SPDX-License-Identifier: Apache-2.0
"""Work on many rows is done in slices: a request writes at most one slice, and jobs do the rest, also after a crash."""
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

from support.ports import wait_until

PEOPLE = 6000
SLICE = 500


def test_a_large_campaign_is_enqueued_in_slices(make_service):
    api = make_service(ROLE="api")
    organisation = api.organisation()
    client = api.client(organisation)
    assert client.import_csv("email\n" + "".join(f"p{i}@example.com\n" for i in range(PEOPLE))).status == 200
    made = client.post("/api/v1/campaigns", {"name": "all", "subject_template": "Hello", "body_template": "To {{email}}"}).json()
    assert client.act(made["id"], "start").status == 200

    said = client.act(made["id"], "send")
    assert (said.status, said.json()) == (202, {"enqueued": PEOPLE, "already_enqueued": 0})
    assert client.stats(made["id"])["emails"]["pending"] == SLICE, "the request must write one slice"

    worker = make_service(ROLE="worker", DATA_DIR=api.data_dir)

    def emails():
        return client.stats(made["id"])["emails"]
    wait_until("some are enqueued, and some are sent", lambda: sum(emails().values()) > 2 * SLICE and emails()["sent"] > 0, interval=0.01)
    assert client.act(made["id"], "pause").status == 200
    worker.kill()  # while it works
    make_service(ROLE="worker", DATA_DIR=api.data_dir)
    wait_until("what was asked for before the pause is pending", lambda: sum(emails().values()) == PEOPLE)
    assert emails()["sent"] < PEOPLE

    assert client.act(made["id"], "start").status == 200
    wait_until("all are sent", lambda: emails() == {"pending": 0, "sending": 0, "sent": PEOPLE, "failed": 0})
    assert len(list((api.data_dir / "outbox").glob("*.eml"))) == PEOPLE
    assert client.act(made["id"], "send").json() == {"enqueued": 0, "already_enqueued": PEOPLE}


def test_a_killed_import_is_undone(make_service):
    """Killed between its slices: the next start undoes the written slices, and then the same import works."""
    service = make_service()
    organisation = service.organisation()
    client, other = service.client(organisation), service.client(service.organisation("other"))
    assert client.import_csv("email,first_name,note\n" + "".join(f"p{i}@example.com,Ada,kept\n" for i in range(10))).status == 200
    wait_until("researched", lambda: {row["status"] for row in client.get("/api/v1/prospects").json()["data"]} == {"researched"})
    before = client.get("/api/v1/prospects").json()["data"]
    many = "email,first_name\n" + "".join(f"p{i}@example.com,Eve\n" for i in range(150_000))

    def upload():
        try:
            service.client(organisation).import_csv(many)
        except OSError:
            pass
    thread = threading.Thread(target=upload)
    thread.start()
    wait_until("a part of the import is visible", lambda: len(client.get("/api/v1/prospects", limit=100).json()["data"]) == 100, interval=0.005)
    assert other.import_csv("email\nothers@example.com\n").status == 200, "other organisations can write meanwhile"
    service.kill()
    thread.join()
    service.start()
    wait_until("the refused import undone", lambda: [line for line in service.log_lines() if line["msg"] == "an unfinished import was rolled back"])
    again = service.client(organisation)
    assert again.get("/api/v1/prospects", limit=500).json()["data"] == before
    answer = again.import_csv(many)
    assert (answer.status, answer.json()["imported"], answer.json()["updated"]) == (200, 149_990, 10)


def test_limits_of_an_organisation(make_service):
    """A request over a limit is refused with its reason. The job that enqueues waits for room, and in the end all is done."""
    service = make_service(MAX_CAMPAIGNS=2, MAX_JOBS=300)
    owner = service.organisation()
    client = service.client(owner)
    assert client.import_csv("email\n" + "".join(f"p{i}@example.com\n" for i in range(1700))).status == 200
    template = {"name": "n", "subject_template": "Hello", "body_template": "To {{email}}"}
    made = [client.post("/api/v1/campaigns", template) for _ in range(3)]
    assert [answer.status for answer in made] == [201, 201, 409] and made[2].error_code == "too_many_campaigns"
    first = made[0].json()["id"]
    assert client.act(first, "start").status == 200
    assert client.act(first, "send").status == 202
    wait_until("all sent, a few hundred at a time", lambda: client.stats(first)["emails"]["sent"] == 1700)
    metrics = service.metrics()
    assert metrics.value("limit_refusals_total", limit="campaigns") == 1

    wait_until("the gauge shows both campaigns", lambda: service.metrics().value("organisation_limit_used", organisation_id=owner.id, limit="campaigns") == 2)
    wait_until("and that no job is left", lambda: service.metrics().value("organisation_limit_used", organisation_id=owner.id, limit="jobs") == 0)
    assert metrics.value("organisation_limit_max", limit="campaigns") == 2 and metrics.value("organisation_limit_max", limit="prospects") == 10_000_000

    api = make_service(ROLE="api", MAX_JOBS=300)
    client = api.client(api.organisation())
    assert client.import_csv("email\n" + "".join(f"p{i}@example.com\n" for i in range(1700))).status == 200
    made = client.post("/api/v1/campaigns", template).json()["id"]
    assert client.act(made, "start").status == 200
    assert client.act(made, "send").status == 202
    refused = client.act(made, "send")
    assert (refused.status, refused.error_code, refused.headers["retry-after"]) == (429, "too_many_jobs", "60")
    assert api.metrics().value("limit_refusals_total", limit="jobs") == 1


def test_the_prospects_limit(make_service):
    """Only new rows count. A refused import leaves no rows behind, also when it was written in slices."""
    service = make_service(MAX_PROSPECTS=3000)
    client = service.client(service.organisation())

    def rows(first, last, note=""):
        return "email,note\n" + "".join(f"p{i}@example.com,{note}\n" for i in range(first, last))
    assert client.import_csv(rows(0, 2990)).status == 200
    for many in (20, 100_000):
        refused = client.import_csv(rows(2985, 2985 + many))
        assert (refused.status, refused.error_code) == (409, "too_many_prospects") and "MAX_PROSPECTS" in refused.json()["error"]["message"]
    wait_until("the refused import undone", lambda: client.import_csv(rows(2990, 3000)).status == 200)
    again = client.import_csv(rows(0, 3000, "again"))  # this import and the undo of the refused one wait for each other
    assert again.status == 200 and again.json()["updated"] == 3000
    assert client.import_csv(rows(3000, 3001)).status == 409
    assert service.metrics().value("limit_refusals_total", limit="prospects") >= 3


def test_the_prospects_limit_holds_for_concurrent_requests(make_service):
    """Small imports on many connections: together they reach the limit and do not exceed it."""
    service = make_service(MAX_PROSPECTS=40)
    organisation = service.organisation()

    def import_rows(first):
        count = 1 + first % 3 // 2  # every third request has two rows
        rows = "email\n" + "".join(f"p{first}.{i}@example.com\n" for i in range(count))
        return service.client(organisation, timeout=180).import_csv(rows).status
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(import_rows, range(80)))
    assert set(statuses) == {200, 409}
    listed = service.client(organisation).get("/api/v1/prospects", limit=100).json()["data"]
    assert len(listed) == 40


def test_the_disk_limit_of_bodies(make_service):
    """The body of a running upload counts against its organisation's limit of disk space. A second body over the limit is refused. Other
    organisations are not affected."""
    service = make_service(MAX_BODY_DISK=1_000_000)
    one, other = service.organisation(), service.organisation("other")
    head = (f"POST /api/v1/prospects/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {one.key}\r\n"
            "Content-Type: text/csv\r\nContent-Length: 700000\r\n\r\n")
    big = "email\n" + "".join(f"p{i:06}@example.com\n" for i in range(35_000))
    assert service.client(one).import_csv("email\nfirst@example.com\n").status == 200  # now its series exist
    with socket.create_connection(("127.0.0.1", service.port)) as half:
        half.sendall(head.encode() + big.encode()[:650_000])
        wait_until("it is on disk", lambda: service.metrics().value("organisation_limit_used", organisation_id=one.id, limit="body_disk") == 650_000)
        refused = service.client(one).import_csv(big)
        assert (refused.status, refused.error_code, refused.headers["retry-after"]) == (429, "too_many_bodies", "5")
        assert service.client(other).import_csv(big).status == 200
        assert service.client(one).import_csv("email\na@example.com\n").status == 200, "a small body needs no disk space"
    wait_until("the disk space released", lambda: service.metrics().value("organisation_limit_used", organisation_id=one.id, limit="body_disk") == 0)
    assert service.client(one).import_csv(big).status == 200
