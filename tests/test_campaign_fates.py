# SPDX-License-Identifier: Apache-2.0
"""The fates of emails and what an operator can do. Every refusal leads to a fate, and every recipient gets the email once.

The mail server is support/relay.py. MAIL_RETRY_MIN and MAIL_REFUSALS turn days into seconds."""
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.http import csv_rows
from support.ports import wait_until

from stack.servers import postgres

QUICK = {"MAIL_RETRY_MIN": 1, "MAIL_RETRY_MAX": 2, "MAIL_REFUSALS": 3}


def fates(client, campaign, **wanted):
    """Wait until the campaign has exactly these fates."""
    return wait_until(f"{wanted}", lambda: (f := {k: n for k, n in client.stats(campaign)["fates"].items() if n}) == wanted and f, interval=0.1)


def recipients(client, campaign, **query):
    page = client.get(f"/api/v1/campaigns/{campaign}/recipients", **query)
    assert page.status == 200, page
    return {row["email"]: row for row in page.json()["data"]}


def sending(client, people, **templates):
    assert client.import_csv(people).status == 200
    campaign = client.campaign(**templates)
    assert client.act(campaign, "start").status == 200
    assert client.act(campaign, "send").status == 202
    return campaign


def hold(client, campaign):
    return client.get(f"/api/v1/campaigns/{campaign}").json()["hold"]


def address(n):
    return f"to.{n}@example.invalid"


def test_one_bad_recipient(make_service, relay):
    """The bad address is refused with the server's words. The other recipients are not affected."""
    relay.on_command = lambda verb, rest: f"550 5.1.1 <{address(1)}> is nobody here" if verb == "RCPT" and address(1) in rest else None
    service = make_service(MAIL=relay.url, **QUICK)
    client = service.client(service.organisation())
    campaign = sending(client, csv_rows(5, tag="to"))
    fates(client, campaign, accepted=4, refused_recipient=1)
    assert client.stats(campaign)["emails"] == {"pending": 0, "sending": 0, "sent": 4, "failed": 1}
    row = recipients(client, campaign, state="refused_recipient")[address(1)]
    assert (row["reason"], row["error"], row["server_words"]) == (
        "refused", "the server answered 550 5.1.1 (RCPT)", "550 5.1.1 [address] is nobody here")
    metrics = service.settled("counted", lambda m: m.total("emails_total") == 5)
    assert metrics.total("emails_total", success="false") == metrics.total("email_attempts_total", outcome="refused_recipient") == 1
    assert metrics.total("email_fates_total", fate="accepted") == metrics.total("email_attempts_total", outcome="accepted") == 4
    assert client.act(campaign, "retry").json()["enqueued"] == 0, "a final refusal was retried"


def test_greylisting_takes_its_time(make_service, relay):
    """The server answers 451 until it has seen all recipients, and two seconds more. Each email is retried at growing intervals."""
    open_at = {}

    def grey(verb, rest):
        if verb == "RCPT" and time.monotonic() < open_at.get("time", float("inf")):
            return "451 4.7.1 greylisted, come back later"
    relay.on_command = grey
    service = make_service(MAIL=relay.url, **QUICK)
    client = service.client(service.organisation())
    campaign = sending(client, csv_rows(6, tag="to"))
    waiting = wait_until("all deferred", lambda: (w := recipients(client, campaign, state="waiting")) and len(w) == 6
                         and all(row["reason"] == "deferred" for row in w.values()) and w)
    assert all(row["next_attempt_at"] and row["server_words"] == "451 4.7.1 greylisted, come back later" for row in waiting.values())
    wait_until("tried again", lambda: all(row["attempts"] >= 2 for row in recipients(client, campaign).values()))
    open_at["time"] = time.monotonic() + 2
    fates(client, campaign, accepted=6)
    assert relay.twice() == 0 and len(relay.taken) == 6
    metrics = service.settled("counted", lambda m: m.total("emails_total", success="true") == 6)
    assert metrics.total("emails_total") == metrics.total("emails_sent_total") == 6, "an email was counted more than once"
    assert metrics.total("email_attempts_total", outcome="deferred") == sum(row["attempts"] - 1 for row in recipients(client, campaign).values()) >= 12
    assert metrics.total("queue_message_failures_total", reason="dead_lettered") == 0


