# SPDX-License-Identifier: Apache-2.0
"""A mail server that is down, hangs, is slow, refuses or disconnects; a worker that is killed between sending and ack."""
import threading
import time

import pytest
from support.faults import PATIENCE, Watch, record
from support.http import csv_rows
from support.ports import wait_until


class Campaign:
    """An API and a worker on the same store, and a campaign to n people."""

    def __init__(self, make_service, relay, n, **settings):
        self.n = n
        self.api = make_service(ROLE="api", **settings)
        shared = {name: self.api.env[name] for name in ("STORE", "QUEUE", "DATA_DIR") if name in self.api.env}
        self.worker = make_service(ROLE="worker", MAIL=relay.url, MAIL_RETRY_MIN=1, **shared, **settings)
        self.organisation = self.api.organisation()
        self.client = self.api.client(self.organisation)
        assert self.client.import_csv(csv_rows(n)).status == 200
        self.id = self.client.campaign()
        assert self.client.act(self.id, "start").status == 200

    def send(self):
        assert self.client.act(self.id, "send").status == 202

    def emails(self):
        stats = self.client.stats(self.id)
        return stats["emails"] | {"in_doubt": stats["fates"]["in_doubt"]}

    def finished(self):
        wait_until("every email sent, failed or in doubt", lambda: (e := self.emails())["sent"] + e["failed"] + e["in_doubt"] == self.n,
                   PATIENCE, 0.1)
        return self.emails()


NAMES = {"gone": "SMTP server gone", "hang": "SMTP server hangs", "busy": "SMTP server answers 421", "later": "SMTP server answers 451",
         "slow": "SMTP server answers after a second"}


@pytest.mark.parametrize("how", NAMES)
def test_a_mail_server_in_trouble(make_service, relay, how):
    """No email is lost, given up or sent twice, and all are sent once the server is healthy again."""
    campaign = Campaign(make_service, relay, 40)
    if how == "gone":
        relay.stop()
    else:
        relay.mode = how
    with Watch(campaign.api) as watch, Watch(campaign.worker):
        campaign.send()
        failures = "queue_message_failures_total"
        if how == "hang":
            wait_until("a worker waits for the relay", lambda: relay.connections(), PATIENCE)
            campaign.worker.settled("the queue seen", lambda m: m.total("queue_depth", queue="email.send") == campaign.n, PATIENCE)
        elif how == "slow":
            wait_until("one sent", lambda: relay.times, PATIENCE)
        else:
            campaign.worker.settled("failures counted", lambda m: m.total(failures, queue="email.send", reason="error") > 0, PATIENCE)
        ended = time.monotonic()
        if how == "gone":
            relay.start()
        relay.mode = "take"
        if how == "hang":
            relay.cut()
        resumed = None if how == "slow" else wait_until("emails again", lambda: relay.first_after(ended), PATIENCE) - ended
        emails = campaign.finished()
    metrics = campaign.worker.settled("counted", lambda m: m.total("emails_sent_total", success="true") == campaign.n, PATIENCE)
    assert (emails["sent"], emails["failed"]) == (campaign.n, 0)
    assert len(relay.taken) == campaign.n and relay.twice() == 0
    assert metrics.total(failures, reason="dead_lettered") == 0
    if how == "slow":
        assert metrics.total("queue_processing_duration_seconds_sum", queue="email.send") > 1
    elif how != "hang":
        assert metrics.total("queue_message_retries_total", queue="email.send") > 0
    record(NAMES[how], campaign.n, campaign.n - len(relay.taken), relay.twice(), resumed, watch.peak,
           f"emails; {watch.word}")


def test_a_mail_server_that_refuses_for_good(make_service, relay):
    """550 to every receiver: each email is recorded as failed and not retried, and the next campaign is sent."""
    campaign = Campaign(make_service, relay, 40)
    relay.on_command = lambda verb, _: "550 5.1.0 no thanks" if verb == "RCPT" else None  # 5.1.1 would suppress the addresses
    with Watch(campaign.api) as watch, Watch(campaign.worker):
        campaign.send()
        emails = campaign.finished()
        campaign.worker.settled("counted", lambda m: m.total("email_bounces_total", **{"class": "5xx", "subject": "address"})
                                == m.total("emails_bounced_total", organisation_id=campaign.organisation.id, **{"class": "5xx"})
                                == m.total("queue_message_failures_total", queue="email.send", reason="dead_lettered")
                                == m.total("emails_sent_total", success="false") == campaign.n, PATIENCE)
        assert (emails["sent"], emails["failed"], len(relay.taken)) == (0, campaign.n, 0)
        relay.on_command = None
        again = campaign.client.campaign()
        assert campaign.client.act(again, "start").status == 200
        ended = time.monotonic()
        assert campaign.client.act(again, "send").status == 202
        resumed = wait_until("emails again", lambda: relay.first_after(ended), PATIENCE) - ended
        wait_until("all sent", lambda: campaign.client.stats(again)["emails"]["sent"] == campaign.n, PATIENCE, 0.1)
    assert len(relay.taken) == campaign.n and relay.twice() == 0
    record("SMTP server refuses (550)", 2 * campaign.n, 0, relay.twice(), resumed, watch.peak,
           f"emails: {campaign.n} recorded as failed and dead-lettered, the next campaign's {campaign.n} sent; {watch.word}")


