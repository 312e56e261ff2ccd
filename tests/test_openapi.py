# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.yaml matches the real server.

For every operation the test provokes each documented status and checks the response's schema, media type and headers. An undocumented
response, a documented status that no test provokes, and a route that only one of the two has are failures.
"""
import json
import re
from collections import defaultdict
from urllib.parse import urlencode

import pytest
import yaml
from jsonschema import Draft202012Validator
from support.ports import wait_until
from support.service import ROOT, Service

SPEC = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text(encoding="utf-8"))
METHODS = ("get", "put", "post", "delete", "patch")
OPERATIONS = {op["operationId"]: (method, path, op)
              for path, item in SPEC["paths"].items() for method, op in item.items() if method in METHODS}
STRANGER = "01890a5d-ac96-774b-bcce-b302099a8057"  # an id that does not exist
TOKEN = "a-token-for-the-scrape"
CAMPAIGN = {"name": "n", "subject_template": "Hi {{first_name}}", "body_template": "You."}

# Documented, but not provoked here: what it needs, and where it is tested instead.
ELSEWHERE = {
    "500": "an error of the service itself",
    "addSuppression 409": "needs two requests at once: test_idempotency tests it for other operations",
    "askUnsubscribe 200": "needs a link: test_suppressions",
    "unsubscribe 200": "needs a link: test_suppressions",
    "decideRecipient 200": "needs a mail server that disconnects: test_campaign_fates",
    "503": "the store must be busy, full or away: test_shutdown, test_durability, the store's units",
}
# Possible for every path, before an operation is known: see info.description.
EVERYWHERE = {"408", "414", "417", "431", "501", "505"}


def resolve(node):
    while "$ref" in node:
        target = SPEC
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def schema_faults(schema, value):
    whole = dict(schema, components=SPEC["components"]) if "$ref" not in schema else \
        {"allOf": [schema], "components": SPEC["components"]}
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in Draft202012Validator(whole).iter_errors(value)]


class Walker:
    """Sends the request of an operation and checks the answer against the document."""

    def __init__(self):
        self.seen = defaultdict(set)  # operationId → statuses

    def __call__(self, client, operation, *, id=STRANGER, prospect=STRANGER, query=None, body=None, type=None, headers=None, expect):
        method, path, op = OPERATIONS[operation]
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body, type = json.dumps(body), type or "application/json"
        if type:
            headers["Content-Type"] = type
        target = path.replace("{id}", id).replace("{prospect}", prospect).replace("{token}", "0" * 160) + ("?" + urlencode(query, doseq=True) if query else "")
        answer = client.request(method.upper(), target, body, headers)
        self.check(operation, op, answer)
        assert answer.status == expect, f"{operation}: {answer.status}, not {expect}: {answer.body[:300]}"
        return answer

    def check(self, operation, op, answer):
        status = str(answer.status)
        assert status in op["responses"], f"{operation} answered {status}, which is not documented: {answer.body[:300]}"
        documented = resolve(op["responses"][status])
        for name, header in documented.get("headers", {}).items():
            header = resolve(header)
            value = answer.headers.get(name.lower())
            assert value is not None or not header.get("required"), f"{operation} {status}: no {name}"
            assert value is None or not schema_faults(header["schema"], value), f"{operation} {status}: {name}: {value}"
        if answer.status == 204:
            assert not answer.body and "content" not in documented
            self.seen[operation].add(status)
            return
        media = answer.headers["content-type"].partition(";")[0]
        assert media in documented["content"], f"{operation} {status}: {media}"
        if media == "application/json":
            faults = schema_faults(documented["content"][media]["schema"], answer.json())
            assert not faults, f"{operation} {status}: {faults[:5]}"
        self.seen[operation].add(status)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("openapi"), METRICS_TOKEN=TOKEN).start()
    yield service
    service.close()


@pytest.fixture(scope="module")
def walk():
    return Walker()


@pytest.fixture
def api(shared):
    return shared.client(shared.organisation())


def error(answer, code, *words):
    """Check the code and the words of the message."""
    found = answer.json()["error"]
    assert found["code"] == code, found
    assert found["request_id"] == answer.headers["x-request-id"]
    for word in words:
        assert word in found["message"], found


# ---- the document itself ----

def test_every_reference_resolves():
    def visit(node):
        if isinstance(node, dict):
            if "$ref" in node:
                resolve(node)
            for value in node.values():
                visit(value)
        elif isinstance(node, list):
            for value in node:
                visit(value)
    visit(SPEC)
    for schema in SPEC["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert len(OPERATIONS) == sum(method in METHODS for item in SPEC["paths"].values() for method in item)


def test_examples_fit_their_schemas():
    for operation in OPERATIONS.values():
        for media in operation[2].get("requestBody", {}).get("content", {}).values():
            if "example" in media:
                assert not schema_faults(media["schema"], media["example"])
    assert not schema_faults({"$ref": "#/components/schemas/CampaignInput"}, CAMPAIGN)


def test_the_server_has_the_documented_routes_and_no_others(tmp_path):
    """The series of every instrumented route exist from the start, so they list the server's routes."""
    with_series = Service(tmp_path).start()
    try:
        served = {(s.labels["method"].lower(), s.labels["route"])
                  for s in with_series.metrics().select("http_requests_total") if s.labels["route"] != "<unmatched>"}
    finally:
        with_series.close()
    documented = {(method, path) for method, path, _ in OPERATIONS.values()}
    not_traffic = {("get", p) for p in ("/health", "/health/live", "/health/ready", "/metrics")}
    assert {(m, p) for m, p in served if m != "head"} == documented - not_traffic


