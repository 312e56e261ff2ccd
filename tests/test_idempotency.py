# SPDX-License-Identifier: Apache-2.0
"""Idempotency-Key: a repeated request gets the first response and changes nothing, even after a crash in between."""
import json
import threading

from support.ports import wait_until

TEMPLATE = {"name": "n", "subject_template": "Hello", "body_template": "To {{email}}"}
IMPORT = "/api/v1/prospects/import"


def post(client, path, key, body=None, type="application/json"):
    headers = {"Idempotency-Key": key} | ({"Content-Type": type} if body is not None else {})
    return client.request("POST", path, json.dumps(body) if isinstance(body, dict) else body, headers)


def replayed(answer):
    return answer.headers.get("idempotent-replayed") == "true"


def test_the_same_request_is_done_once(make_service):
    service = make_service()
    client, other = (service.client(service.organisation(name)) for name in ("one", "other"))
    first = post(client, "/api/v1/campaigns", '"8e03978e-40d5"', TEMPLATE)
    assert first.status == 201 and not replayed(first)
    for key in ('"8e03978e-40d5"', "8e03978e-40d5"):  # a quoted string (RFC 8941), or unquoted as many clients send it
        again = post(client, "/api/v1/campaigns", key, TEMPLATE)
        assert (again.status, again.body, again.headers["location"]) == (201, first.body, first.headers["location"]) and replayed(again)
    assert len(client.get("/api/v1/campaigns").json()["data"]) == 1
    assert post(other, "/api/v1/campaigns", "8e03978e-40d5", TEMPLATE).json()["id"] != first.json()["id"], "keys of different organisations must be independent"

    campaign = first.json()["id"]
    for path, body in (("/api/v1/campaigns", dict(TEMPLATE, name="m")), (f"/api/v1/campaigns/{campaign}/start", None)):
        reused = post(client, path, "8e03978e-40d5", body)
        assert (reused.status, reused.error_code) == (422, "idempotency_key_reused")

    assert post(client, f"/api/v1/campaigns/{campaign}/start", "start").json()["status"] == "active"
    assert client.act(campaign, "pause").status == 200
    again = post(client, f"/api/v1/campaigns/{campaign}/start", "start")
    assert again.json()["status"] == "active" and replayed(again)
    assert client.get(f"/api/v1/campaigns/{campaign}").json()["status"] == "paused", "the replayed request changed something"


def test_a_refused_request_may_be_repeated(make_service):
    """An answer of 400 or above has changed nothing and is not stored."""
    service = make_service(MAX_CAMPAIGNS=1)
    client = service.client(service.organisation())
    campaign = client.campaign()
    refused = post(client, f"/api/v1/campaigns/{campaign}/send", "send")
    assert (refused.status, refused.error_code) == (409, "illegal_state")
    assert client.act(campaign, "start").status == 200
    assert post(client, f"/api/v1/campaigns/{campaign}/send", "send").status == 202
    for key in ("", '""', "a b", 'a"b', "ä", "x" * 256, '"a\\\\b"'):
        bad = post(client, f"/api/v1/campaigns/{campaign}/pause", key.encode().decode("latin-1"))
        assert (bad.status, bad.error_code) == (400, "invalid_idempotency_key"), key
    assert client.get(f"/api/v1/campaigns/{campaign}", headers={"Idempotency-Key": ""}).status == 200, "a GET must ignore the key"
    assert post(client, f"/api/v1/campaigns/{campaign}/pause", "x" * 255).status == 200


def test_jobs_are_enqueued_once(make_service):
    """/drafts and /send first read and then write. The answer is stored with the first slice of the jobs."""
    service = make_service(ROLE="api")
    client = service.client(service.organisation())
    assert client.import_csv("email\n" + "".join(f"p{i}@example.com\n" for i in range(1200))).status == 200
    campaign = client.campaign()
    assert client.act(campaign, "start").status == 200
    for verb in ("drafts", "send"):
        answers = [post(client, f"/api/v1/campaigns/{campaign}/{verb}", verb) for _ in range(3)]
        assert [(a.status, a.json()) for a in answers] == [(202, {"enqueued": 1200, "already_enqueued": 0})] * 3
        assert [replayed(a) for a in answers] == [False, True, True]


