# SPDX-License-Identifier: Apache-2.0
"""The server of the dashboard page (tools/dashboard-preview/server.mjs) with a real Prometheus and Alertmanager: alerts and silences,
runbooks, logs. test_dashboards tests the page itself in a browser."""
import http.server
import json
import os
import shutil
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from stack.servers.alertmanager import Alertmanager
from stack.servers.others import Boards
from stack.servers.prometheus import Prometheus
from support.alerting import shipped_rules
from support.ports import free_port, wait_until
from support.service import ROOT

PAGE = ROOT / "tools/dashboard-preview"
pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")

RULES = {"groups": [{"name": "alerts", "rules": [
    {"alert": "Watchdog", "expr": "vector(1)", "labels": {"severity": "none"}},
    {"alert": "Small", "expr": 'label_replace(vector(1), "route", "/x", "", "")', "labels": {"severity": "warning", "component": "api"},
     "annotations": {"summary": "{{ $labels.route }} is slow", "description": "very", "runbook_url": "https://example.test/r.md#small"}},
    {"alert": "Great", "expr": "vector(2)", "labels": {"severity": "critical", "component": "api"}, "annotations": {"summary": "all is lost"}},
    {"alert": "Soon", "expr": "vector(1)", "for": "10h", "labels": {"severity": "critical"}},
]}]}


