# SPDX-License-Identifier: Apache-2.0
"""Series exist before their first event. If the first event created the series, its first sample would be 1, and increase() would miss that
event. So each process creates its series early: when it starts, when it first sees a key, when a campaign starts, and from the store."""
from support.ports import wait_until

ACTIONS = ("imported", "rejected", "validated", "researched")


def children(service, name, **labels):
    return {tuple(v for k, v in sorted(s.labels.items()) if k not in labels): s.value for s in service.metrics().select(name, **labels)}


def test_totals_exist_from_the_start(service):
    metrics = service.metrics()
    for success in ("true", "false"):
        assert metrics.value("emails_total", success=success) == metrics.value("drafts_total", success=success) == 0
    for action in ACTIONS:
        assert metrics.value("prospects_total", action=action) == 0
    for queue in ("prospect.validate", "prospect.research", "draft.generate", "email.send"):
        assert metrics.select("queue_depth_last_success_timestamp_seconds", queue=queue)


def test_an_organisation_of_the_command_line_is_seen(make_service):
    """Each process has the series that it counts, and no others."""
    api = make_service(ROLE="api")
    worker = make_service(ROLE="worker", DATA_DIR=api.data_dir)
    organisation = api.organisation("made while both run")
    wait_until("the series in the API", lambda: children(api, "prospects_processed_total", organisation_id=organisation.id) == {
        ("imported",): 0, ("rejected",): 0})
    wait_until("the series in the worker", lambda: children(worker, "prospects_processed_total", organisation_id=organisation.id) == {
        ("validated",): 0, ("researched",): 0})
    # Each family has its turn: a scrape may fall between two of them.
    wait_until("those of its drafts", lambda: children(worker, "drafts_generated_total", organisation_id=organisation.id) == {
        ("true",): 0, ("false",): 0})
    wait_until("those of its campaigns", lambda: children(api, "campaigns_processed_total", organisation_id=organisation.id) == {
        ("completed",): 0})
    assert not children(api, "drafts_generated_total", organisation_id=organisation.id)


def test_a_key_seen_for_the_first_time(make_service):
    service = make_service()
    organisation = service.organisation()
    service.client(organisation).get("/api/v1/prospects")
    assert children(service, "prospects_processed_total", organisation_id=organisation.id) == {(action,): 0 for action in ACTIONS}


def test_a_campaign_has_its_series_before_its_emails(make_service):
    api = make_service(ROLE="api")
    organisation = api.organisation()
    client = api.client(organisation)
    made = client.post("/api/v1/campaigns", {"name": "n", "subject_template": "Hi", "body_template": "You"}).json()["id"]
    zeros = {("false",): 0, ("true",): 0}
    running = make_service(ROLE="worker", DATA_DIR=api.data_dir)
    assert not children(running, "emails_sent_total")
    assert client.act(made, "start").status == 200
    wait_until("the series in a running worker", lambda: children(running, "emails_sent_total", organisation_id=organisation.id,
                                                              campaign_id=made) == zeros)
    later = make_service(ROLE="worker", DATA_DIR=api.data_dir)
    assert children(later, "emails_sent_total", organisation_id=organisation.id, campaign_id=made) == zeros
    assert not children(api, "emails_sent_total")


def test_a_start_in_its_own_process(service, organisation, client):
    made = client.post("/api/v1/campaigns", {"name": "n", "subject_template": "Hi", "body_template": "You"}).json()["id"]
    assert client.act(made, "start").status == 200
    assert children(service, "emails_sent_total", campaign_id=made, organisation_id=organisation.id) == {("false",): 0, ("true",): 0}
    assert client.import_csv("email\nada@example.com\n").status == 200
    assert client.act(made, "send").status == 202
    service.settled("counted in both", lambda m: m.value("emails_total", success="true") == 1
                    and m.value("emails_sent_total", organisation_id=organisation.id, campaign_id=made, success="true") == 1)
    assert service.metrics().value("prospects_total", action="imported") == 1