def test_an_import_is_done_once_and_never_concurrently(make_service):
    service = make_service()
    organisation = service.organisation()
    client = service.client(organisation)
    small, large = ("email\n" + "".join(f"{name}{i}@example.com\n" for i in range(n)) for name, n in (("s", 10), ("l", 40_000)))
    for rows, n in ((small, 10), (large, 40_000)):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(post(service.client(organisation), IMPORT, str(n), rows, "text/csv"))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for busy in (a for a in answers if a.status == 409):
            assert (busy.error_code, busy.headers["retry-after"]) == ("request_in_progress", "1")
        good = [a.json() for a in answers if a.status == 200]
        assert good and [(a["imported"], a["updated"], a["rejected"]) for a in good] == [(n, 0, 0)] * len(good)
        assert [a.status == 200 and not replayed(a) for a in answers].count(True) == 1
        again = post(client, IMPORT, str(n), rows, "text/csv")
        assert replayed(again) and again.json() == good[0]
    assert post(client, IMPORT, "10", small, "application/x-ndjson").status in (400, 422)
    assert service.metrics().value("prospects_total", action="imported") == 40_010


def test_a_killed_import_is_completed_by_the_same_request(make_service):
    """Killed between two slices: 409 until the partial import is undone. Then the same key imports all of it."""
    service = make_service()
    organisation = service.organisation()
    many = "email\n" + "".join(f"p{i}@example.com\n" for i in range(150_000))

    def upload():
        try:
            post(service.client(organisation), IMPORT, "once", many, "text/csv")
        except OSError:
            pass
    thread = threading.Thread(target=upload)
    thread.start()
    client = service.client(organisation)
    wait_until("a part of the import is visible", lambda: len(client.get("/api/v1/prospects", limit=100).json()["data"]) == 100, interval=0.005)
    service.kill()
    thread.join()
    service.start()
    answers = []

    def done():
        answers.append(post(service.client(organisation), IMPORT, "once", many, "text/csv"))
        return answers[-1].status == 200
    wait_until("it is imported", done, interval=1)  # each attempt sends three megabytes
    assert answers[-1].json()["imported"] == 150_000 and answers[-1].json()["updated"] == 0 and not replayed(answers[-1])
    assert all(a.error_code == "request_in_progress" for a in answers[:-1])
    assert replayed(post(service.client(organisation), IMPORT, "once", many, "text/csv"))
    assert len(service.client(organisation).prospects()) == 150_000


def test_keys_are_limited_and_expire(make_service):
    service = make_service(MAX_IDEMPOTENCY_KEYS=2, IDEMPOTENCY_TTL=15)
    owner = service.organisation()
    client = service.client(owner)
    for i in range(2):
        assert post(client, "/api/v1/campaigns", f"k{i}", TEMPLATE).status == 201
    refused = post(client, "/api/v1/campaigns", "k2", TEMPLATE)
    assert (refused.status, refused.error_code) == (429, "too_many_idempotency_keys")
    assert replayed(post(client, "/api/v1/campaigns", "k1", TEMPLATE)), "a known key must not count as new"
    assert service.metrics().value("limit_refusals_total", limit="idempotency_keys") == 1
    wait_until("an expired key", lambda: post(client, "/api/v1/campaigns", "k2", TEMPLATE).status == 201)
    wait_until("counted", lambda: service.metrics().value("organisation_limit_used", organisation_id=owner.id, limit="idempotency_keys") in (1, 0))
    assert not replayed(post(client, "/api/v1/campaigns", "k0", TEMPLATE)), "after IDEMPOTENCY_TTL a key counts as new"
