# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.yaml and the real server say the same.

Every operation is walked: each status it documents is provoked, and each answer is held to the schema, the media type and the
headers of that status. An answer the document does not have, a documented status that nothing provokes, and a route
that only one of the two has, fail.
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
STRANGER = "01890a5d-ac96-774b-bcce-b302099a8057"  # an id that nobody has
TOKEN = "a-token-for-the-scrape"
CAMPAIGN = {"name": "n", "subject_template": "Hi {{first_name}}", "body_template": "You."}

# Documented, but not provoked here: what it takes, and where it is tested instead.
ELSEWHERE = {
    "500": "a fault of ours, by definition",
    "503": "the store must be busy, full or away: test_shutdown, test_durability, the store's units",
}
# Answered on the way to every path, whatever the operation: info.description.
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
    """Sends a request of an operation and holds the answer to the document."""

    def __init__(self):
        self.seen = defaultdict(set)  # operationId → statuses

    def __call__(self, client, operation, *, id=STRANGER, query=None, body=None, type=None, headers=None, expect):
        method, path, op = OPERATIONS[operation]
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body, type = json.dumps(body), type or "application/json"
        if type:
            headers["Content-Type"] = type
        target = path.replace("{id}", id) + ("?" + urlencode(query, doseq=True) if query else "")
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
            assert not schema_faults(header["schema"], value), f"{operation} {status}: {name}: {value}"
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
    """The code, and that the message says what and where."""
    found = answer.json()["error"]
    assert found["code"] == code, found
    assert found["request_id"] == answer.headers["x-request-id"]
    for word in words:
        assert word in found["message"], found


# ---- the document itself ----

def test_every_reference_leads_somewhere():
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
    """The series of every instrumented route exist from the start: that is the server's own list."""
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
                             "errors": [{"line": 3, "field": "email", "reason": "invalid_email"}]}
    assert imported([{"email": "cy@example.com", "vip": True}], None).json()["imported"] == 1
    assert imported('{"email":"dan@example.com"}\nnope\n', "application/x-ndjson").json()["errors"] == [
        {"line": 2, "field": None, "reason": "invalid_json"}]
    assert imported("email\n").json()["imported"] == 0

    error(imported("", expect=400), "empty_body", "line 1")
    error(imported("\nname,first_name\n", expect=400), "missing_column", "line 2", "'email'")
    error(imported("email,a,A\n", expect=400), "invalid_header", "line 1, column 3")
    error(imported('email,"a\n', expect=400), "invalid_header", "line 1, column 2", "unterminated_quote")
    error(imported('[{"email": "x@example.com"}', "application/json", expect=400), "invalid_json", "line 1, column 28")
    error(imported('[\n{} {}]', "application/json", expect=400), "invalid_json", "line 2, column 4")
    error(imported("email\n", "application/pdf", expect=415), "unsupported_media_type", "text/csv")
    error(imported("email\n", "text/csv; charset=latin1", expect=415), "unsupported_media_type", "UTF-8")
    error(walk(api, "importProspects", body="email\n", expect=415), "unsupported_media_type")
    assert len(walk(api, "listProspects", expect=200).json()["data"]) == 4  # the refused bodies have left nothing


def test_import_lists_every_reason_it_documents(api, walk):
    reasons = set(SPEC["components"]["schemas"]["ImportResult"]["properties"]["errors"]["items"]["properties"]["reason"]["enum"])
    long = "x" * 2001
    csv = b"\n".join([
        b"email,first_name,note", b",A,", b"nobody,A,", b"a@example.com,A," + long.encode(), b"a@example.com,\x07,",
        b"a@example.com,\xff,", b"a@example.com,A", b"a@example.com,A,b,c", b'a@example.com,A"B,', b'a@example.com,"A"B,',
        b"a@example.com," + b"y" * (1 << 20) + b",", b'a@example.com,"A,', b""])
    many = {"email": "a@example.com", **{f"f{i}": 1 for i in range(65)}}
    elements = [7, {"email": "a@example.com", "x": []}, {"email": "a@example.com", "{": 1},
                {"email": "a@example.com", "X": 1, "x": 1}, many]
    text = json.dumps(elements)[:-1] + ", nope]"
    found = [e["reason"] for answer in (walk(api, "importProspects", body=csv, type="text/csv", expect=200),
                                        walk(api, "importProspects", body=text, type="application/json", expect=200))
             for e in answer.json()["errors"]]
    assert set(found) == reasons and len(found) == 11 + 6


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