# ---- operation by operation ----

def test_import(shared, api, walk):
    def imported(body, type="text/csv", expect=200):
        return walk(api, "importProspects", body=body, type=type, expect=expect)
    answer = imported("email,First Name\nada@example.com,Ada\nnobody,B\nbob@example.com,\nADA@example.com,A\n")
    assert answer.json() == {"imported": 2, "updated": 1, "rejected": 1, "errors_truncated": False,
                             "errors": [{"line": 3, "column": 1, "index": None, "field": "email", "reason": "invalid_email"}],
                             "warnings": [], "warnings_truncated": False, "dry_run": False,
                             "encoding": "utf-8", "delimiter": ",",
                             "columns": [{"column": 1, "name": "email", "field": "email", "custom_field": None, "reason": None},
                                         {"column": 2, "name": "First Name", "field": "first_name", "custom_field": None, "reason": None}]}
    assert imported([{"email": "cy@example.com", "vip": True}], None).json()["imported"] == 1
    assert imported('{"email":"dan@example.com"}\nnope\n', "application/x-ndjson").json()["errors"] == [
        {"line": 2, "column": 1, "index": 1, "field": None, "reason": "invalid_json"}]
    assert walk(api, "importProspects", body="email\nada@example.com\n", type="text/csv", query={"dry_run": 1, "empty": "clear"},
                expect=200).json()["dry_run"] is True
    for query in ({"dry_run": "x"}, {"empty": "x"}, {"x": 1}):
        walk(api, "importProspects", body="email\n", type="text/csv", query=query, expect=400)
    assert imported("email\n").json()["imported"] == 0

    error(imported("", expect=400), "empty_body", "line 1")
    error(imported("\nname,first_name\n", expect=400), "missing_column", "line 2", "'email'")
    error(imported("a,Email,email\n", expect=400), "invalid_header", "line 1, column 3")
    error(imported("PK\x03\x04", expect=400), "not_csv", "line 1", "Excel")
    for type in ("application/vnd.ms-excel", "text/tab-separated-values", "text/csv; charset=utf-16le"):
        assert imported("email\n".encode("utf-16le" if "utf-16" in type else "ascii"), type).json()["imported"] == 0
    assert imported('{"email":"dan@example.com"}\n', "application/jsonl").json()["updated"] == 1
    error(imported('[{"email": "x@example.com"}', "application/json", expect=400), "invalid_json", "line 1, column 28, index 1")
    error(imported('[\n{} {}]', "application/json", expect=400), "invalid_json", "line 2, column 4")
    error(imported("email\n", "application/pdf", expect=415), "unsupported_media_type", "text/csv")
    error(imported("email\n", "text/csv; charset=koi8-r", expect=415), "unsupported_media_type", "UTF-8")
    error(walk(api, "importProspects", body="email\n", expect=415), "unsupported_media_type")
    assert len(walk(api, "listProspects", expect=200).json()["data"]) == 4  # the refused bodies stored nothing


def test_import_lists_every_reason_it_documents(api, walk):
    reasons = set(SPEC["components"]["schemas"]["ImportResult"]["properties"]["errors"]["items"]["properties"]["reason"]["enum"])
    left_out = set(SPEC["components"]["schemas"]["ImportResult"]["properties"]["warnings"]["items"]["properties"]["reason"]["enum"])
    long = b"x" * 2001
    csv = b"\n".join([
        b"email,first_name,note", b",A,", b"nobody,A,", b"a@example.com," + long + b",", b"a@example.com,A," + long, b"a@example.com,\x07,",
        b"a@example.com,\xff\xc3\xa9,", b"a@example.com,A,b,c", b'a@example.com,"A"B,',
        b"a@example.com," + b"y" * (1 << 20) + b",", b'a@example.com,"A,', b""])
    many = {"email": "a@example.com", **{f"f{i}": 1 for i in range(65)}}
    elements = [7, {"email": "a@example.com", "x": []}, {"email": "a@example.com", "{": 1},
                {"email": "a@example.com", "X": 1, "x": 1}, many]
    text = json.dumps(elements)[:-1] + ', {"email": ' + "[" * 99 + "]" * 99 + "}, nope]"
    answers = [walk(api, "importProspects", body=csv, type="text/csv", expect=200).json(),
               walk(api, "importProspects", body=text, type="application/json", expect=200).json()]
    found = [e["reason"] for answer in answers for e in answer["errors"]]
    assert set(found) == reasons and len(found) == 9 + 6
    assert [e["reason"] for answer in answers for e in answer["warnings"]] == ["too_long", "too_many_fields"] and left_out == {"too_long", "too_many_fields"}


