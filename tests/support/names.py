# SPDX-License-Identifier: Apache-2.0
"""The names that users depend on in settings, clients, dashboards and alert routes, one a line.

`cd tests && python3 -m support.names` prints the names of the current build; tests/contract/names.txt has those that were promised.
"""
import json
import subprocess
import tempfile

import yaml

from .ports import wait_until
from .service import BINARY, ROOT, Service

METHODS = ("get", "put", "post", "delete", "patch")
ALERT_LABELS = ("component", "severity")


def settings():
    """From docs/service/settings.md. test_settings_reference.py compares that page with the program."""
    for line in (ROOT / "docs/service/settings.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            name, _, _, unit = [cell.strip() for cell in line.strip("|").split("|")][:4]
            yield f"setting {name.strip('`')}"
            if unit == "secret":
                yield f"setting {name.strip('`')}_FILE"


def metrics():
    """From the program itself: one line for each family with its labels, and one for each documented label value."""
    printed = subprocess.run([BINARY, "metrics", "--json"], check=True, capture_output=True, text=True, timeout=180).stdout
    for family in json.loads(printed):
        yield " ".join(["metric", family["name"], family["type"], *(label["name"] for label in family["labels"])])
        for label in family["labels"]:
            for value in label.get("values", []):
                yield f"metric {family['name']}{{{label['name']}=\"{value}\"}}"


def rules():
    for file in sorted((ROOT / "infra/prometheus/rules").glob("*.yml")):
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                if "record" in rule:
                    yield f"rule {rule['record']}"
                else:
                    labels = " ".join(f"{name}={rule['labels'][name]}" for name in ALERT_LABELS)
                    yield f"alert {rule['alert']} {labels}"


# ---- the API: what the OpenAPI document says, and what the server answers ----

def members(value):
    """The paths of a value's members: `data[].id`."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from (name + ("" if path.startswith("[]") else ".") + path for path in members(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from ("[]." + path if not path.startswith("[]") else "[]" + path for path in members(inner))


class Document:
    def __init__(self):
        self.root = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text(encoding="utf-8"))

    def resolve(self, node):
        while "$ref" in node:
            target = self.root
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def example(self, schema):
        """A value that has every member of a schema."""
        schema = self.resolve(schema)
        made = {}
        for part in [schema, *(self.resolve(s) for kind in ("allOf", "oneOf", "anyOf") for s in schema.get(kind, []))]:
            if "items" in part:
                return [self.example(part["items"])]
            for name, inner in part.get("properties", {}).items():
                made[name] = self.example(inner)
        return made

    def names(self):
        for path, item in self.root["paths"].items():
            for method in METHODS:
                if method in item:
                    yield from self.operation(f"{method.upper()} {path}", item[method])

    def operation(self, route, operation):
        yield f"route {route}"
        for parameter in operation.get("parameters", []):
            parameter = self.resolve(parameter)
            if parameter["in"] != "path":
                yield f"parameter {route} {parameter['in']} {parameter['name']}"
        for media, body in operation.get("requestBody", {}).get("content", {}).items():
            yield f"body {route} {media}"
            for member in members(self.example(body.get("schema", {}))):
                yield f"body {route} {media} {member}"
        for status, answer in operation["responses"].items():
            yield f"status {route} {status}"
            of = f"{route} {status}" if status < "400" else "refused"  # an error has the same members everywhere
            for media, body in self.resolve(answer).get("content", {}).items():
                for member in members(self.example(body.get("schema", {}))):
                    yield f"answer {of} {media} {member}"


CSV = "email,first_name,note\nada@example.com,Ada,first\nbob@example.com,,\nnoreply@example.com,No,\nnobody,N,\n"
CAMPAIGN = {"name": "n", "subject_template": "Hi {{first_name}}", "body_template": "You."}


class Visit:
    """Calls every operation of a running service once and notes the members of its answers."""

    def __init__(self, service):
        self.service, self.found = service, set()
        self.client = service.client(service.organisation())

    def note(self, route, answer):
        if answer.headers["content-type"].startswith("application/json"):
            self.found |= {f"answered {route} {answer.status} {member}" for member in members(answer.json())}
        return answer

    def get(self, path, route=None, **query):
        return self.note(f"GET {route or path}", self.client.get(path, **query)).json()

    def act(self, campaign, verb):
        return self.note(f"POST /api/v1/campaigns/{{id}}/{verb}", self.client.act(campaign, verb))

    def walk(self):
        self.note("POST /api/v1/prospects/import", self.client.import_csv(CSV))
        researched = lambda: self.client.get("/api/v1/prospects", status="researched").json()["data"]  # noqa: E731
        wait_until("researched", lambda: len(researched()) == 2)
        for query in ({"limit": 1}, {"status": "researched"}, {"status": "invalid"}):
            self.get("/api/v1/prospects", **query)
        self.get(f"/api/v1/prospects/{researched()[0]['id']}", "/api/v1/prospects/{id}")
        made = self.note("POST /api/v1/campaigns", self.client.post("/api/v1/campaigns", CAMPAIGN)).json()["id"]
        for verb in ("start", "drafts", "send", "pause", "complete", "complete"):
            self.act(made, verb)
        self.get("/api/v1/campaigns")
        self.get(f"/api/v1/campaigns/{made}", "/api/v1/campaigns/{id}")
        self.get(f"/api/v1/campaigns/{made}/stats", "/api/v1/campaigns/{id}/stats")
        for path in ("/health", "/health/live", "/health/ready", "/nowhere"):
            self.get(path)
        return self.found

    def log(self):
        """Members of the log lines: those that every line has, and those of a request."""
        lines = self.service.log_lines()
        request = next(line for line in lines if line["msg"] == "request completed" and line.get("organisationId"))
        common = set.intersection(*(set(line) for line in lines))
        return {f"log {member}" for member in common} | {f"log request {member}" for member in members(request)}


def commands(service):
    """Members of the JSON that the commands print."""
    def printed(*words):
        out = subprocess.run([BINARY, *words], env=service.env, check=True, capture_output=True, text=True, timeout=180).stdout
        return [json.loads(line) for line in out.splitlines()]
    made = printed("org", "create", "Named")[0]
    more = printed("key", "create", made["organisation_id"])[0]
    said = {"org create": [made], "key create": [more], "key list": printed("key", "list", made["organisation_id"]),
            "key revoke": printed("key", "revoke", made["organisation_id"], more["key_id"])}
    return {f"command {command} {member}" for command, rows in said.items() for row in rows for member in members(row)} | \
        {f"command {command}" for command in said}


def answers(directory):
    """What a real server answers, logs and prints."""
    service = Service(directory).start()
    try:
        visit = Visit(service)
        found = visit.walk() | commands(service)
        return found | visit.log()
    finally:
        service.close()


def written():
    """What the documents, the rules and the program's own reference say."""
    return {*settings(), *metrics(), *rules(), *Document().names()}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print("\n".join(sorted(written() | answers(folder))))
