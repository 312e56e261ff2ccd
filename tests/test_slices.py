# SPDX-License-Identifier: Apache-2.0
"""Work on many rows is done in slices: a request writes no more than one, and what is left is done by jobs, whatever dies on the way."""
import threading

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
    assert client.stats(made["id"])["emails"]["pending"] == SLICE, "the request made one slice"

    worker = make_service(ROLE="worker", DATA_DIR=api.data_dir)

    def emails():
        return client.stats(made["id"])["emails"]
    wait_until("some are enqueued, and some are sent", lambda: sum(emails().values()) > 2 * SLICE and emails()["sent"] > 0, interval=0.01)
    assert client.act(made["id"], "pause").status == 200
    worker.kill()  # in the middle of it
    make_service(ROLE="worker", DATA_DIR=api.data_dir)
    wait_until("what was asked for before the pause is pending", lambda: sum(emails().values()) == PEOPLE)
    assert emails()["sent"] < PEOPLE

    assert client.act(made["id"], "start").status == 200
    wait_until("all are sent", lambda: emails() == {"pending": 0, "sending": 0, "sent": PEOPLE, "failed": 0})
    assert len(list((api.data_dir / "outbox").glob("*.eml"))) == PEOPLE
    assert client.act(made["id"], "send").json() == {"enqueued": 0, "already_enqueued": PEOPLE}


def test_an_import_that_is_killed_changes_nothing_in_the_end(make_service):
    """Killed in the middle of its slices: the next start takes back what was written, and the same import then works."""
    service = make_service()
    organisation = service.organisation()
    client = service.client(organisation)
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
    wait_until("a part of it is seen", lambda: len(client.get("/api/v1/prospects", limit=100).json()["data"]) == 100, interval=0.005)
    other = service.client(service.organisation("other"))
    assert other.import_csv("email\nothers@example.com\n").status == 200, "others write meanwhile"
    service.kill()
    thread.join()
    service.start()
    wait_until("taken back", lambda: [line for line in service.log_lines() if line["msg"] == "an import that did not end was taken back"])
    again = service.client(organisation)
    assert again.get("/api/v1/prospects", limit=500).json()["data"] == before
    answer = again.import_csv(many)
    assert (answer.status, answer.json()["imported"], answer.json()["updated"]) == (200, 149_990, 10)


def test_limits_of_an_organisation(make_service):
    """What is at its limit is refused and says so; the job that enqueues waits for room, and in the end all is done."""
    service = make_service(MAX_CAMPAIGNS=2, MAX_JOBS=300)
    client = service.client(service.organisation())
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

    api = make_service(ROLE="api", MAX_JOBS=300)
    client = api.client(api.organisation())
    assert client.import_csv("email\n" + "".join(f"p{i}@example.com\n" for i in range(1700))).status == 200
    made = client.post("/api/v1/campaigns", template).json()["id"]
    assert client.act(made, "start").status == 200
    assert client.act(made, "send").status == 202
    refused = client.act(made, "send")
    assert (refused.status, refused.error_code, refused.headers["retry-after"]) == (429, "too_many_jobs", "60")
    assert api.metrics().value("limit_refusals_total", limit="jobs") == 1
