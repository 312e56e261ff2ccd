# SPDX-License-Identifier: Apache-2.0
"""`make drill`: each drill breaks a running demo. It succeeds when the alert has fired, the panel shows the fault, `why` names the cause, and the
fault is repaired.

The shipped rules with durations divided by support.alerting.SCALE. All drills share one demo.
"""
import re
import signal
import subprocess

import pytest
import yaml
from support.alerting import milliseconds, scaled
from support.checkout import STACK, Checkout
from support.ports import PATIENCE, wait_until
from support.service import ROOT, clean_environment

from stack.web import answers


def hurry(checkout):
    """Shorten the rules and intervals of this copy."""
    folder = checkout.root / "infra/prometheus"
    for path in (folder / "rules").glob("*.yml"):
        rules = scaled(yaml.safe_load(path.read_text()))
        for group in rules["groups"]:
            if "interval" in group:
                group["interval"] = max(group["interval"], "1s", key=milliseconds)
        path.write_text(yaml.safe_dump(rules, sort_keys=False))
    config = yaml.safe_load((folder / "prometheus.yml").read_text())
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    for job in config["scrape_configs"]:
        job.pop("scrape_interval", None), job.pop("scrape_timeout", None)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    board = checkout.root / "infra/grafana/dashboards/ingest-api.json"
    board.parent.mkdir(parents=True)
    board.write_bytes((ROOT / "infra/grafana/dashboards/ingest-api.json").read_bytes())


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    checkout = Checkout(tmp_path_factory.mktemp("drills") / "checkout")
    try:
        hurry(checkout)
        stack = checkout.start(STACK, "demo", DEMO_RATE=20, STORE_TIMEOUT_MS=1000, VALIDATION_DELAY=0).ready()
        wait_until("the prospects there", lambda: re.search(r'"rows": [1-9]\d{3}', book(checkout)), PATIENCE)
        yield checkout
        stack.press_ctrl_c()
        stack.wait()
    finally:
        checkout.close()


def book(checkout):
    path = checkout.root / "var/demo/counts.json"
    return path.read_text() if path.exists() else ""


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("smtp", "queue", "disk", "prometheus")]
LONG = [pytest.param(name, marks=pytest.mark.long) for name in ("drafts", "worker", "kill")]


@pytest.mark.parametrize("name", ["lock", *SLOW, *LONG])
def test_drill(demo, name):
    status, said = demo.run(STACK, "drill", name, DRILL_PATIENCE=PATIENCE, DRILL_RATE_INTERVAL="10s")
    print(said)
    assert status == 0, said
    row = re.search(rf"^\| {name} \| .*", said, re.MULTILINE)
    assert row and "not seen" not in row[0], said
    assert not (demo.root / "var/drill.json").exists()
    wait_until("it is ready", lambda: answers(f"http://127.0.0.1:{demo.ports['PORT']}/health/ready"))


@pytest.mark.slow
def test_ctrl_c_repairs_the_fault(demo):
    env = clean_environment(**demo.ports)
    # A background process of a shell ignores SIGINT, and so would its children. So set the handler.
    drill = subprocess.Popen([STACK, "drill", "worker"], cwd=demo.root, env=env, stdout=subprocess.PIPE, text=True,
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    for line in drill.stdout:
        if "broken" in line:
            break
    assert (demo.root / "var/drill.json").exists()
    drill.send_signal(signal.SIGINT)
    rest = drill.communicate(timeout=PATIENCE)[0]
    assert drill.returncode == 1 and "the demo is repaired" in rest, rest
    assert not (demo.root / "var/drill.json").exists()


def test_what_a_drill_needs(tmp_path):
    checkout = Checkout(tmp_path / "checkout")
    status, said = checkout.run(STACK, "drill", "lock")
    assert status == 1 and "no demo of this checkout is running" in said, said
    status, said = checkout.run(STACK, "drill", "fire")
    assert status == 1 and "one of lock, smtp, queue, worker, drafts, kill, disk, prometheus" in said, said
