# SPDX-License-Identifier: Apache-2.0
"""Queues serve organisations in turn: two jobs of one do not wait for thousands of another. The tests assert the order recorded by the
store and the mail server, never a duration."""
import threading

import pytest
from support.ports import PATIENCE, wait_until


def campaign(service, organisation, people):
    """An active campaign with `people` prospects. Nothing is sent yet."""
    client = service.client(organisation)
    who = organisation.id[-6:]
    answer = client.import_csv("email\n" + "".join(f"{who}.{i}@example.com\n" for i in range(people)))
    assert answer.status == 200, answer
    made = client.post("/api/v1/campaigns", {"name": who, "subject_template": "Hello", "body_template": "To {{email}}"}).json()
    assert client.act(made["id"], "start").status == 200
    return client, made["id"]


@pytest.mark.parametrize("mode", ["take", "slow"])
def test_two_emails_do_not_wait_for_hundreds(make_service, relay, mode):
    """`slow` takes a second for each email. A worker or broker that held many emails in advance would cause a long wait."""
    service = make_service(MAIL=relay.url, LOG_LEVEL="info")
    many, few = service.organisation("many"), service.organisation("few")
    crowd, crowd_campaign = campaign(service, many, 3000)
    two, two_campaign = campaign(service, few, 2)
    relay.mode = mode
    asked = threading.Event()
    begun = 100 if mode == "take" else 3
    relay.on_message = lambda _receiver: len(relay.taken) < begun or asked.wait(PATIENCE)  # the relay waits until we have asked for the two emails
    assert crowd.act(crowd_campaign, "send").status == 202
    wait_until("the first emails of the crowd are sent", lambda: len(relay.taken) >= begun)
    assert two.act(two_campaign, "send").status == 202
    before = len(relay.taken)
    asked.set()
    wait_until("both of the few are sent", lambda: two.stats(two_campaign)["emails"]["sent"] == 2)
    relay.mode = "take"
    order = list(relay.taken)  # each was sent once
    last = max(order.index(f"{few.id[-6:]}.{i}@example.com") for i in range(2))
    between = last - before
    print(f"{between} emails between")
    assert between < (1500 if mode == "take" else 25), between
    assert last < 3000, "the crowd had emails left"
