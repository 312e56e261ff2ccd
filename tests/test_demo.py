# SPDX-License-Identifier: Apache-2.0
"""`make demo`: after half a minute, no log has an error and all counters match the clients' counts."""
import json
import os
import re
import signal
import subprocess

from stack.web import answers
from support.checkout import SERVERS, STACK, Checkout
from support.metrics import Samples
from support.ports import wait_until
from support.prometheus import fetch


def test_half_a_minute(tmp_path):
    checkout = Checkout(tmp_path / "checkout")
    try:
        stack = checkout.start(STACK, "demo", DEMO_RATE=100, DEMO_DURATION=30).ready()
        wait_until("the traffic's end", lambda: "the traffic has ended" in stack.said or stack.popen.poll() is not None, 600)
        assert stack.popen.poll() is None, stack.said
        assert re.search(r"^demo +\d+ s .* requests", stack.said, re.MULTILINE)
        said = json.loads((checkout.root / "var/demo/counts.json").read_text())
        assert said["unexpected"] == 0 and said["uncertain"] == 0
        assert said["rows"] >= 5000
        assert said["rows"] == said["imported"] + said["updated"] + said["rejected"]
        enough = said["answered"] > 1500  # a machine that did at least half of the work has had every kind of request
        if enough:
            assert said["aborted"] > 0
            for status in ("200", "201", "202", "400", "401", "404", "405", "415", "422"):
                assert said["by_status"].get(status), f"no {status} in {said}"

        def metrics():
            return Samples(fetch(f"http://127.0.0.1:{checkout.ports['PORT']}/metrics").decode())

        def requests(m):
            return m.total("http_requests_total") - m.total("http_requests_total", status_code="200", route="none")
        probes = 1 + 1  # the supervisor checks twice whether its key is valid
        expected = said["answered"] + said["aborted"] + probes
        wait_until("every request counted", lambda: requests(metrics()) >= expected - 1)
        m = wait_until("nothing in flight, no draft to be made, an email sent", lambda: (m := metrics()).total("http_requests_in_flight") == 0
                       and m.total("queue_depth", queue="draft.generate") == 0 and m.total("emails_sent_total", success="true") > 0
                       and m.total("http_requests_total") == m.total("http_request_duration_seconds_count") and m)
        total = m.total("http_requests_total")
        assert 0 <= total - (said["answered"] + said["aborted"]) <= probes
        assert m.total("http_requests_aborted_total") == said["aborted"]
        for status, n in said["by_status"].items():
            if status not in ("200", "401"):
                assert m.total("http_requests_total", status_code=status) == n
        assert m.total("prospects_processed_total", action="imported") == said["imported"] + said["updated"]
        assert m.total("prospects_processed_total", action="rejected") == said["rejected"]
        # Campaigns have run: emails were sent, and drafts failed for a missing field.
        assert m.total("drafts_generated_total", success="true") > 0
        assert not enough or 0 < m.total("drafts_generated_total", success="false") < 0.1 * m.total("drafts_generated_total"), "HighDraftFailureRate"
        # No route refuses most of its requests: HighClientErrorRate must not fire.
        for route in {s.labels["route"] for s in m.samples if s.name == "http_requests_total" and enough} - {"<unmatched>"}:
            refused = sum(m.total("http_requests_total", route=route, status_code=status) for status in ("400", "401", "404", "405", "415", "422"))
            assert refused <= 0.5 * m.total("http_requests_total", route=route), route

        stack.press_ctrl_c()
        assert stack.wait() == 0, stack.said
        for log in sorted((checkout.root / "var/log").glob("*.log")):
            text = log.read_text(errors="replace")
            assert not re.search(r'level=error|"level":[56]0', text), f"{log.name}: {text[-2000:]}"
        assert checkout.log("demo-traffic") == ""
    finally:
        checkout.close()


def test_the_api_is_killed_and_the_others_keep_running(tmp_path):
    """Prometheus notices, the others keep running, and Ctrl-C then stops the stack cleanly."""
    checkout = Checkout(tmp_path / "checkout")
    try:
        stack = checkout.start(STACK, "demo", DEMO_RATE=20).ready()
        servers = wait_until("the traffic too", lambda: s if set(s := stack.servers()) == SERVERS | {"demo-traffic"} else None)
        os.kill(servers["ingest-api"], signal.SIGKILL)
        wait_until("the message is printed", lambda: f"ingest-api (pid {servers['ingest-api']}) has ended with signal KILL; the others keep running" in stack.said)

        def health():
            answer = json.loads(fetch(f"http://127.0.0.1:{checkout.ports['PROMETHEUS_PORT']}/api/v1/targets?state=active"))
            return {target["labels"]["job"]: target["health"] for target in answer["data"]["activeTargets"]}
        wait_until("Prometheus sees it", lambda: health()["ingest-api"] == "down")
        wait_until("the others up", lambda: {health()[job] for job in ("prometheus", "alertmanager")} == {"up"})
        del servers["ingest-api"]
        wait_until("they run", lambda: stack.servers() == servers)
        stack.press_ctrl_c()
        assert stack.wait() == 0, stack.said
    finally:
        checkout.close()


def test_the_api_is_killed_and_restarted(tmp_path):
    checkout = Checkout(tmp_path / "checkout")
    try:
        stack = checkout.start(STACK, "demo", DEMO_RATE=20, ON_DEATH="restart").ready()
        first = stack.servers()["ingest-api"]
        os.kill(first, signal.SIGKILL)
        wait_until("the message is printed", lambda: "ingest-api is restarted" in stack.said)
        wait_until("it answers", lambda: answers(f"http://127.0.0.1:{checkout.ports['PORT']}/health/ready"))
        assert stack.servers()["ingest-api"] != first
        status = subprocess.run(stack.curl_lines()[1], shell=True, capture_output=True, text=True, check=True).stdout
        assert "data" in json.loads(status), "the restarted API does not accept the key"
        stack.press_ctrl_c()
        assert stack.wait() == 0, stack.said
    finally:
        checkout.close()
