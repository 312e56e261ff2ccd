# SPDX-License-Identifier: Apache-2.0
"""Every failure logs its reason on one line, with the id of the request that caused it."""
import sqlite3

import pytest
from support.ports import PATIENCE, wait_until


def lines(service, message):
    return [line for line in service.log_lines() if line["msg"] == message]


@pytest.mark.embedded  # needs SQLite's lock
def test_a_request_that_failed(make_service):
    service = make_service(STORE_TIMEOUT_MS=300)
    organisation = service.organisation()
    client = service.client(organisation)
    assert client.get("/api/v1/campaigns").status == 200
    holder = sqlite3.connect(service.data_dir / "ingest.db", isolation_level=None, timeout=PATIENCE)
    holder.execute("BEGIN IMMEDIATE")
    answer = client.post("/api/v1/campaigns", {"name": "n", "subject_template": "Hi", "body_template": "You"})
    holder.execute("ROLLBACK")
    holder.close()
    assert (answer.status, answer.error_code, answer.headers["retry-after"]) == (503, "store_busy", "1")
    said = wait_until("the message is printed", lambda: [line for line in lines(service, "request failed")
                                             if line["reqId"] == answer.json()["error"]["request_id"]])
    assert len(said) == 1 and said[0]["code"] == "store_busy" and said[0]["reason"] == answer.json()["error"]["message"]
    assert said[0]["route"] == "/api/v1/campaigns" and said[0]["organisation"] == organisation.id


def test_a_draft_and_an_email_that_failed(make_service, relay):
    relay.mode = "refuse"
    service = make_service(MAIL=relay.url)
    client = service.client(service.organisation())
    assert client.import_csv("email,first_name\nada@example.com,Ada\nbob@example.com,\n").status == 200
    made = client.post("/api/v1/campaigns", {"name": "n", "subject_template": "Hi {{first_name}}", "body_template": "You"}).json()["id"]
    assert client.act(made, "start").status == 200
    sent = client.act(made, "send")
    wait_until("both failed", lambda: client.stats(made)["emails"]["failed"] == 2)
    kinds = ("draft failed", "e-mail failed for good", "e-mail skipped")
    wait_until("all three reasons in the log", lambda: all(lines(service, kind) for kind in kinds))
    draft, refused, skipped = (lines(service, kind) for kind in kinds)
    assert [len(found) for found in (draft, refused, skipped)] == [1, 1, 1]
    assert draft[0]["reason"] == "subject: the field is missing: first_name"
    assert "550" in refused[0]["reason"] and "no draft" in skipped[0]["reason"]
    assert {line["reqId"] for line in draft + refused + skipped} == {sent.headers["x-request-id"]}
    assert "@" not in "".join(map(str, draft + refused + skipped)), "no address in the log"
