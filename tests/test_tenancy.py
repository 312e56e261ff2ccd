# SPDX-License-Identifier: Apache-2.0
"""No organisation can see, address or change another's rows."""
import contextlib
import os
import sqlite3

import pytest
from support.http import csv_rows


@pytest.fixture
def two(service):
    a, b = service.organisation("A"), service.organisation("B")
    return (a, service.client(a)), (b, service.client(b))


def test_rows_of_another_organisation_do_not_exist(two):
    (_, a), (_, b) = two
    assert a.import_csv(csv_rows(30, tag="a")).status == 200
    assert b.import_csv(csv_rows(5, tag="b")).status == 200
    assert len(a.prospects()) == 30 and len(b.prospects()) == 5
    assert all(p["email"].startswith("b.") for p in b.prospects())
    campaign = a.campaign(name="secret of A")
    one = a.prospects()[0]["id"]
    assert a.get(f"/api/v1/prospects/{one}").status == 200
    assert b.get(f"/api/v1/prospects/{one}").status == 404
    assert b.get(f"/api/v1/campaigns/{campaign}").status == 404
    assert b.get("/api/v1/campaigns").json()["data"] == []
    for verb in ("start", "pause", "complete", "drafts", "send"):
        assert b.act(campaign, verb).status == 404
    assert b.get(f"/api/v1/campaigns/{campaign}/stats").status == 404
    assert a.get(f"/api/v1/campaigns/{campaign}").json()["status"] == "draft"
    # With A's filter or A's cursor, B sees nothing of A.
    assert b.get("/api/v1/prospects", email="a.0@example.invalid").json()["data"] == []
    cursor = a.get("/api/v1/prospects", limit=10).json()["next_cursor"]
    page = b.get("/api/v1/prospects", cursor=cursor, limit=500)
    assert page.status == 400 or all(p["email"].startswith("b.") for p in page.json()["data"])


def test_the_same_address_in_two_organisations_is_two_prospects(two):
    (_, a), (_, b) = two
    assert a.import_csv("email,first_name\r\nsame@example.invalid,Anna\r\n").json()["imported"] == 1
    assert b.import_csv("email,first_name\r\nsame@example.invalid,Berta\r\n").json()["imported"] == 1
    assert [p["first_name"] for p in a.prospects()] == ["Anna"]
    assert [p["first_name"] for p in b.prospects()] == ["Berta"]


def test_a_campaign_writes_to_its_own_prospects_only(service, two):
    (org_a, a), (org_b, b) = two
    a.import_csv(csv_rows(10, tag="a"))
    b.import_csv(csv_rows(10, tag="b"))
    campaign = a.campaign()
    assert a.act(campaign, "start").status == 200
    assert a.act(campaign, "send").json()["enqueued"] == 10
    metrics = service.settled("emails", lambda m: m.total("emails_sent_total", organisation_id=org_a.id) == 10)
    assert metrics.total("emails_sent_total", organisation_id=org_b.id) == 0
    for mail in service.data_dir.glob("outbox/**/*.eml"):
        assert "b." not in mail.read_text().split("\nTo:")[1].splitlines()[0]


def test_metrics_are_separate_for_each_organisation(service, two):
    (org_a, a), (org_b, b) = two
    a.import_csv(csv_rows(3, tag="a"))
    b.import_csv(csv_rows(4, tag="b") + "broken,x,y,z\r\n")
    metrics = service.metrics()
    assert metrics.value("prospects_processed_total", organisation_id=org_a.id, action="imported") == 3
    assert metrics.value("prospects_processed_total", organisation_id=org_b.id, action="imported") == 4
    assert metrics.value("prospects_processed_total", organisation_id=org_b.id, action="rejected") == 1
    assert not [s for s in metrics.samples if s.name.startswith("http_") and "organisation_id" in s.labels]


@pytest.mark.parametrize("authorization", [
    None, "", "Bearer", "Bearer ", "Bearer wrong", "bearer", "Basic dXNlcjpwYXNz", "Bearer " + "x" * 2000, "Bearer ' OR 1=1"])
def test_requests_without_a_valid_key_are_refused(service, authorization):
    client = service.client()
    headers = {} if authorization is None else {"Authorization": authorization}
    for method, path in (("GET", "/api/v1/prospects"), ("GET", "/api/v1/campaigns"), ("POST", "/api/v1/campaigns"),
                         ("POST", "/api/v1/prospects/import")):
        answer = client.request(method, path, headers=headers)
        assert answer.status == 401, (method, path, answer)
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_key_is_stored_as_a_hash_only(service, organisation, client):
    assert client.get("/api/v1/prospects").status == 200
    for folder, _, files in os.walk(service.data_dir):
        for name in files:
            with contextlib.suppress(FileNotFoundError), open(os.path.join(folder, name), "rb") as f:  # the file may be deleted meanwhile
                assert organisation.key.encode() not in f.read(), name
    assert organisation.key not in service.process.log()
    for path in service.data_dir.glob("*.db"):
        assert sqlite3.connect(path).execute("pragma integrity_check").fetchone() == ("ok",)