def test_campaigns(shared, api, walk):
    made = walk(api, "createCampaign", body=CAMPAIGN, expect=201)
    campaign = made.json()
    assert made.headers["location"] == f"/api/v1/campaigns/{campaign['id']}"
    assert campaign["status"] == "draft" and campaign["started_at"] is None
    assert walk(api, "getCampaign", id=campaign["id"], expect=200).json() == campaign
    assert walk(api, "getCampaign", id=campaign["id"].upper(), expect=200).json() == campaign
    others = [walk(api, "createCampaign", body=dict(CAMPAIGN, name=f"n{i}"), expect=201).json() for i in range(3)]
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
            ({"name": ""}, ("name: must be 1 to 200 bytes",)), ({"name": "x" * 201}, ("name: ", "is 201")), ({"name": 7}, ("name: must be a string",)),
            ({"name": "a\x07"}, ("name: has a control character at byte 2",)), ({"subject_template": "a\nb"}, ("subject_template: ", "byte 2")),
            ({"subject_template": "x" * 1001}, ("subject_template: ",)), ({"body_template": "x" * 65537}, ("body_template: ",)),
            ({"body_template": "one\ntwo {{first_name"}, ("body_template: line 2, column 5",)),
            ({"subject_template": "{{ }}", "body_template": "{{a{b}}"}, ("subject_template: line 1, column 1", "body_template: line 1, column 1")),
            ({"colour": "blue"}, ("colour: is not a field",))]:
        error(walk(api, "createCampaign", body={**CAMPAIGN, **change}, expect=422), "invalid_fields", *words)
    error(walk(api, "createCampaign", body={}, expect=422), "invalid_fields", "name: is missing", "subject_template: is missing", "body_template")
    error(walk(api, "createCampaign", body=[], expect=422), "invalid_fields", "must be a JSON object")
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
    wait_until("e-mails", lambda: stats()["emails"]["sent"] == 2)
    walk(api, "completeCampaign", id=id, expect=200)
    assert stats() == {"campaign_id": id, "status": "completed", "prospects": {"imported": 0, "validated": 0, "invalid": 0, "researched": 3},
                       "drafts": {"generated": 2, "failed": 1}, "emails": {"pending": 0, "sending": 0, "sent": 2, "failed": 0}}


def test_what_all_operations_on_one_campaign_share(shared, api, walk):
    id = walk(api, "createCampaign", body=CAMPAIGN, expect=201).json()["id"]
    stranger = shared.client(shared.organisation())
    for operation, (method, path, _) in OPERATIONS.items():
        if not path.startswith("/api/v1/campaigns/{id}"):
            continue
        for who, other in ((api, STRANGER), (api, "nonsense"), (stranger, id)):
            error(walk(who, operation, id=other, expect=404), "not_found", "campaign")
        error(walk(api, operation, id="%ff", expect=400), "bad_path")
        if method == "post":
            # These take no body: a small one is ignored, a big one refused.
            error(walk(api, operation, id=STRANGER, body="x" * 100, type="text/plain", expect=404), "not_found")
            answer = api.request("POST", path.replace("{id}", id), iter([b"x"]), {"Content-Length": str(1 << 30), "Expect": "100-continue"})
            walk.check(operation, OPERATIONS[operation][2], answer)
            error(answer, "body_too_large")


def test_keys(shared, walk):
    anonymous = shared.client()
    for operation, (_, path, _) in OPERATIONS.items():
        if path.startswith("/health"):
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
    assert {line.split()[2] for line in some.splitlines() if line.startswith("# TYPE")} == {"process_open_fds", "queue_depth"}
    error(walk(anonymous, "metrics", query={f"q{i}": 1 for i in range(65)}, headers=token, expect=400), "bad_query")


def test_request_id_is_taken_over_when_it_is_sane(api, walk):
    for id, same in (("trace-1.A_b", True), ("x" * 63, True), ("x" * 64, False), ("a b", False), ("\xe9", False)):
        answer = walk(api, "listCampaigns", headers={"X-Request-Id": id}, expect=200)
        assert (answer.headers["x-request-id"] == id) is same


def test_bad_queries(api, walk):
    """The one 400 that every operation has."""
    for operation, (method, path, _) in OPERATIONS.items():
        if path.startswith("/api/"):
            error(walk(api, operation, query={f"q{i}": 1 for i in range(65)}, expect=400), "bad_query")


def test_every_documented_status_was_seen(walk):
    """Last: what the tests above have provoked is all that is documented."""
    missing = [f"{operation} {status}" for operation, (_, _, op) in OPERATIONS.items() for status in op["responses"]
               if status not in walk.seen[operation] and status not in ELSEWHERE]
    assert not missing
    named = set(re.findall(r"\b[45]\d\d\b", SPEC["info"]["description"]))
    assert named <= EVERYWHERE | {s for _, _, op in OPERATIONS.values() for s in op["responses"]} | {"405"}
