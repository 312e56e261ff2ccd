# SPDX-License-Identifier: Apache-2.0
"""Suppression by API, import, mail server and link: a suppressed address gets no more emails. Erasure: no file contains the person's data."""
import email
import email.policy
import json
import subprocess
from urllib.parse import urlsplit

import pytest
from support.http import csv_rows
from support.ports import wait_until
from support.service import BINARY

PUBLIC = "https://mail.example.com/pf"
STRANGER = "01890a5d-ac96-774b-bcce-b302099a8057"


def sending(client, people=None):
    if people:
        assert client.import_csv(people).status == 200
    campaign = client.campaign(subject="A word", body="Good day.")
    assert client.act(campaign, "start").status == 200
    assert client.act(campaign, "send").status == 202
    return campaign


def fates(client, campaign, **wanted):
    return wait_until(f"{wanted}", lambda: (f := {k: n for k, n in client.stats(campaign)["fates"].items() if n}) == wanted and f, interval=0.1)


def suppressed(client, **query):
    answer = client.get("/api/v1/suppressions", **query)
    assert answer.status == 200, answer
    return {row["email"]: row["reason"] for row in answer.json()["data"]}


def skipped(client, campaign):
    rows = client.get(f"/api/v1/campaigns/{campaign}/recipients", state="skipped").json()["data"]
    return {row["email"]: row["reason"] for row in rows}


def command(service, *words):
    env = {k: str(v) for k, v in service.env.items()}
    return subprocess.run([BINARY, *words], env=env, cwd=service.directory, capture_output=True, text=True, timeout=180)


def test_by_the_api(service):
    client, other = service.client(service.organisation()), service.client(service.organisation())
    made = client.post("/api/v1/suppressions", {"email": "To.1@Example.invalid"})
    assert made.status == 201 and made.json()["email"] == "to.1@example.invalid" and made.json()["reason"] == "api"
    assert client.post("/api/v1/suppressions", {"email": "to.1@example.invalid"}).json() == made.json(), "a repeated suppression must change nothing"
    assert suppressed(client, email="TO.1@example.invalid") == suppressed(client) == {"to.1@example.invalid": "api"}
    assert suppressed(client, email="to.2@example.invalid") == suppressed(other) == {}
    campaign, theirs = (sending(c, csv_rows(3, tag="to")) for c in (client, other))
    fates(client, campaign, accepted=2, skipped=1)
    fates(other, theirs, accepted=3)
    assert skipped(client, campaign) == {"to.1@example.invalid": "suppressed"}
    assert client.import_csv(csv_rows(3, tag="to")).status == 200, "a later import must not lift the suppression"
    fates(client, sending(client), accepted=2, skipped=1)
    assert client.request("DELETE", f"/api/v1/suppressions/{STRANGER}").error_code == "not_found"
    assert other.request("DELETE", f"/api/v1/suppressions/{made.json()['id']}").error_code == "not_found"
    gone = client.request("DELETE", f"/api/v1/suppressions/{made.json()['id']}")
    assert (gone.status, gone.body) == (204, b"")
    fates(client, sending(client), accepted=3)
    service.settled("counted", lambda m: m.total("suppressions_total", reason="api") == 1 and m.total("emails_not_sent_total", reason="suppressed") == 2)


def test_by_a_column_and_by_role_addresses(service):
    client = service.client(service.organisation())
    people = ("email,first_name,Unsubscribed,Do Not Contact\nada@example.invalid,Ada,true,\nbob@example.invalid,Bob,no,0\n"
              "cy@example.invalid,Cy,,x\nabuse@example.invalid,,,\npostmaster@example.invalid,,,\n")
    campaign = sending(client, people)
    fates(client, campaign, accepted=1, skipped=4)
    assert skipped(client, campaign) == {"ada@example.invalid": "suppressed", "cy@example.invalid": "suppressed",
                                         "abuse@example.invalid": "role_address", "postmaster@example.invalid": "role_address"}
    wait_until("both suppressed", lambda: suppressed(client) == {"ada@example.invalid": "import", "cy@example.invalid": "import"})
    assert client.import_csv("email,unsubscribed,do not contact\nada@example.invalid,no,no\ncy@example.invalid,no,no\n").status == 200
    fates(client, sending(client), accepted=1, skipped=4)
    service.settled("counted once", lambda m: m.total("suppressions_total", reason="import") == 2)


