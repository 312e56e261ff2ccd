# SPDX-License-Identifier: Apache-2.0
"""A correction of a prospect or template takes effect until its email is handed to the mail transport."""
from support.ports import wait_until


def fates(client, campaign, **wanted):
    return wait_until(f"{wanted}", lambda: (f := {k: n for k, n in client.stats(campaign)["fates"].items() if n}) == wanted and f, interval=0.1)


def bodies(service):
    return sorted(f.read_text() for f in (service.data_dir / "outbox").glob("*.eml"))


def test_a_failed_email_is_sent_after_the_correction(service):
    client = service.client(service.organisation())
    assert client.import_csv("email,first_name\nada@example.com,Ada\nbob@example.com,\n").status == 200
    campaign = client.campaign(subject="Hi {{first_name}}", body="Dear {{first_name}}")
    assert client.act(campaign, "start").status == 200
    assert client.act(campaign, "send").json()["enqueued"] == 2
    fates(client, campaign, accepted=1, skipped=1)
    assert client.act(campaign, "send").json()["enqueued"] == 0, "an email was sent again without a correction"
    assert client.import_csv("email,first_name\nbob@example.com,Bob\n").status == 200
    assert client.act(campaign, "send").json()["enqueued"] == 1
    fates(client, campaign, accepted=2)
    assert sorted(name for text in bodies(service) for name in ("Dear Ada", "Dear Bob") if name in text) == ["Dear Ada", "Dear Bob"]
    assert client.act(campaign, "send").json()["enqueued"] == 0, "an email was sent twice"


def test_an_outdated_draft_is_rendered_again_until_it_is_sent(service):
    """After a change of the prospect or of the template. A sent draft does not change any more."""
    client = service.client(service.organisation())
    assert client.import_csv("email,first_name\nada@example.com,Adda\ncy@example.com,Cy\n").status == 200
    campaign = client.campaign(subject="Hi {{first_name}}", body="Deer {{first_name}}")
    assert client.act(campaign, "drafts").json()["enqueued"] == 2

    def drafts():
        rows = client.get(f"/api/v1/campaigns/{campaign}/drafts").json()["data"]
        return sorted((row["subject"], row["body"]) for row in rows)
    wait_until("drafts", lambda: drafts() == [("Hi Adda", "Deer Adda"), ("Hi Cy", "Deer Cy")])
    assert client.act(campaign, "drafts").json()["enqueued"] == 0
    assert client.import_csv("email,first_name\nada@example.com,Ada\n").status == 200
    assert client.act(campaign, "drafts").json()["enqueued"] == 1
    wait_until("the prospect's", lambda: drafts() == [("Hi Ada", "Deer Ada"), ("Hi Cy", "Deer Cy")])
    changed = client.request("PATCH", f"/api/v1/campaigns/{campaign}", '{"body_template": "Dear {{first_name}}"}', {"Content-Type": "application/json"})
    assert changed.status == 200 and changed.json()["body_template"] == "Dear {{first_name}}"
    assert client.act(campaign, "start").status == 200
    assert client.act(campaign, "send").json()["enqueued"] == 2
    fates(client, campaign, accepted=2)
    assert drafts() == [("Hi Ada", "Dear Ada"), ("Hi Cy", "Dear Cy")], "the draft is what was sent"
    assert client.import_csv("email,first_name\nada@example.com,Adele\n").status == 200
    assert client.act(campaign, "drafts").json()["enqueued"] == client.act(campaign, "send").json()["enqueued"] == 0