def test_prospects(shared, api, walk):
    rows = "".join(f"p{i}@example.com,P{i},x{i}\n" for i in range(25))
    walk(api, "importProspects", body="email,first_name,note\n" + rows + "noreply@example.com,N,\n", type="text/csv", expect=200)
    wait_until("researched", lambda: len(walk(api, "listProspects", query={"status": "researched"}, expect=200).json()["data"]) == 25)
    seen, query = [], {"limit": 7}
    while True:
        page = walk(api, "listProspects", query=query, expect=200).json()
        seen += page["data"]
        if not page["next_cursor"]:
            break
        query["cursor"] = page["next_cursor"]
    assert [p["email"] for p in seen] == [f"p{i}@example.com" for i in range(25)] + ["noreply@example.com"]
    assert seen[3]["custom_fields"] == {"note": "x3"} and seen[3]["research"]["company_domain"] == "example.com"
    assert walk(api, "listProspects", query={"status": "invalid"}, expect=200).json()["data"][0]["status_reason"] == "no_reply_address"
    found = walk(api, "listProspects", query={"email": "P3@Example.com"}, expect=200).json()
    assert [p["id"] for p in found["data"]] == [seen[3]["id"]] and found["next_cursor"] is None
    assert walk(api, "getProspect", id=seen[3]["id"], expect=200).json() == seen[3]

    cursor = walk(api, "listProspects", query={"limit": 1}, expect=200).json()["next_cursor"]
    for query, code in [({"limit": 0}, "invalid_parameter"), ({"limit": 501}, "invalid_parameter"), ({"limit": "x"}, "invalid_parameter"),
                        ({"limit": ""}, "invalid_parameter"), ({"limit": -1}, "invalid_parameter"),
                        ({"status": "nice"}, "invalid_parameter"), ({"email": "ada"}, "invalid_parameter"),
                        ({"cursor": "x"}, "invalid_cursor"), ({"cursor": cursor[:-1] + "g"}, "invalid_cursor"),
                        ({"cursor": ("0" if cursor[0] != "0" else "1") + cursor[1:]}, "invalid_cursor"),
                        ({"cursor": cursor, "status": "researched"}, "invalid_cursor")]:
        error(walk(api, "listProspects", query=query, expect=400), code)
    stranger = shared.client(shared.organisation())
    error(walk(stranger, "listProspects", query={"cursor": cursor}, expect=400), "invalid_cursor")
    for who, id in ((api, STRANGER), (api, "nonsense"), (stranger, seen[3]["id"])):
        error(walk(who, "getProspect", id=id, expect=404), "not_found", "prospect")
    error(walk(api, "getProspect", id="%zz", expect=400), "bad_path")


def test_prospects_one_by_one(shared, api, walk):
    made = walk(api, "createProspect", expect=201,
                body={"email": "Ada <Ada@Example.com>", "firstName": "Ada", "company": "Acme", "plan": 1.5, "custom_fields": {"city": "Paris"}})
    ada = made.json()
    assert made.headers["location"] == f"/api/v1/prospects/{ada['id']}" and ada["status"] == "imported"
    assert (ada["email"], ada["first_name"], ada["custom_fields"]) == ("ada@example.com", "Ada", {"plan": "1.5", "city": "Paris"})
    error(walk(api, "createProspect", body={"email": "ADA@example.com"}, expect=409), "conflict", "address")
    wait_until("researched", lambda: walk(api, "getProspect", id=ada["id"], expect=200).json()["status"] == "researched")
    changed = walk(api, "changeProspect", id=ada["id"].upper(), body={"company": None, "title": "CTO", "plan": "", "score": 5}, expect=200).json()
    assert (changed["company"], changed["title"], changed["first_name"], changed["status"]) == (None, "CTO", "Ada", "researched")
    assert changed["custom_fields"] == {"city": "Paris", "score": "5"}
    moved = walk(api, "changeProspect", id=ada["id"], body={"email": "ada@b\u00fccher.example"}, expect=200).json()
    assert (moved["email"], moved["status"], moved["research"], moved["title"]) == ("ada@xn--bcher-kva.example", "imported", None, "CTO")
    wait_until("researched again", lambda: walk(api, "getProspect", id=ada["id"], expect=200).json()["research"])
    walk(api, "createProspect", body={"email": "bob@example.com"}, expect=201)
    error(walk(api, "changeProspect", id=ada["id"], body={"email": "BOB@example.com", "title": "no"}, expect=409), "conflict")
    assert walk(api, "getProspect", id=ada["id"], expect=200).json()["title"] == "CTO", "a refused change was applied in part"
    for operation, id in (("createProspect", STRANGER), ("changeProspect", ada["id"])):
        for body, code, *words in (({"email": "x"}, "invalid_fields", "email", "invalid_email"), ({"email": None}, "invalid_fields", "missing"),
                                   ({"email": "c@example.com", "first_name": "x" * 201}, "invalid_fields", "first_name", "too_long"),
                                   ({"email": "c@example.com", "note": "x" * 2001}, "invalid_fields", "note", "too_long"),
                                   ({"email": "c@example.com", "note": []}, "invalid_fields", "note", "not_text")):
            error(walk(api, operation, id=id, body=body, expect=422), code, *words)
        error(walk(api, operation, id=id, body="", type="application/json", expect=400), "empty_body")
        error(walk(api, operation, id=id, body='{"email":\n]', type="application/json", expect=400), "invalid_json", "line 2, column 1")
        error(walk(api, operation, id=id, body="[]", type="application/json", expect=400), "invalid_json", "not_an_object")
        error(walk(api, operation, id=id, body="x", type="text/plain", expect=415), "unsupported_media_type")
        error(walk(api, operation, id=id, body='"' + "x" * (1 << 20) + '"', type="application/json", expect=413), "body_too_large")
    error(walk(api, "createProspect", body={}, expect=422), "invalid_fields", "email", "missing")
    assert walk(api, "changeProspect", id=ada["id"], body={}, expect=200).json()["title"] == "CTO"
    stranger = shared.client(shared.organisation())
    for who, id in ((api, STRANGER), (api, "nonsense"), (stranger, ada["id"])):
        error(walk(who, "changeProspect", id=id, body={"title": "x"}, expect=404), "not_found", "prospect")