class Page:
    def __init__(self, directory, logs=None, **asks):
        dist = directory / "dist"  # a stand-in: these tests do not build the page
        dist.mkdir(parents=True)
        (dist / "index.html").write_text("<html><head></head><body>the page</body></html>")
        asks = {"PAGE_DIR": str(dist), "LOGS_DIR": str(logs or directory / "none"), "PROMETHEUS_TIMEOUT_MS": "120000"} | asks
        self.server = Boards(PAGE, free_port(), asks, log_path=directory / "page.log")
        self.server.start()
        self.url = self.server.url

    def ask(self, path, method="GET", body=None, **headers):
        """(status, body)"""
        data = json.dumps(body).encode() if body is not None else None
        made = urllib.request.Request(self.url + path, data, {name.replace("_", "-"): value for name, value in headers.items()}, method=method)
        try:
            with urllib.request.urlopen(made, timeout=180) as answer:
                status, text, self.headers = answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            status, text, self.headers = error.code, error.read().decode(), error.headers
        return status, json.loads(text) if text.startswith(("{", "[")) else text

    def get(self, path, **query):
        status, said = self.ask(path + ("?" + urllib.parse.urlencode(query) if query else ""))
        assert status == 200, said
        return said

    def send(self, method, path, body=None, **headers):
        return self.ask(path, method, body, **({"content_type": "application/json"} | headers))


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Prometheus with alerts that fire at once, Alertmanager, and the page in front of both."""
    directory = tmp_path_factory.mktemp("page")
    for name in ("alertmanager", "prometheus"):
        (directory / name).mkdir()
    alertmanager = Alertmanager(directory / "alertmanager", free_port())
    alertmanager.config.write_text(json.dumps({"route": {"receiver": "nobody", "group_wait": "1s"}, "receivers": [{"name": "nobody"}]}))
    prometheus = Prometheus(directory / "prometheus", free_port(), flags=["--rules.alert.resend-delay=30s"])
    (prometheus.directory / "rules.yml").write_text(json.dumps(RULES))
    prometheus.configure(**{
        "global": {"evaluation_interval": "1s", "external_labels": {"cluster": "c"}}, "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager.port}"]}]}]}})
    servers = [alertmanager.start(), prometheus.start()]
    page = Page(directory / "page", PROMETHEUS_URL=prometheus.url, ALERTMANAGER_URL=alertmanager.url)
    page.prometheus, page.alertmanager = prometheus, alertmanager
    wait_until("the alerts with Alertmanager", lambda: len(alertmanager.alerts()) == 3)
    yield page
    for server in (page.server, *servers):
        server.stop()


def alerts(page):
    return {alert["name"]: alert for alert in page.get("/api/alerts")["alerts"]}


def test_critical_alerts_come_first(stack):
    said = stack.get("/api/alerts")
    assert said["faults"] == [] and said["watchdog"] is True
    # Soon is critical and pending. Great is critical too and began at the same time, so they are sorted by name.
    assert [(alert["name"], alert["state"]) for alert in said["alerts"]] == [("Great", "firing"), ("Soon", "pending"), ("Small", "firing")]
    small = alerts(stack)["Small"]
    assert small["summary"] == "/x is slow" and small["description"] == "very" and small["runbook"].endswith("r.md#small")
    assert small["labels"] == {"alertname": "Small", "severity": "warning", "component": "api", "route": "/x", "cluster": "c"}
    assert small["fired"] >= small["since"] > time.time() - 86400 and small["expr"].startswith("label_replace(")


def test_a_silence_is_created_shown_and_ended(stack):
    labels = {"alertname": "Small", "route": "/x"}
    status, said = stack.send("POST", "/api/silences", {"labels": labels, "minutes": 60, "comment": "it is known", "by": "me"})
    assert status == 200, said
    wait_until("Small silenced", lambda: alerts(stack)["Small"]["state"] == "silenced")
    assert alerts(stack)["Small"]["silencedBy"] == [said["id"]] and alerts(stack)["Great"]["state"] == "firing"
    [silence] = stack.get("/api/alerts")["silences"]
    assert (silence["comment"], silence["createdBy"]) == ("it is known", "me")
    assert {matcher["name"]: matcher["value"] for matcher in silence["matchers"]} == labels
    assert stack.send("DELETE", f"/api/silences/{said['id']}")[0] == 200
    wait_until("Small fires again", lambda: alerts(stack)["Small"]["state"] == "firing")
    assert stack.get("/api/alerts")["silences"] == []


@pytest.mark.parametrize("body, why", [
    ({"labels": {"route": "/x"}, "minutes": 60, "comment": "c"}, "alertname"),
    ({"labels": {}, "minutes": 60, "comment": "c"}, "labels"),
    ({"labels": {"alertname": "Small"}, "minutes": 0, "comment": "c"}, "minutes"),
    ({"labels": {"alertname": "Small"}, "minutes": 60, "comment": " "}, "comment"),
])
def test_an_invalid_silence_is_refused(stack, body, why):
    status, said = stack.send("POST", "/api/silences", body)
    assert status == 400 and why in said["error"]


def test_other_sites_cannot_change_or_read_anything(stack):
    good = {"labels": {"alertname": "Small"}, "minutes": 60, "comment": "c"}
    assert stack.send("POST", "/api/silences", good, origin="http://evil.test")[0] == 403
    assert stack.send("POST", "/api/silences", good, content_type="text/plain")[0] == 415
    assert stack.send("GET", "/api/alerts", host="evil.test")[0] == 403
    assert stack.get("/api/alerts")["silences"] == []
    assert stack.send("POST", "/api/prometheus/api/v1/admin/tsdb/snapshot", {})[0] == 405
    assert stack.ask("/api/prometheus/api/v1/status/config")[0] == 403
    assert stack.ask("/../../server.mjs")[0] == 404 and stack.ask("/%2e%2e/%2e%2e/server.mjs")[0] == 404


@pytest.mark.parametrize("path", ["/%", "/api/runbooks/%E0%A4", "/d/%zz"])
def test_an_invalid_address_is_the_clients_fault(stack, path):
    status, said = stack.ask(path)
    assert status == 400 and "invalid address" in said["error"]


@pytest.mark.parametrize("path", ["/", "/alerts", "/targets", "/rules", "/logs", "/graph", "/d/ingest-api", "/d/ingest-api/incident?alert=Small&since=1"])
def test_every_page_answers_and_loads_nothing_from_other_hosts(stack, path):
    assert "the page" in stack.get(path)
    assert stack.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")


def test_every_alert_of_ours_has_its_runbook(stack):
    for name in sorted({rule["alert"] for rule in shipped_rules() if "alert" in rule}):
        section = stack.get(f"/api/runbooks/{name}")
        assert section["file"].endswith(".md") and section["text"].startswith("**What it means**") and "\n## " not in section["text"], name
    assert stack.ask("/api/runbooks/None")[0] == 404


def test_an_unreachable_server_is_named(stack, tmp_path):
    nobody = f"http://127.0.0.1:{free_port()}"
    page = Page(tmp_path / "page", PROMETHEUS_URL=nobody, ALERTMANAGER_URL=stack.alertmanager.url)
    try:
        said = page.get("/api/alerts")
        assert [alert["name"] for alert in said["alerts"]] == ["Great", "Small"], "the alerts in Alertmanager must still be shown"
        assert len(said["faults"]) == 1 and f"Prometheus at {nobody}" in said["faults"][0]
    finally:
        page.server.stop()


class Unwell(http.server.BaseHTTPRequestHandler):
    """A service that answers 503 with the reason."""
    def do_GET(self):
        body = json.dumps({"status": "degraded", "why": [{"part": "store", "kind": "locked", "text": "writes have waited 5.0 s"}]}).encode()
        self.send_response(503 if self.path == "/health" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_the_reasons_of_a_503_are_passed_on(tmp_path):
    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unwell)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    page = Page(tmp_path, API_URL=f"http://127.0.0.1:{service.server_port}")
    try:
        assert page.get("/api/service/health")["why"][0]["part"] == "store"
        service.shutdown()
        service.server_close()
        status, said = page.ask("/api/service/health")
        assert status == 502 and said["error"].startswith("ingest-api at http://127.0.0.1:")
    finally:
        page.server.stop()


class ThreadingIPv6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


def test_a_server_may_have_an_ipv6_address(tmp_path):
    try:
        service = ThreadingIPv6(("::1", 0), Unwell)
    except OSError:
        pytest.skip("this machine has no IPv6")
    threading.Thread(target=service.serve_forever, daemon=True).start()
    page = Page(tmp_path, API_URL=f"http://[::1]:{service.server_port}")
    try:
        assert page.get("/api/service/health")["why"][0]["part"] == "store"
    finally:
        page.server.stop()
        service.shutdown()
        service.server_close()


# ---- logs ----

BEGAN = 1_790_000_000_000


def service_line(number, level=30, **fields):
    return json.dumps({"level": level, "time": BEGAN + number * 1000, "pid": 1, "hostname": "h", "reqId": f"req-{number}"} | fields
                      | {"msg": f"line {number}"}, separators=(",", ":")) + "\n"


def stamp(number):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(BEGAN / 1000 + number)) + ".500Z"


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """200 000 lines of the service (20 MB), an older rotated file, and logs of Prometheus and others."""
    folder = tmp_path_factory.mktemp("logs")
    with open(folder / "ingest-api.log", "w", encoding="utf-8") as log:
        for number in range(1000, 201_000):
            log.write(service_line(number, 50 if number == 100_000 else 30))
    (folder / "ingest-api.log.1").write_text("".join(service_line(number) for number in range(1000)))
    (folder / "prometheus.log").write_text(
        f'ts={stamp(10)} caller=main.go:1 level=info msg="Server is \\"ready\\"" took=3s\nts={stamp(20)} caller=x level=warn msg="late"\n  at main\n  at end\n')
    (folder / "demo-traffic.log").write_text("one\ntwo <script>alert(1)</script>\n")
    (folder / "secret.txt").write_text("never\n")
    outside = folder.parent / "outside.log"
    outside.write_text(service_line(1))
    os.symlink(outside, folder / "linked.log")
    page = Page(tmp_path_factory.mktemp("page"), logs=folder)
    page.folder = folder
    yield page
    page.server.stop()


def found(page, **asked):
    return [line["text"] for line in page.get("/api/logs", **asked)["lines"]]


def test_logs_are_newest_first(logs):
    said = logs.get("/api/logs", source="ingest-api", limit=3)
    assert [line["text"] for line in said["lines"]] == ["line 200999", "line 200998", "line 200997"] and said["cut"]
    assert said["sources"] == ["demo-traffic", "ingest-api", "prometheus"], "a link or another file is listed"
    [line] = said["lines"][:1]
    assert line == {"time": BEGAN + 200_999_000, "level": "info", "id": "req-200999", "text": "line 200999", "source": "ingest-api", "fields": {}}


def test_logs_of_a_time_deep_in_a_large_file(logs):
    at = BEGAN + 5_000_000
    assert found(logs, **{"from": at, "to": at + 2000}) == ["line 5002", "line 5001", "line 5000"]
    # Across two files.
    assert found(logs, source="ingest-api", **{"from": BEGAN + 998_000, "to": BEGAN + 1_001_000}) == ["line 1001", "line 1000", "line 999", "line 998"]


def test_logs_by_level_request_and_text(logs):
    assert found(logs, level="error") == ["line 100000"]
    assert found(logs, id="req-4242") == ["line 4242"], "the id must match exactly, not as a prefix"
    assert found(logs, text="LINE 5999", **{"from": BEGAN + 5_990_000, "to": BEGAN + 6_000_000}) == ["line 5999"]
    assert found(logs, text="no such thing") == []


def test_repeated_log_lines_are_grouped(logs):
    """For each kind: the last line, the count, and the time of the first. Lines that differ only in numbers and ids are of one kind."""
    path = logs.folder / "wall.log"
    path.write_text("".join(service_line(number, 40, route="/x" if number % 2 else "/y") for number in range(10, 20)))
    try:
        kinds = logs.get("/api/logs", source="wall", kinds=1)["lines"]
        assert [(kind["fields"]["route"], kind["count"], kind["text"], kind["first"]) for kind in kinds] == [
            ("/x", 5, "line 19", BEGAN + 11_000), ("/y", 5, "line 18", BEGAN + 10_000)]
    finally:
        path.unlink()


def test_logs_of_other_programs(logs):
    late, ready = logs.get("/api/logs", source="prometheus")["lines"]
    assert (late["level"], late["text"]) == ("warn", "late\n  at main\n  at end") and ready["time"] == BEGAN + 10_500
    assert ready["text"] == 'Server is "ready"' and ready["fields"] == {"took": "3s"}
    assert found(logs, source="demo-traffic") == ["two <script>alert(1)</script>", "one"], "lines without times must keep the order of the file"


def test_invalid_log_queries(logs):
    assert logs.ask("/api/logs?level=loud")[0] == 400 and logs.ask("/api/logs?from=yesterday")[0] == 400
    assert found(logs, source="../outside") == [] and found(logs, source="linked") == [] and found(logs, source="secret") == []


def test_an_endless_log_line_is_cut(logs):
    path = logs.folder / "endless.log"
    path.write_text(service_line(1)[:-1] + "x" * (3 << 20))
    try:
        [line] = logs.get("/api/logs", source="endless")["lines"]
        assert len(line["text"]) <= 4096
    finally:
        path.unlink()