def test_an_email_deferred_for_days_is_given_up(make_service, relay):
    relay.mode = "later"
    service = make_service(MAIL=relay.url, **QUICK | {"MAIL_RETRY_FOR": 3})
    client = service.client(service.organisation())
    campaign = sending(client, csv_rows(2, tag="to"))
    fates(client, campaign, refused_recipient=2)
    for row in recipients(client, campaign).values():
        assert (row["reason"], row["attempts"]) == ("expired", 3)  # after 1 and 2 seconds
    service.settled("counted", lambda m: m.total("emails_total", success="false") == 2 and m.total("email_attempts_total", outcome="deferred") == 6)


@pytest.mark.parametrize("verb, reply", [("MAIL", "550 5.7.1 your domain is blocked"), ("MAIL", "452 4.3.1 quota exceeded"),
                                         ("RCPT", "421 4.7.0 too many of you"), ("RCPT", "550 5.7.26 unauthenticated sender")])
def test_a_refused_sender_pauses_only_its_campaign(make_service, relay, verb, reply):
    """After MAIL_REFUSALS equal refusals the campaign is paused with the server's words. A start resumes it, and no recipient has lost an
    attempt or the email."""
    service = make_service(MAIL=relay.url, **QUICK)
    client, other = service.client(service.organisation()), service.client(service.organisation())
    refusing = {"now": True}
    relay.on_command = lambda v, rest: reply if refusing["now"] and v == verb and (v == "MAIL" or "to." in rest) else None
    campaign = sending(client, csv_rows(8, tag="to"))
    wait_until("paused", lambda: client.get(f"/api/v1/campaigns/{campaign}").json()["status"] == "paused", interval=0.1)
    assert hold(client, campaign) == {"refusals": 3, "server_words": reply, "paused": True, "next_attempt_at": None}
    service.settled("an alert can fire", lambda m: m.value("campaigns_refused") == 1)
    held = client.stats(campaign)["fates"]
    assert held["waiting"] + held["refused_sender"] == 8 and held["refused_sender"] >= 1 and client.stats(campaign)["emails"]["failed"] == 0
    assert all(row["attempts"] == 0 for row in recipients(client, campaign).values())
    metrics = service.metrics()
    assert metrics.total("emails_total") == 0 and metrics.total("queue_message_failures_total", reason="dead_lettered") == 0
    if verb == "RCPT":
        fates(other, sending(other, csv_rows(3, tag="other")), accepted=3)
    refusing["now"] = False
    assert client.act(campaign, "retry").error_code == "illegal_state"
    assert client.act(campaign, "start").json()["hold"] is None
    fates(client, campaign, accepted=8)
    assert relay.twice() == 0
    service.settled("the alert ends", lambda m: m.value("campaigns_refused") == 0)


def test_a_temporary_refusal_costs_nothing(make_service, relay):
    """After two refusals the server accepts the emails: nobody has to act."""
    refusals = iter(["450 4.7.1 not now"] * 2)
    relay.on_command = lambda verb, rest: next(refusals, None) if verb == "MAIL" else None
    service = make_service(MAIL=relay.url, **QUICK)
    client = service.client(service.organisation())
    campaign = sending(client, csv_rows(5, tag="to"))
    fates(client, campaign, accepted=5)
    assert hold(client, campaign) is None and relay.twice() == 0


def test_retry_makes_all_due_now(make_service, relay):
    """retry ends the one-hour wait of the waiting recipients, and affects no others."""
    relay.mode = "later"
    service = make_service(MAIL=relay.url, MAIL_RETRY_MIN=3600)
    client = service.client(service.organisation())
    campaign = sending(client, csv_rows(4, tag="to"))
    wait_until("all deferred", lambda: len([r for r in recipients(client, campaign, state="waiting").values() if r["reason"] == "deferred"]) == 4)
    service.stop()
    service.start()  # a restart makes no email due
    client = service.client(client_organisation(client))
    relay.mode = "take"
    assert client.import_csv(csv_rows(1, tag="new")).status == 200
    assert client.act(campaign, "send").json()["enqueued"] == 1
    fates(client, campaign, accepted=1, waiting=4)
    assert client.act(campaign, "retry").json() == {"enqueued": 4, "already_enqueued": 0}
    fates(client, campaign, accepted=5)
    assert client.act(campaign, "retry").json()["enqueued"] == 0
    assert relay.twice() == 0 and len(relay.taken) == 5