def test_campaigns(shared, api, walk):
    made = walk(api, "createCampaign", body=CAMPAIGN, expect=201)
    campaign = made.json()
    assert [field["name"] for field in campaign.pop("fields")] == ["first_name"]
    assert made.headers["location"] == f"/api/v1/campaigns/{campaign['id']}"
    assert campaign["status"] == "draft" and campaign["started_at"] is None
    assert walk(api, "getCampaign", id=campaign["id"], expect=200).json() == campaign
    assert walk(api, "getCampaign", id=campaign["id"].upper(), expect=200).json() == campaign
    others = [walk(api, "createCampaign", body=dict(CAMPAIGN, name=f"n{i}"), expect=201).json() for i in range(3)]
    for other in others:
        del other["fields"]
    page = walk(api, "listCampaigns", query={"limit": 2}, expect=200).json()
    rest = walk(api, "listCampaigns", query={"limit": 2, "cursor": page["next_cursor"]}, expect=200).json()
    assert page["data"] + rest["data"] == [campaign, *others] and rest["next_cursor"] is None
    assert walk(api, "listCampaigns", query={"status": "active"}, expect=200).json()["data"] == []

    error(walk(api, "createCampaign", body="", type="application/json", expect=400), "empty_body")
    error(walk(api, "createCampaign", body='{"name":\n ]', type="application/json", expect=400), "invalid_json", "line 2, column 2")
    error(walk(api, "createCampaign", body='{"name":"a","name":"b"}', type="application/json", expect=400), "invalid_json")
    error(walk(api, "createCampaign", body=b'{"name":"\xff"}', type="application/json", expect=400), "invalid_json")
    error(walk(api, "createCampaign", body="name=x", type="text/plain", expect=415), "unsupported_media_type")
    error(walk(api, "createCampaign", body='"' + "x" * (1 << 20) + '"', type="application/json", expect=413), "body_too_large", "1048576")
    for change, words in [
            ({"name": ""}, ("name: must be 1 to 200 characters",)), ({"name": "x" * 201}, ("name: ", "is 201")), ({"name": "é" * 201}, ("name: ", "is 201")), ({"name": 7}, ("name: must be a string",)),
            ({"name": "a\x07"}, ("name: has a control character at byte 2",)), ({"subject_template": "a\nb"}, ("subject_template: ", "byte 2")),
            ({"subject_template": "x" * 1001}, ("subject_template: ",)), ({"body_template": "x" * 65537}, ("body_template: ",)),
            ({"body_template": "one\ntwo {{first_name"}, ("body_template: line 2, column 5",)),
            ({"subject_template": "{{ }}", "body_template": "{{a{b}}"}, ("subject_template: line 1, column 1", "body_template: line 1, column 1")),
            ({"colour": "blue"}, ("colour: is not a field",))]:
        error(walk(api, "createCampaign", body={**CAMPAIGN, **change}, expect=422), "invalid_fields", *words)
    error(walk(api, "createCampaign", body={}, expect=422), "invalid_fields", "name: is missing", "subject_template: is missing", "body_template")
    error(walk(api, "createCampaign", body=[], expect=422), "invalid_fields", "must be a JSON object")
    longest = {"name": "é" * 200, "subject_template": "é" * 1000, "body_template": "é" * 65536}  # maxLength counts characters
    assert walk(api, "createCampaign", body=longest, expect=201).json()["name"] == longest["name"]
    for query in ({"limit": 0}, {"status": "old"}):
        error(walk(api, "listCampaigns", query=query, expect=400), "invalid_parameter")
    error(walk(api, "listCampaigns", query={"cursor": "x"}, expect=400), "invalid_cursor")
    error(walk(api, "getCampaign", id="%00", expect=400), "bad_path")


def test_states(api, walk):
    """Every transition, allowed or not, from every state."""
    allowed = {("draft", "start"), ("active", "pause"), ("paused", "start"), ("active", "complete"), ("paused", "complete"),
               ("draft", "drafts"), ("active", "drafts"), ("paused", "drafts"), ("active", "send")}
    ways = {"draft": [], "active": ["start"], "paused": ["start", "pause"], "completed": ["start", "complete"]}
    operations = {"start": "startCampaign", "pause": "pauseCampaign", "complete": "completeCampaign", "drafts": "enqueueDrafts", "send": "enqueueEmails"}
    for state, way in ways.items():
        for verb, operation in operations.items():
            id = walk(api, "createCampaign", body=CAMPAIGN, expect=201).json()["id"]
            for step in way:
                last = walk(api, operations[step], id=id, expect=200).json()
            assert not way or last["status"] == state
            before = walk(api, "getCampaign", id=id, expect=200).json()
            if (state, verb) in allowed:
                walk(api, operation, id=id, expect=202 if verb in ("drafts", "send") else 200)
            else:
                error(walk(api, operation, id=id, expect=409), "illegal_state", state)
                assert walk(api, "getCampaign", id=id, expect=200).json() == before