def test_by_the_server(make_service, relay):
    relay.on_command = lambda verb, rest: "550 5.1.1 unknown" if verb == "RCPT" and "to.0@" in rest else None
    service = make_service(MAIL=relay.url)
    client = service.client(service.organisation())
    fates(client, sending(client, csv_rows(2, tag="to")), accepted=1, refused_recipient=1)
    assert suppressed(client) == {"to.0@example.invalid": "no_mailbox"}
    fates(client, sending(client), accepted=1, skipped=1)
    service.settled("counted", lambda m: m.total("suppressions_total", reason="no_mailbox") == 1)


def links(service):
    """{address: path of its unsubscribe link}, from the newest email."""
    found = {}
    for file in sorted((service.data_dir / "outbox").glob("*.eml"), key=lambda f: f.stat().st_mtime_ns):
        message = email.message_from_bytes(file.read_bytes(), policy=email.policy.SMTP)
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click" and message["Auto-Submitted"] == "auto-generated"
        link = message["List-Unsubscribe"]
        assert link.startswith(f"<{PUBLIC}/unsubscribe/") and link.endswith(">")
        found[message["To"]] = urlsplit(link[1:-1]).path.removeprefix("/pf")
    return found


@pytest.mark.parametrize("secret", ["", "a secret of the setting"])
def test_by_the_link(make_service, secret):
    service = make_service(PUBLIC_URL=PUBLIC + "/", UNSUBSCRIBE_SECRET=secret)
    client, nobody = service.client(service.organisation()), service.client()
    fates(client, sending(client, csv_rows(2, tag="to")), accepted=2)
    link = links(service)["to.0@example.invalid"]
    page = nobody.get(link)
    assert page.status == 200 and page.headers["content-type"] == "text/html; charset=utf-8" and '<form method="post">' in page.text
    assert suppressed(client) == {}, "a GET, for example by a mail scanner, must not unsubscribe"
    for wrong in (link[:-1], link[:-1] + ("0" if link[-1] != "0" else "1"), link[:20] + "ff" + link[22:], "/unsubscribe/x", "/unsubscribe/" + "0" * 160):
        assert nobody.get(wrong).status == nobody.request("POST", wrong).status == 404
    service.stop()
    service.start()  # with the same secret, links stay valid
    client, nobody = service.client(type("Key", (), {"key": client.key})), service.client()
    for _ in range(2):
        deed = nobody.request("POST", link.upper().replace("/UNSUBSCRIBE/", "/unsubscribe/"), "List-Unsubscribe=One-Click",
                              {"Content-Type": "application/x-www-form-urlencoded"})
        assert deed.status == 200 and "Unsubscribed" in deed.text
    assert suppressed(client) == {"to.0@example.invalid": "unsubscribed"}
    campaign = sending(client)
    fates(client, campaign, accepted=1, skipped=1)
    service.settled("counted once", lambda m: m.total("suppressions_total", reason="unsubscribed") == 1)


def test_no_link_without_a_public_url(service):
    client = service.client(service.organisation())
    fates(client, sending(client, csv_rows(1)), accepted=1)
    file, = (service.data_dir / "outbox").glob("*.eml")
    assert b"List-Unsubscribe" not in file.read_bytes()


def traces(service, *words):
    """(file, word) for each of the words in a file below the data folder. A file that disappears meanwhile is skipped."""
    found = []
    for file in service.data_dir.rglob("*"):
        try:
            data = file.read_bytes() if file.is_file() else b""
        except FileNotFoundError:
            continue
        found += [(str(file), word) for word in words if word.encode() in data or word.encode("utf-16-le") in data]
    return found