def client_organisation(client):
    return type("Key", (), {"key": client.key})


def test_an_operator_decides_emails_in_doubt(make_service, relay):
    relay.mode = "drop"
    service = make_service(MAIL=relay.url, **QUICK)
    client = service.client(service.organisation())
    campaign = sending(client, csv_rows(3, tag="to"))
    fates(client, campaign, in_doubt=3)
    service.settled("an alert can fire", lambda m: m.value("emails_in_doubt") == 3)
    relay.mode = "take"
    assert client.act(campaign, "retry").json()["enqueued"] == 0, "an email in doubt was retried without a decision"
    taken = dict(relay.taken)
    ids = {email: row["prospect_id"] for email, row in recipients(client, campaign).items()}

    def decide(n, state):
        answer = client.request("PATCH", f"/api/v1/campaigns/{campaign}/recipients/{ids[address(n)]}", f'{{"state": "{state}"}}',
                                {"Content-Type": "application/json"})
        assert answer.status == 200 and answer.json()["state"] == state, answer
    decide(0, "accepted")
    decide(1, "skipped")
    decide(2, "waiting")
    fates(client, campaign, accepted=2, skipped=1)
    assert {to: n - taken[to] for to, n in relay.taken.items()} == {address(0): 0, address(1): 0, address(2): 1}
    metrics = service.settled("decided", lambda m: m.value("emails_in_doubt") == 0 and m.total("emails_total") >= 2
                              and m.total("emails_not_sent_total", reason="decided") >= 1)
    assert metrics.total("emails_total") == metrics.total("emails_total", success="true") == 2
    assert metrics.total("emails_not_sent_total", reason="decided") == 1


def test_a_decision_during_a_start(make_service, relay, postgres_server):
    """PostgreSQL: `start` has enqueued what waits, but is not committed. The decision waits for it, and the e-mail gets a job."""
    relay.mode = "drop"
    service = make_service(MAIL=relay.url, STORE=postgres_server.database(), **QUICK)
    client = service.client(service.organisation())
    campaign = sending(client, csv_rows(1, tag="to"))
    fates(client, campaign, in_doubt=1)
    relay.mode = "take"
    assert client.act(campaign, "pause").status == 200
    [row] = recipients(client, campaign).values()
    psql = [postgres.programs() / "psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-d", service.env["STORE"]]

    def decide():
        return client.request("PATCH", f"/api/v1/campaigns/{campaign}/recipients/{row['prospect_id']}", '{"state": "waiting"}',
                              {"Content-Type": "application/json"})

    def blocked():
        return subprocess.run([*psql, "-c", "select 1 from pg_locks where not granted limit 1"], check=True, capture_output=True).stdout
    with subprocess.Popen(psql, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as start, ThreadPoolExecutor(1) as pool:
        print("begin; select set_config('app.organisation_id', '*', true); update outreach.campaigns set status = 'active'; select 'begun';",
              file=start.stdin, flush=True)
        assert [start.stdout.readline() for _ in range(2)] == ["*\n", "begun\n"]
        decision = pool.submit(decide)
        wait_until("the decision answered or waiting", lambda: decision.done() or blocked())
        start.communicate("commit;\n")
        assert decision.result().status == 200
    fates(client, campaign, accepted=1)


def test_a_completed_campaign_leaves_nobody_waiting(make_service, relay):
    """Completing skips the recipients that a pause left over, and those that wait for the next attempt."""
    relay.mode = "later"
    service = make_service(MAIL=relay.url, **QUICK)
    client = service.client(service.organisation())
    campaign = sending(client, csv_rows(3, tag="to"))
    wait_until("deferred", lambda: len(recipients(client, campaign, state="waiting")) == 3)
    assert client.act(campaign, "pause").status == 200
    wait_until("no jobs are left", lambda: service.metrics().total("queue_depth") == 0)
    assert client.act(campaign, "complete").status == 200
    fates(client, campaign, skipped=3)
    assert {row["reason"] for row in recipients(client, campaign).values()} == {"campaign_completed"}
    service.settled("counted", lambda m: m.total("emails_not_sent_total", reason="campaign_completed") == 3)