def test_outreach(api, walk):
    walk(api, "importProspects", type="text/csv", expect=200,
         body="email,first_name\nada@example.com,Ada\nbob@example.com,\ncy@example.com,Cy\n")
    wait_until("researched", lambda: len(walk(api, "listProspects", query={"status": "researched"}, expect=200).json()["data"]) == 3)
    id = walk(api, "createCampaign", body=CAMPAIGN, expect=201).json()["id"]
    walk(api, "startCampaign", id=id, expect=200)

    def stats():
        return walk(api, "campaignStats", id=id, expect=200).json()
    assert walk(api, "enqueueDrafts", id=id, expect=202).json() == {"enqueued": 3, "already_enqueued": 0}
    wait_until("drafts", lambda: stats()["drafts"] == {"generated": 2, "failed": 1})
    assert walk(api, "enqueueDrafts", id=id, expect=202).json() == {"enqueued": 0, "already_enqueued": 3}
    assert walk(api, "enqueueEmails", id=id, expect=202).json() == {"enqueued": 2, "already_enqueued": 1}
    assert walk(api, "enqueueEmails", id=id.upper(), expect=202).json() == {"enqueued": 0, "already_enqueued": 3}
    wait_until("emails", lambda: stats()["emails"]["sent"] == 2)
    walk(api, "completeCampaign", id=id, expect=200)
    assert stats() == {"campaign_id": id, "status": "completed", "prospects": {"imported": 0, "validated": 0, "invalid": 0, "researched": 3},
                       "drafts": {"generated": 2, "failed": 1}, "emails": {"pending": 0, "sending": 0, "sent": 2, "failed": 0},
                       "fates": {"waiting": 0, "sending": 0, "accepted": 2, "refused_recipient": 0, "refused_sender": 0, "in_doubt": 0,
                                 "skipped": 0}}


def test_recipients(api, walk):
    walk(api, "importProspects", type="text/csv", expect=200, body="email,first_name\nada@example.com,Ada\nbob@example.com,\ncy@example.com,Cy\n")
    id = walk(api, "createCampaign", body=CAMPAIGN, expect=201).json()["id"]
    assert walk(api, "listRecipients", id=id, expect=200).json() == {"data": [], "next_cursor": None}
    error(walk(api, "retryEmails", id=id, expect=409), "illegal_state", "draft")
    walk(api, "startCampaign", id=id, expect=200)
    walk(api, "enqueueEmails", id=id, expect=202)
    wait_until("emails", lambda: (f := walk(api, "campaignStats", id=id, expect=200).json()["fates"])["accepted"] == 2 and f["skipped"] == 1)
    first = walk(api, "listRecipients", id=id, query={"limit": 2}, expect=200).json()
    rest = walk(api, "listRecipients", id=id, query={"limit": 2, "cursor": first["next_cursor"]}, expect=200).json()
    rows = {row["email"]: row for row in first["data"] + rest["data"]}
    assert set(rows) == {"ada@example.com", "bob@example.com", "cy@example.com"} and rest["next_cursor"] is None
    assert rows["ada@example.com"]["state"] == "accepted" and rows["ada@example.com"]["attempts"] == 1
    bob = rows["bob@example.com"]
    assert (bob["state"], bob["reason"], bob["attempts"]) == ("skipped", "no_draft", 0) and "first_name" in bob["error"]
    assert walk(api, "listRecipients", id=id, query={"state": "skipped"}, expect=200).json()["data"] == [bob]
    assert walk(api, "listRecipients", id=id, query={"state": "waiting"}, expect=200).json()["data"] == []
    error(walk(api, "listRecipients", id=id, query={"state": "sent"}, expect=400), "invalid_parameter", "refused_recipient")
    error(walk(api, "listRecipients", id=id, query={"state": "skipped", "cursor": first["next_cursor"]}, expect=400), "invalid_cursor")
    assert walk(api, "retryEmails", id=id, expect=202).json() == {"enqueued": 0, "already_enqueued": 0}
    one = {"id": id, "prospect": bob["prospect_id"]}
    error(walk(api, "decideRecipient", **one, body={"state": "accepted"}, expect=409), "illegal_state", "not in doubt")
    error(walk(api, "decideRecipient", **one, body={"state": "in_doubt"}, expect=422), "invalid_fields", "accepted")
    error(walk(api, "decideRecipient", **one, body=" ", type="application/json", expect=400), "invalid_json")
    error(walk(api, "decideRecipient", **one, body="", type="application/json", expect=400), "empty_body")
    error(walk(api, "decideRecipient", **one, body="x", type="text/plain", expect=415), "unsupported_media_type")
    error(walk(api, "decideRecipient", id=id, body={"state": "accepted"}, expect=404), "not_found", "recipient")
    error(walk(api, "decideRecipient", **one, body='{"state": "' + "x" * (1 << 20) + '"}', type="application/json", expect=413), "body_too_large")


