# SPDX-License-Identifier: Apache-2.0
"""The commands in the runbooks work: their PromQL parses and uses existing metrics, and their SQL has the described effect."""
import json
import re
import sqlite3
import subprocess
import sys

import pytest
import yaml
from support.alerting import shipped_rules
from support.http import csv_rows
from support.ports import PATIENCE, free_port, wait_until
from support.service import ROOT

sys.path.insert(0, str(ROOT / "scripts/lib"))
import promql  # noqa: E402

BOOKS = sorted((ROOT / "docs/runbooks").glob("*.md"))


def metrics():
    known = set()
    for families in yaml.safe_load((ROOT / "infra/prometheus/metrics.yml").read_text()).values():
        for name, family in families.items():
            known |= {name + suffix for suffix in ("_bucket", "_sum", "_count")} if family["type"] == "histogram" else {name}
    return known | {rule["record"] for rule in shipped_rules() if "record" in rule}


def queries():
    """Inline code that is PromQL: it has a selector, a range or a function."""
    for path in BOOKS:
        for code in re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", path.read_text()):
            code = " ".join(code.split())
            if re.search(r'\{\w+=~?"|\[\d+[smhd]\]', code) and not code.startswith(("curl", "jq", "docker")):
                yield pytest.param(code, id=f"{path.stem}: {code[:50]}")


@pytest.mark.parametrize("code", queries())
def test_promql(tmp_path, code):
    code = code.replace('"QUEUE"', '"email.send"')
    (tmp_path / "rule.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": [{"record": "r", "expr": code}]}]}))
    done = subprocess.run(["promtool", "check", "rules", tmp_path / "rule.yml"], capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for selector in promql.selectors(code):
        assert not selector.metric or selector.metric in metrics() | {"queue_depth"}, selector


def test_named_settings_exist():
    settings = (ROOT / "apps/ingest-api/src/base/settings.c").read_text()
    ours = {"API", "PROM", "PID", "QUEUE", "PATH", "DATA_DIR"}
    for path in BOOKS:
        for name in re.findall(r"`([A-Z][A-Z_]{3,})(?:=\w+)?`", path.read_text()):
            if name in ours or name in ("MALLOC_ARENA_MAX", "DEMO_RATE", "INSERT", "ANALYZE"):
                continue
            assert f'"{name}"' in settings, (path.name, name)


def test_links_are_valid():
    readme = (ROOT / "docs/runbooks/README.md").read_text()
    for file, anchor in re.findall(r"\(([\w-]+\.md)#([\w-]+)\)", readme):
        headings = re.findall(r"^## (.+)$", (ROOT / "docs/runbooks" / file).read_text(), re.M)
        assert anchor in [heading.lower() for heading in headings], (file, anchor)


def test_dead_letters_are_requeued(make_service):
    pytest.importorskip("aiosmtpd")
    from aiosmtpd.controller import Controller

    class Relay:
        refuses, taken = True, 0

        async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
            if self.refuses:
                return "451 4.3.0 try again later"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, _server, _session, _envelope):  # noqa: N802
            self.taken += 1
            return "250 OK"

    text = (ROOT / "docs/runbooks/queue.md").read_text()
    look, put_back = (" ".join(block.split()) for block in re.findall(r"```sql\n(.*?)```", text, re.S))
    relay, port = Relay(), free_port()
    controller = Controller(relay, hostname="127.0.0.1", port=port, ready_timeout=PATIENCE)
    controller.start()
    try:
        service = make_service(MAIL=f"smtp://127.0.0.1:{port}", MAIL_RETRY_MIN=1, MAIL_RETRY_FOR=1, VALIDATION_DELAY=0)
        service.errors_allowed = True
        client = service.client(service.organisation())
        assert client.import_csv(csv_rows(3)).status == 200
        campaign = client.campaign()
        assert client.act(campaign, "start").status == 200 and client.act(campaign, "drafts").status == 202
        wait_until("drafts", lambda: client.stats(campaign)["drafts"]["generated"] == 3, 60)
        assert client.act(campaign, "send").status == 202
        service.settled("dead letters counted", lambda m: m.value("queue_message_failures_total", queue="email.send", reason="dead_lettered") == 3)
        database = sqlite3.connect(next(service.data_dir.glob("*.db")), isolation_level=None, timeout=PATIENCE)
        rows = database.execute(look).fetchall()
        assert [(row[0], row[2]) for row in rows] == [("email.send", 3)], rows
        relay.refuses = False
        database.executescript(put_back)
        database.close()
        wait_until("the emails sent after all", lambda: relay.taken == 3, 60)
        assert json.dumps(client.stats(campaign))
    finally:
        controller.stop()
