# SPDX-License-Identifier: Apache-2.0
"""The email messages: Python's strict policy finds no defect in them for any input, and the sender is right."""
import email
import email.header
import email.policy
import email.utils
import json
import subprocess

import pytest
from support.http import csv_rows
from support.ports import wait_until
from support.service import BINARY

STRICT = email.policy.SMTP.clone(raise_on_defect=True)
TEXTS = ["Plain", "Zoë, ça va?", "Привет, {{first_name}}", "=?utf-8?q?not?= an encoded word", "two  blanks and a \ttab", '"Quoted", (comment) <angle> @at; colon:',
         "long " * 60, "𝄞" * 90, "x" * 300, "trailing =20"]


def sent(service, client, n, **templates):
    campaign = client.campaign(**templates)
    assert client.act(campaign, "start").status == 200
    assert client.act(campaign, "send").status == 202
    wait_until("sent", lambda: client.stats(campaign)["emails"]["sent"] == n)
    files = sorted((service.data_dir / "outbox").glob("*.eml"), key=lambda f: f.stat().st_mtime_ns)
    made = [email.message_from_bytes(f.read_bytes(), policy=STRICT) for f in files]
    return [m for m in made if m["X-Campaign-ID"] == campaign]


def display_name(whole):
    """Decoded by the older parser: the newer one of Python 3.11 puts blanks between the encoded words of a phrase."""
    field = email.message_from_bytes(whole, policy=email.policy.compat32)["From"]
    name = email.utils.parseaddr(field)[0]
    return str(email.header.make_header(email.header.decode_header(name)))


@pytest.mark.parametrize("sender, shown, address", [
    ("ProspectFlow <hello@prospectflow.test>", "ProspectFlow", "hello@prospectflow.test"),
    ("Jörg Müller, Vertrieb <jm@bücher.example>", "Jörg Müller, Vertrieb", "jm@xn--bcher-kva.example"),
    ("\"O'Neil, \\\\ Sons\" <o@example.com>", "O'Neil, \\\\ Sons", "o@example.com"),
    ("Имя " + "очень " * 15 + "<long@example.com>", "Имя" + " очень" * 15, "long@example.com"),
    ("bare@example.com", "", "bare@example.com")])
def test_no_defect(make_service, sender, shown, address):
    service = make_service(MAIL_FROM=sender, PUBLIC_URL="https://mail.example.com")
    client = service.client(service.organisation())
    assert client.import_csv("email,first_name\nada.lovelace@example.com,Åsa\n").status == 200
    for text in TEXTS:
        message, = sent(service, client, 1, subject=text.replace("\t", " "), body=text + "\r\n.\nFrom here\nline of " + "w" * 1200)
        whole = message.as_bytes()  # this parses every field
        assert display_name(whole) == shown and message["From"].addresses[0].addr_spec == address
        assert message["Subject"] == text.replace("\t", " ").replace("{{first_name}}", "Åsa")
        assert message["To"] == "ada.lovelace@example.com" and message["Auto-Submitted"] == "auto-generated"
        assert message["Message-ID"].endswith("@" + address.partition("@")[2] + ">") and message["Date"].datetime
        body = message.get_content().replace("\r\n", "\n")
        assert body.startswith(text.replace("{{first_name}}", "Åsa")) and "\nFrom here\n" in body and len(whole) > 100
        for line in (service.data_dir / "outbox").glob("*.eml"):
            assert max(map(len, line.read_bytes().split(b"\r\n"))) <= 998


def test_smtp_needs_a_sender(tmp_path):
    env = {"MAIL": "smtp://127.0.0.1:1", "DATA_DIR": str(tmp_path), "PATH": "/usr/bin"}
    done = subprocess.run([BINARY], env=env, capture_output=True, text=True, timeout=180)
    assert done.returncode == 1 and "MAIL_FROM: must be set with MAIL=smtp" in done.stderr, done


def test_ehlo_and_an_organisations_own_sender(make_service, relay):
    said = []
    relay.on_command = lambda verb, rest: said.append((verb, rest))
    service = make_service(MAIL=relay.url, MAIL_EHLO="mx7.example.com")
    own, other = service.organisation(), service.organisation()

    def command(*words):
        env = {k: str(v) for k, v in service.env.items()}
        return subprocess.run([BINARY, "org", "sender", *words], env=env, cwd=service.directory, capture_output=True, text=True, timeout=180)
    assert json.loads(command(own.id).stdout) == {"organisation_id": own.id, "mail_from": None}
    assert json.loads(command(own.id, "Their Shop <shop@bücher.example>").stdout)["mail_from"] == "Their Shop <shop@bücher.example>"
    assert command(own.id, "nonsense").returncode == 1 and "local@domain" in command(own.id, "nonsense").stderr
    assert command("01890a5d-ac96-774b-bcce-b302099a8057", "a@b.example").returncode == 1
    for organisation, tag in ((own, "own"), (other, "other")):
        client = service.client(organisation)
        assert client.import_csv(csv_rows(1, tag=tag)).status == 200
        campaign = client.campaign()
        assert client.act(campaign, "start").status == 200
        assert client.act(campaign, "send").status == 202
        wait_until("sent", lambda client=client, campaign=campaign: client.stats(campaign)["emails"]["sent"] == 1)
    assert {rest for verb, rest in said if verb == "EHLO"} == {"mx7.example.com"}
    assert [rest.split(">")[0] for verb, rest in said if verb == "MAIL"] == ["FROM:<shop@xn--bcher-kva.example", "FROM:<hello@prospectflow.test"]
    relay.on_command = None
    said.clear()
    relay.on_command = lambda verb, rest: said.append((verb, rest))
    plain = make_service(MAIL=relay.url)
    client = plain.client(plain.organisation())
    assert client.import_csv(csv_rows(1)).status == 200
    campaign = client.campaign()
    assert client.act(campaign, "start").status == 200
    assert client.act(campaign, "send").status == 202
    wait_until("sent", lambda: client.stats(campaign)["emails"]["sent"] == 1)
    name, = {rest for verb, rest in said if verb == "EHLO"}
    assert "." in name and (name.startswith("[") == name.endswith("]")), "a qualified name, or an address literal"