def test_templates_and_preview(api, walk):
    walk(api, "importProspects", type="text/csv", expect=200, body="email,first_name,plan\nada@example.com,Ada,gold\nbob@example.com,,\nabuse@example.com,Eve,\n")
    made = walk(api, "createCampaign", expect=201, body={"name": "n", "subject_template": "Hi {{first_name | default: \"there\"}}",
                                                        "body_template": "{{plan}} {{salutaton}} {{email}}"}).json()
    assert made["fields"] == [{"name": "first_name", "known": True, "default": True, "missing": 1, "of": 3, "imported_as": None},
                              {"name": "plan", "known": True, "default": False, "missing": 2, "of": 3, "imported_as": None},
                              {"name": "salutaton", "known": False, "default": False, "missing": 3, "of": 3, "imported_as": None},
                              {"name": "email", "known": True, "default": False, "missing": 0, "of": 3, "imported_as": None}]
    column = walk(api, "createCampaign", expect=201, body=CAMPAIGN | {"body_template": "Is {{Phone-Number}} still yours?"}).json()["fields"][1]
    assert (column["name"], column["known"], column["imported_as"]) == ("phone_number", False, "phone")
    assert "fields" not in walk(api, "getCampaign", id=made["id"], expect=200).json()
    for text, where in (("{{if first_name}}", "line 1, column 1"), ("a\n{{first_name|upper}}", "line 2, column 14"), ("{{x | default: you}}", "line 1, column 16")):
        error(walk(api, "createCampaign", body=CAMPAIGN | {"body_template": text}, expect=422), "invalid_fields", where)
    ids = {row["email"]: row["id"] for row in walk(api, "listProspects", expect=200).json()["data"]}
    error(walk(api, "previewCampaign", id=made["id"], query={"prospect": ids["ada@example.com"]}, expect=422), "cannot_render", "salutaton")
    id = walk(api, "createCampaign", body=CAMPAIGN | {"subject_template": "Hi {{first_name | default: 'there'}}"}, expect=201).json()["id"]
    seen = walk(api, "previewCampaign", id=id, query={"prospect": ids["bob@example.com"]}, expect=200).json()
    assert (seen["subject"], seen["to"], seen["drafted"], seen["not_sent"]) == ("Hi there", "bob@example.com", False, None)
    assert "To: <bob@example.com>\r\n" in seen["message"] and seen["message"].endswith("\r\n\r\nYou.\r\n")
    walk(api, "startCampaign", id=id, expect=200)
    walk(api, "enqueueDrafts", id=id, expect=202)
    wait_until("drafted", lambda: walk(api, "previewCampaign", id=id, query={"prospect": ids["abuse@example.com"]}, expect=200).json()
               | {"message": "", "prospect_id": "", "from": ""} == {"from": "", "to": "abuse@example.com", "subject": "Hi Eve", "body": "You.", "message": "",
                                                        "drafted": True, "not_sent": "role_address", "prospect_id": ""})
    error(walk(api, "previewCampaign", id=id, query={"prospect": STRANGER}, expect=404), "not_found", "prospect")
    error(walk(api, "previewCampaign", id=id, expect=400), "invalid_parameter", "prospect")


def test_drafts_one_by_one(api, walk):
    walk(api, "importProspects", type="text/csv", expect=200, body="email,first_name\nada@example.com,Ada\nbob@example.com,\n")
    ids = {row["email"]: row["id"] for row in walk(api, "listProspects", expect=200).json()["data"]}
    id = walk(api, "createCampaign", body=CAMPAIGN, expect=201).json()["id"]
    walk(api, "enqueueDrafts", id=id, expect=202)
    wait_until("drafts", lambda: len(walk(api, "listDrafts", id=id, expect=200).json()["data"]) == 2)
    bob, = walk(api, "listDrafts", id=id, query={"state": "failed"}, expect=200).json()["data"]
    assert bob["prospect_id"] == ids["bob@example.com"] and bob["subject"] is None and "first_name" in bob["error"]
    assert walk(api, "getDraft", id=id, prospect=ids["bob@example.com"], expect=200).json() == bob
    error(walk(api, "listDrafts", id=id, query={"state": "x"}, expect=400), "invalid_parameter", "generated")
    error(walk(api, "getDraft", id=id, query={"x": 1}, prospect=bob["prospect_id"], expect=400), "invalid_parameter")
    error(walk(api, "getDraft", id=id, expect=404), "not_found", "draft")
    changed = walk(api, "changeCampaign", id=id, body={"subject_template": "Hi {{first_name | default: 'you'}}"}, expect=200).json()
    assert changed["subject_template"].startswith("Hi {{") and changed["body_template"] == CAMPAIGN["body_template"] and changed["fields"][0]["default"]
    assert walk(api, "redoDraft", id=id, prospect=bob["prospect_id"], expect=200).json()["subject"] == "Hi you"
    walk(api, "deleteDraft", id=id, prospect=bob["prospect_id"], expect=204)
    error(walk(api, "deleteDraft", id=id, prospect=bob["prospect_id"], expect=404), "not_found", "draft")
    error(walk(api, "changeCampaign", id=id, body={}, expect=422), "invalid_fields", "name")
    error(walk(api, "changeCampaign", id=id, body={"name": 1, "x": 2}, expect=422), "invalid_fields", "name", "x")
    error(walk(api, "changeCampaign", id=id, body="", type="application/json", expect=400), "empty_body")
    error(walk(api, "changeCampaign", id=id, body="x", type="text/plain", expect=415), "unsupported_media_type")
    error(walk(api, "changeCampaign", id=id, body='{"name": "' + "x" * (1 << 20) + '"}', type="application/json", expect=413), "body_too_large")
    walk(api, "startCampaign", id=id, expect=200)
    error(walk(api, "changeCampaign", id=id, body={"body_template": "x"}, expect=409), "illegal_state", "draft")
    assert walk(api, "changeCampaign", id=id, body={"name": "another"}, expect=200).json()["name"] == "another"
    walk(api, "enqueueEmails", id=id, expect=202)
    wait_until("sent", lambda: walk(api, "campaignStats", id=id, expect=200).json()["fates"]["accepted"] == 2)
    for operation in ("redoDraft", "deleteDraft"):
        error(walk(api, operation, id=id, prospect=ids["ada@example.com"], expect=409), "illegal_state", "accepted")