@pytest.mark.embedded
def test_erasure_leaves_no_trace(make_service):
    """No trace in the rows, SQLite's free pages, its WAL, the outbox and the log. An address that objected still gets no emails."""
    service = make_service(PUBLIC_URL=PUBLIC, LOG_LEVEL="debug")
    client, nobody = service.client(service.organisation()), service.client()
    words = ["zebedee.quux", "Zebedee", "Quuxington", "Quux-and-Sons", "likes zeppelins"]
    for round in range(3):  # rows that grow and shrink, between other rows
        person = f'zebedee.quux@example.invalid,Zebedee,Quuxington,Quux-and-Sons,"{"likes zeppelins " * (400 if round == 1 else 3)}"'
        others = "\n".join(f"p{i}.{round}@example.invalid,P,Q,R,{'o' * (i * 37 % 900)}" for i in range(300))
        assert client.import_csv(f"email,first_name,last_name,company,note\n{others}\n{person}\n").status == 200
    assert client.import_csv(csv_rows(1, tag="other")).status == 200
    wait_until("settled", lambda: all(p["status"] == "researched" for p in client.prospects()))
    campaign = client.campaign(subject="Dear {{first_name}}", body="{{first_name}} of {{company}}")
    assert client.act(campaign, "start").status == client.act(campaign, "drafts").status - 2 == 200
    assert client.act(campaign, "send").status == 202
    wait_until("sent", lambda: client.stats(campaign)["fates"]["accepted"] + client.stats(campaign)["fates"]["skipped"] == len(client.prospects()))
    assert traces(service, *words)
    link = links(service)["zebedee.quux@example.invalid"]
    assert nobody.request("POST", link).status == 200
    assert suppressed(client) == {"zebedee.quux@example.invalid": "unsubscribed"}
    row, = client.get("/api/v1/prospects", email="zebedee.quux@example.invalid").json()["data"]
    assert client.request("DELETE", f"/api/v1/prospects/{STRANGER}").error_code == "not_found"
    assert client.request("DELETE", f"/api/v1/prospects/{row['id']}").status == 204
    wait_until("no trace", lambda: not traces(service, *words), 60)
    assert client.get(f"/api/v1/prospects/{row['id']}").status == 404
    assert not any(word in service.process.log() for word in words)
    assert suppressed(client) == {None: "unsubscribed"}, "the hash must be kept"
    assert client.import_csv("email,first_name\nzebedee.quux@example.invalid,Zebedee\n").status == 200
    fate = sending(client)
    wait_until("the rest sent", lambda: not client.stats(fate)["fates"]["waiting"] and not client.stats(fate)["fates"]["sending"])
    assert skipped(client, fate)["zebedee.quux@example.invalid"] == "suppressed"
    assert nobody.request("POST", link).status == 200, "the old link must still work"


def test_a_campaign_and_an_organisation_are_deleted(make_service):
    service = make_service()
    organisation = service.organisation("Quuxington Ltd")
    client, other = service.client(organisation), service.client(service.organisation())
    people = csv_rows(700, tag="quuxy")
    campaign, theirs = sending(client, people), sending(other, csv_rows(3))
    fates(client, campaign, accepted=700)
    assert client.request("DELETE", f"/api/v1/campaigns/{campaign}").error_code == "illegal_state"
    assert other.request("DELETE", f"/api/v1/campaigns/{campaign}").error_code == "not_found"
    assert client.act(campaign, "complete").status == 200
    assert client.request("DELETE", f"/api/v1/campaigns/{campaign}").status == 204
    assert client.get(f"/api/v1/campaigns/{campaign}").status == 404
    fates(client, sending(client), accepted=700)
    client.post("/api/v1/suppressions", {"email": "quuxy@example.invalid"})
    assert command(service, "org", "delete", STRANGER).returncode == 1
    assert command(service, "org", "delete", "nonsense").returncode == 1
    done = command(service, "org", "delete", organisation.id)
    assert done.returncode == 0 and json.loads(done.stdout) == {"organisation_id": organisation.id, "deleted": True}, done
    assert command(service, "key", "list", organisation.id).returncode == 1
    fates(other, theirs, accepted=3)
    if "STORE" not in service.env:
        wait_until("no trace", lambda: other.post("/api/v1/suppressions", {"email": f"n{len(suppressed(other))}@example.invalid"})
                   and not traces(service, "quuxy", "Quuxington"), 60)
