# SPDX-License-Identifier: Apache-2.0
"""Landlock and seccomp in the running service (test_confine.c tests what they deny): on by default, and the service works with them. All
other stack tests run with them too."""
from pathlib import Path

import pytest
from support.http import csv_rows
from support.ports import wait_until


def confinement(pid):
    """(no new privileges, seccomp's mode) of each thread."""
    found = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            said = (task / "status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # this thread has ended meanwhile
        status = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
        found.add((status["NoNewPrivs"], status["Seccomp"]))
    return found


@pytest.mark.parametrize("where", ["DATA_DIR alone", "folders of their own"])
def test_every_thread_is_confined_and_the_service_works(make_service, tmp_path, where):
    env = {}
    if where != "DATA_DIR alone":
        (tmp_path / "store").mkdir(), (tmp_path / "arena").mkdir()
        env = {"STORE": f"sqlite:{tmp_path}/store/mine.db", "MAIL": f"file:{tmp_path}/mail/box", "METRICS_ARENA": f"{tmp_path}/arena/metrics"}
    service = make_service(**env)
    organisation = service.organisation()
    client = service.client(organisation)
    assert client.import_csv(csv_rows(50)).status == 200
    assert client.import_csv("email\n" + "x" * (2 << 20)).status in (200, 400), "a body that is large enough for a temporary file"
    campaign = client.campaign()
    assert client.act(campaign, "start").status == 200
    assert client.act(campaign, "send").status == 202
    wait_until("all sent", lambda: client.stats(campaign)["emails"]["sent"] == 50)
    said = [line for line in service.log_lines() if line["msg"].startswith("confined")]
    assert len(said) == 1
    if said[0]["msg"] == "confined":
        assert confinement(service.process.pid) == {("1", "2")}


def test_it_can_be_switched_off(make_service):
    service = make_service(CONFINE=0)
    assert confinement(service.process.pid) == {("0", "0")}
    assert not [line for line in service.log_lines() if "confined" in line["msg"]]