def test_suppressions(api, walk):
    made = walk(api, "addSuppression", body={"email": "Ada@example.com"}, expect=201).json()
    assert walk(api, "addSuppression", body={"email": "ada@example.com"}, expect=200).json() == made
    walk(api, "addSuppression", body={"email": "cy@example.com"}, expect=201)
    assert walk(api, "addSuppression", body={"email": "Dan <mailto:Dan@bücher.example>"}, expect=201).json()["email"] == "dan@xn--bcher-kva.example"
    first = walk(api, "listSuppressions", query={"limit": 1}, expect=200).json()
    assert first["data"] == [made] == walk(api, "listSuppressions", query={"email": "ADA@example.com"}, expect=200).json()["data"]
    assert len(walk(api, "listSuppressions", query={"limit": 1, "cursor": first["next_cursor"]}, expect=200).json()["data"]) == 1
    error(walk(api, "listSuppressions", query={"email": "ada"}, expect=400), "invalid_parameter", "email")
    for body in ({"email": "ada"}, {"email": "a@b.example", "x": 1}, {}, []):
        error(walk(api, "addSuppression", body=body, expect=422), "invalid_fields", "email")
    error(walk(api, "addSuppression", body="", type="application/json", expect=400), "empty_body")
    error(walk(api, "addSuppression", body="{", type="application/json", expect=400), "invalid_json")
    error(walk(api, "addSuppression", body="x", type="text/plain", expect=415), "unsupported_media_type")
    error(walk(api, "addSuppression", body='{"email": "' + "x" * (1 << 20) + '"}', type="application/json", expect=413), "body_too_large")
    walk(api, "removeSuppression", id=made["id"], expect=204)
    error(walk(api, "removeSuppression", id=made["id"], expect=404), "not_found")
    for operation in ("askUnsubscribe", "unsubscribe"):
        error(walk(api, operation, expect=404), "not_found", "link")
        error(walk(api, operation, query={"x": 1}, expect=400), "invalid_parameter")


def test_erasing(api, walk):
    walk(api, "importProspects", type="text/csv", expect=200, body="email\nada@example.com\n")
    row, = walk(api, "listProspects", expect=200).json()["data"]
    walk(api, "eraseProspect", id=row["id"], expect=204)
    error(walk(api, "eraseProspect", id=row["id"], expect=404), "not_found", "prospect")
    id = walk(api, "createCampaign", body=CAMPAIGN, expect=201).json()["id"]
    walk(api, "startCampaign", id=id, expect=200)
    error(walk(api, "deleteCampaign", id=id, expect=409), "illegal_state", "active")
    walk(api, "pauseCampaign", id=id, expect=200)
    walk(api, "deleteCampaign", id=id, expect=204)


def test_bodies_that_no_operation_needs(api, walk):
    """Operations without a body ignore a small one and refuse a large one."""
    for operation in ("eraseProspect", "deleteCampaign", "removeSuppression", "unsubscribe", "redoDraft", "deleteDraft"):
        method, path, op = OPERATIONS[operation]
        target = path.replace("{id}", STRANGER).replace("{prospect}", STRANGER).replace("{token}", "0" * 160)
        answer = api.request(method.upper(), target, iter([b"x"]), {"Content-Length": str(1 << 30), "Expect": "100-continue"})
        walk.check(operation, op, answer)
        error(answer, "body_too_large")


def test_errors_common_to_all_campaign_operations(shared, api, walk):
    id = walk(api, "createCampaign", body=CAMPAIGN, expect=201).json()["id"]
    stranger = shared.client(shared.organisation())
    for operation, (method, path, _) in OPERATIONS.items():
        if not path.startswith("/api/v1/campaigns/{id}"):
            continue
        for who, other in ((api, STRANGER), (api, "nonsense"), (stranger, id)):
            body = {"changeCampaign": {"name": "n"}, "decideRecipient": {"state": "accepted"}}.get(operation)
            query = {"prospect": STRANGER} if operation == "previewCampaign" else None
            error(walk(who, operation, id=other, body=body, query=query, expect=404), "not_found", "campaign")
        error(walk(api, operation, id="%ff", expect=400), "bad_path")
        if method == "post":
            # These need no body: a small one is ignored, a large one is refused.
            error(walk(api, operation, id=STRANGER, body="x" * 100, type="text/plain", expect=404), "not_found")
            answer = api.request("POST", path.replace("{id}", id).replace("{prospect}", STRANGER), iter([b"x"]), {"Content-Length": str(1 << 30), "Expect": "100-continue"})
            walk.check(operation, OPERATIONS[operation][2], answer)
            error(answer, "body_too_large")


def test_keys(shared, walk):
    anonymous = shared.client()
    for operation, (_, path, _) in OPERATIONS.items():
        if path.startswith(("/health", "/unsubscribe/")):
            continue
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}):
            if path != "/metrics" or headers.get("Authorization") != f"Bearer {TOKEN}":
                error(walk(anonymous, operation, headers=headers, expect=401), "unauthorized")


def test_import_too_large(tmp_path, walk):
    service = Service(tmp_path, MAX_IMPORT_BYTES=4096).start()
    try:
        api = service.client(service.organisation())
        error(walk(api, "importProspects", body="email\n" + "x" * 4096, type="text/csv", expect=413), "body_too_large", "4096")
    finally:
        service.close()


def test_json_limit(tmp_path, walk):
    service = Service(tmp_path, MAX_JSON_BYTES=2 << 20).start()
    try:
        api, text = service.client(service.organisation()), json.dumps(CAMPAIGN)
        walk(api, "createCampaign", body=text.ljust(2 << 20), type="application/json", expect=201)
        error(walk(api, "createCampaign", body=text.ljust((2 << 20) + 1), type="application/json", expect=413), "body_too_large", "2097152")
    finally:
        service.close()


