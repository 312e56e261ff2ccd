# SPDX-License-Identifier: Apache-2.0
"""One campaign through greylisting, a refused sender, a bad recipient, an unsubscription and a killed worker.

Every intended recipient gets the email once. MAIL_RETRY_MIN and MAIL_REFUSALS turn days into seconds. The test acts as the operator:
it reads the hold and restarts the campaign, looks up the emails in doubt, and decides.
"""
import email
import email.policy
import threading
from urllib.parse import urlsplit

from support.faults import record
from support.http import csv_rows
from support.ports import PATIENCE, wait_until

PUBLIC = "https://mail.example.com"
N = 60
BAD, GREY, GONE = "to.1@example.invalid", {f"to.{n}@example.invalid" for n in range(10, 30)}, "to.2@example.invalid"


class Provider:
    """The mail server's answers in each phase of the drill. The relay records the accepted messages."""

    def __init__(self, relay):
        self.relay, self.refusing, self.greylisting = relay, True, True
        self.lock, self.greeted = threading.Lock(), set()
        relay.on_command = self

    def __call__(self, verb, rest):
        address = rest.partition("<")[2].partition(">")[0]
        if verb == "MAIL" and self.refusing:
            return "550 5.7.1 unauthenticated mail from your domain is not accepted"
        if verb != "RCPT":
            return None
        if address == BAD:
            return f"550 5.1.1 <{address}> is nobody here"
        if address in GREY and self.greylisting:
            with self.lock:
                self.greeted.add(address)
            return "451 4.7.1 greylisted, come back in ten minutes"
        return None


def recipients(client, campaign, state):
    return client.get(f"/api/v1/campaigns/{campaign}/recipients", state=state, limit=500).json()["data"]


def links(folder):
    found = {}
    for file in folder.glob("*.eml"):
        message = email.message_from_bytes(file.read_bytes(), policy=email.policy.SMTP)
        found[message["To"]] = urlsplit(message["List-Unsubscribe"][1:-1]).path
    return found


def test_every_intended_recipient_gets_it_once(make_service, relay):
    api = make_service(ROLE="api", PUBLIC_URL=PUBLIC)
    shared = {name: api.env[name] for name in ("STORE", "QUEUE", "DATA_DIR") if name in api.env} | {"PUBLIC_URL": PUBLIC}
    client = api.client(api.organisation())
    assert client.import_csv(csv_rows(N, tag="to")).status == 200

    # An earlier newsletter, written to the outbox folder. One recipient unsubscribes by its link.
    first = make_service(ROLE="worker", **shared)
    newsletter = client.campaign()
    assert client.act(newsletter, "start").status == 200
    assert client.act(newsletter, "send").status == 202
    wait_until("the newsletter", lambda: client.stats(newsletter)["fates"]["accepted"] == N)
    first.stop()
    assert api.client().request("POST", links(api.data_dir / "outbox")[GONE], "List-Unsubscribe=One-Click",
                                {"Content-Type": "application/x-www-form-urlencoded"}).status == 200

    # The sender is refused: the campaign is paused, and no recipient has lost an attempt.
    provider = Provider(relay)
    worker = make_service(ROLE="worker", MAIL=relay.url, MAIL_RETRY_MIN=1, MAIL_RETRY_MAX=2, MAIL_REFUSALS=3, **shared)
    campaign = client.campaign(name="The drill")
    assert client.act(campaign, "start").status == 200
    assert client.act(campaign, "send").json()["enqueued"] == N
    wait_until("paused", lambda: client.get(f"/api/v1/campaigns/{campaign}").json()["status"] == "paused", interval=0.1)
    hold = client.get(f"/api/v1/campaigns/{campaign}").json()["hold"]
    assert hold["paused"] and hold["server_words"] == "550 5.7.1 unauthenticated mail from your domain is not accepted"
    worker.settled("an alert fires", lambda m: m.value("campaigns_refused") == 1)
    assert not relay.taken and all(row["attempts"] == 0 for row in recipients(client, campaign, "refused_sender"))

    # SPF is repaired and the operator starts the campaign. The worker is killed while it sends a message.
    provider.refusing = False
    reached, go_on = threading.Event(), threading.Event()

    def hold_up(_receiver):
        if len(relay.taken) >= 15:
            reached.set()
            go_on.wait(PATIENCE)
    relay.on_message = hold_up
    assert client.act(campaign, "start").status == 200
    assert reached.wait(PATIENCE)
    worker.kill()
    relay.on_message = None
    go_on.set()
    worker.start()

    # Greylisting ends after every address was refused twice.
    wait_until("all greylisted", lambda: len(provider.greeted) == len(GREY))
    wait_until("tried again", lambda: all(row["attempts"] >= 2 for row in recipients(client, campaign, "waiting") if row["email"] in GREY))
    provider.greylisting = False
    wait_until("nothing left to send", lambda: not any(client.stats(campaign)["fates"][fate] for fate in ("waiting", "sending", "refused_sender")))

    # The emails that were being sent are in doubt. The operator decides by the server's log.
    doubt = recipients(client, campaign, "in_doubt")
    assert 1 <= len(doubt) <= 2, "one email per sending thread"
    for row in doubt:
        assert relay.taken[row["email"]] <= 1
        decision = "accepted" if relay.taken[row["email"]] else "waiting"
        assert client.request("PATCH", f"/api/v1/campaigns/{campaign}/recipients/{row['prospect_id']}", f'{{"state": "{decision}"}}',
                              {"Content-Type": "application/json"}).status == 200
    wait_until("all decided", lambda: client.stats(campaign)["fates"] == {
        "waiting": 0, "sending": 0, "accepted": N - 2, "refused_recipient": 1, "refused_sender": 0, "in_doubt": 0, "skipped": 1})

    everybody = {f"to.{n}@example.invalid" for n in range(N)}
    assert dict(relay.taken) == dict.fromkeys(everybody - {BAD, GONE}, 1), "every intended recipient must get it once"
    assert [(row["email"], row["reason"]) for row in recipients(client, campaign, "skipped")] == [(GONE, "suppressed")]
    suppressed = {row["email"]: row["reason"] for row in client.get("/api/v1/suppressions").json()["data"]}
    assert suppressed == {GONE: "unsubscribed", BAD: "no_mailbox"}
    record("SMTP drill: sender refused, greylisting, a bad recipient, an unsubscription, a worker killed", N, 0, relay.twice(), None, 0,
           f"emails: {N - 2} once, 1 refused, 1 suppressed, {len(doubt)} in doubt and decided")