def test_a_connection_that_breaks_before_the_answer(make_service, relay):
    """Nobody can know whether the server accepted these messages: they are recorded as in doubt and not sent again."""
    campaign = Campaign(make_service, relay, 20)
    relay.mode = "drop"
    with Watch(campaign.api) as watch, Watch(campaign.worker):
        campaign.send()
        emails = campaign.finished()
    assert emails["in_doubt"] == campaign.n and relay.twice() == 0
    metrics = campaign.worker.settled("counted", lambda m: m.total("queue_message_failures_total", queue="email.send", reason="dead_lettered")
                                      == m.total("email_fates_total", fate="in_doubt") == m.total("emails_in_doubt") == campaign.n, PATIENCE)
    assert metrics.total("emails_sent_total") == 0, "an email in doubt was counted as final"
    record("SMTP connection cut before the verdict", campaign.n, 0, relay.twice(), None, watch.peak,
           "emails, every one recorded as in doubt and dead-lettered")


class Hold:
    """From the n-th message on, the server answers none until `released` is set."""

    def __init__(self, relay, n):
        self.relay, self.n = relay, n
        self.reached, self.released = threading.Event(), threading.Event()
        relay.on_message = self

    def __call__(self, _receiver):
        if len(self.relay.taken) >= self.n:
            self.reached.set()
            self.released.wait(PATIENCE)


def test_a_worker_killed_between_send_and_ack(make_service, relay):
    campaign = Campaign(make_service, relay, 200)
    api, worker = campaign.api, campaign.worker
    with Watch(api) as watch:
        hold = Hold(relay, 20)
        campaign.send()
        for n in (100, campaign.n + 1):
            assert hold.reached.wait(PATIENCE)
            worker.kill()  # the server has accepted a message, but the worker never gets the answer
            hold.released.set()
            hold = Hold(relay, n)
            begun = time.monotonic()
            worker.start()
            resumed = wait_until("emails again", lambda: relay.first_after(begun), PATIENCE) - begun
        emails = campaign.finished()
    # After its last start, the worker finds and counts what the previous process left.
    worker.settled("counted", lambda m: m.total("queue_message_failures_total", queue="email.send", reason="dead_lettered")
                   == m.total("email_fates_total", fate="in_doubt") >= 1, PATIENCE)
    assert relay.twice() == 0
    # At most two emails (two threads) per kill are in doubt. The server accepted all others, and they are recorded as sent.
    assert 1 <= emails["in_doubt"] <= 4 and emails["sent"] <= len(relay.taken)
    lost = campaign.n - emails["sent"] - emails["in_doubt"]
    assert lost == 0
    record("worker killed between send and ack, twice", campaign.n, lost, relay.twice(), resumed, watch.peak,
           f"emails: {emails['sent']} sent, {emails['in_doubt']} in doubt and dead-lettered; from its start to the next message")


def test_a_worker_killed_at_the_last_attempt(make_service, relay):
    """The job becomes a dead letter without another attempt, and an operator sees that its email is in doubt."""
    campaign = Campaign(make_service, relay, 1, JOB_ATTEMPTS=1)
    hold = Hold(relay, 1)
    campaign.send()
    assert hold.reached.wait(PATIENCE)
    campaign.worker.kill()
    hold.released.set()
    campaign.worker.start()
    assert campaign.finished()["in_doubt"] == 1
    campaign.worker.settled("counted", lambda m: m.total("queue_message_failures_total", queue="email.send", reason="dead_lettered")
                            == m.total("email_fates_total", fate="in_doubt") == m.total("emails_in_doubt") == 1, PATIENCE)
    assert sum(relay.taken.values()) == 1


def test_a_worker_stopped_while_it_sends(make_service, relay):
    """SIGTERM: emails being sent are finished and recorded, the rest are requeued. None is in doubt."""
    campaign = Campaign(make_service, relay, 300)
    relay.on_message = lambda _receiver: time.sleep(0.005)
    resumed = None
    with Watch(campaign.api) as watch:
        campaign.send()
        for part in (20, 100):
            wait_until("some sent", lambda part=part: len(relay.taken) >= part, PATIENCE)
            campaign.worker.stop(PATIENCE)
            begun = time.monotonic()
            left = campaign.n - len(relay.taken)
            campaign.worker.start()
            if left:  # on a slow machine the worker may have finished all before the stop
                resumed = wait_until("emails again", lambda: relay.first_after(begun), PATIENCE) - begun
        emails = campaign.finished()
    assert (emails["sent"], emails["failed"]) == (campaign.n, 0)
    assert len(relay.taken) == campaign.n and relay.twice() == 0
    record("SIGTERM to a worker that sends, twice", campaign.n, 0, relay.twice(), resumed, watch.peak,
           "emails; from its start to the next message")