def test_campaigns_limit(tmp_path, walk):
    service = Service(tmp_path, MAX_CAMPAIGNS=1).start()
    try:
        api = service.client(service.organisation())
        walk(api, "createCampaign", body=CAMPAIGN, expect=201)
        error(walk(api, "createCampaign", body=CAMPAIGN, expect=409), "too_many_campaigns", "MAX_CAMPAIGNS")
    finally:
        service.close()


def test_idempotency_keys(shared, walk):
    api = shared.client(shared.organisation("twice"))
    key, made = {"Idempotency-Key": '"k"'}, walk(api, "createCampaign", body=CAMPAIGN, headers={"Idempotency-Key": '"k"'}, expect=201)
    again = walk(api, "createCampaign", body=CAMPAIGN, headers=key, expect=201)
    assert again.body == made.body and again.headers["idempotent-replayed"] == "true"
    error(walk(api, "importProspects", body="email\na@example.com\n", type="text/csv", headers=key, expect=422), "idempotency_key_reused")
    error(walk(api, "createProspect", body={"email": "a@example.com"}, headers=key, expect=422), "idempotency_key_reused")
    for operation in ("startCampaign", "pauseCampaign", "completeCampaign", "enqueueDrafts", "redoDraft", "enqueueEmails", "retryEmails"):
        error(walk(api, operation, id=made.json()["id"], headers=key, expect=422), "idempotency_key_reused")
    error(walk(api, "addSuppression", body={"email": "a@example.com"}, headers=key, expect=422), "idempotency_key_reused")
    error(walk(api, "createCampaign", body=CAMPAIGN, headers={"Idempotency-Key": "a b"}, expect=400), "invalid_idempotency_key")


def test_prospects_limit(tmp_path, walk):
    service = Service(tmp_path, MAX_PROSPECTS=1).start()
    try:
        api = service.client(service.organisation())
        walk(api, "importProspects", body="email\na@example.com\n", type="text/csv", expect=200)
        error(walk(api, "importProspects", body="email\nb@example.com\n", type="text/csv", expect=409), "too_many_prospects", "MAX_PROSPECTS")
        walk(api, "importProspects", body="email,company\na@example.com,Acme\n", type="text/csv", expect=200)
        error(walk(api, "createProspect", body={"email": "b@example.com"}, expect=409), "too_many_prospects", "MAX_PROSPECTS")
        for address in ("b@example.com", "c@example.com"):  # erasing one makes room for another
            row, = walk(api, "listProspects", expect=200).json()["data"]
            walk(api, "eraseProspect", id=row["id"], expect=204)
            walk(api, "createProspect", body={"email": address}, expect=201)
    finally:
        service.close()


def test_rate_limit(tmp_path, walk):
    service = Service(tmp_path, RATE_LIMIT=1).start()
    try:
        for operation, (_, path, _) in OPERATIONS.items():
            if not path.startswith("/api/"):
                continue
            api = service.client(service.organisation())
            for _ in range(20):
                method = OPERATIONS[operation][0].upper()
                answer = api.request(method, path.replace("{id}", STRANGER))
                walk.check(operation, OPERATIONS[operation][2], answer)
                if answer.status == 429:
                    break
            assert answer.status == 429 and answer.error_code == "too_many_requests"
    finally:
        service.close()


def test_operation(shared, walk):
    anonymous = shared.client()
    for operation in ("health", "live", "ready"):
        assert walk(anonymous, operation, expect=200).json()["status"] == "ok"
        error(walk(anonymous, operation, query={"x": "a" * 10} | {f"q{i}": 1 for i in range(65)}, expect=400), "bad_query")
    token = {"Authorization": f"Bearer {TOKEN}"}
    for accept, media in (("text/plain", "text/plain"), ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
                          ("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
                           "application/vnd.google.protobuf")):
        answer = walk(anonymous, "metrics", headers={"Accept": accept, **token}, expect=200)
        assert answer.headers["content-type"].startswith(media)
    some = walk(anonymous, "metrics", query={"name[]": ["process_open_fds", "queue_depth"]}, headers=token, expect=200).text
    walk(anonymous, "metrics", query={"name[]": ["a" * 9000]}, headers=token, expect=414)
    assert {line.split()[2] for line in some.splitlines() if line.startswith("# TYPE")} == {"process_open_fds", "queue_depth"}
    error(walk(anonymous, "metrics", query={f"q{i}": 1 for i in range(65)}, headers=token, expect=400), "bad_query")


def test_a_valid_request_id_is_kept(api, walk):
    for id, same in (("trace-1.A_b", True), ("x" * 63, True), ("x" * 64, False), ("a b", False), ("\xe9", False)):
        answer = walk(api, "listCampaigns", headers={"X-Request-Id": id}, expect=200)
        assert (answer.headers["x-request-id"] == id) is same


def test_bad_queries(api, walk):
    """The 400 that every operation can return."""
    for operation, (method, path, _) in OPERATIONS.items():
        if path.startswith("/api/"):
            error(walk(api, operation, query={f"q{i}": 1 for i in range(65)}, expect=400), "bad_query")


def test_every_documented_status_was_seen(walk):
    """Must be last: the tests above have provoked every documented status."""
    missing = [f"{operation} {status}" for operation, (_, _, op) in OPERATIONS.items() for status in op["responses"]
               if status not in walk.seen[operation] and not ELSEWHERE.keys() & {status, f"{operation} {status}"}]
    assert not missing
    named = set(re.findall(r"\b[45]\d\d\b", SPEC["info"]["description"]))
    assert named <= EVERYWHERE | {s for _, _, op in OPERATIONS.values() for s in op["responses"]} | {"405"}
