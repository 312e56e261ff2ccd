# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes the service: all metrics arrive, without warnings."""
import json
import re
import time

import pytest
from support.http import csv_rows
from support.load import Load
from support.ports import wait_until
from support.service import ROOT

pytestmark = pytest.mark.usefixtures("generation")


def up(prometheus):
    state = prometheus.target_state()
    return state["health"] == "up" and not state["lastError"]


def test_every_family_arrives(service, organisation, client, make_prometheus):
    client.import_csv(csv_rows(20))
    campaign = client.campaign()
    for verb in ("start", "send"):
        client.act(campaign, verb)
    service.settled("emails sent", lambda m: m.total("emails_sent_total", success="true") == 20)
    prometheus = make_prometheus(service)
    wait_until("the target up", lambda: up(prometheus))
    exposed = service.metrics().names()
    known = wait_until("all names in Prometheus",
                       lambda: (k := set(prometheus.api("label/__name__/values"))) >= exposed and k)
    assert exposed <= known
    wait_until("all emails in Prometheus", lambda: prometheus.query('sum(emails_sent_total{success="true"})') == 20)
    kinds = {name: entry[0]["type"] for name, entry in prometheus.api("metadata").items()}
    assert kinds["http_request_duration_seconds"] == "histogram"
    assert kinds["queue_depth"] == "gauge"
    assert kinds.get("http_requests_total", kinds.get("http_requests")) == "counter"


def test_rows_of_a_file_equal_the_sum_in_prometheus(service, client, make_prometheus):
    prometheus = make_prometheus(service)
    rows = 5000
    bad = 137
    file = csv_rows(rows - bad) + "not-an-address,A,B,C\r\n" * bad
    answer = client.import_csv(file).json()
    assert answer["imported"] + answer["updated"] + answer["rejected"] == rows
    prometheus.shows('sum(prospects_processed_total{action=~"imported|rejected"})', rows)
    prometheus.shows('sum(prospects_processed_total{action="rejected"})', bad)


def test_every_scrape_under_load_succeeds(service, organisation, make_prometheus):
    prometheus = make_prometheus(service, interval="5s")  # a scrape may take this long
    load = Load(service, organisation,
                lambda c, n: c.get("/api/v1/prospects", limit=3).status if n % 5 else c.import_csv(csv_rows(3, start=3 * n)).status)
    wait_until("some scrapes", lambda: (prometheus.query("count_over_time(up[10m])") or 0) >= 3)
    load.stop()
    assert not load.failures and set(load.statuses) == {200}
    prometheus.shows("sum(http_requests_total)", load.answers)
    prometheus.shows("sum(http_request_duration_seconds_count)", load.answers)
    assert prometheus.query("min_over_time(up[10m])") == 1


def test_the_boards_show_names_of_organisations(service, make_prometheus):
    names = {service.organisation(name).id: name for name in ('Köhler & "Söhne"', "Twice", "Twice")}
    prometheus = make_prometheus(service)
    board = json.loads((ROOT / "infra/grafana/dashboards/organisation.json").read_text())
    variable = next(one for one in board["templating"]["list"] if one["name"] == "organisation_id")
    expr = re.sub(r"\$\w+", ".+", re.fullmatch(r"query_result\((.*)\)", variable["query"]["query"])[1])

    def offered(expr):
        return {one["metric"]["organisation_id"]: one["metric"]["name"] for one in prometheus.api("query", query=expr)["result"]}
    wait_until("the names in Prometheus", lambda: offered(expr) == names)
    wait_until("an organisation without a name shown by its id",
               lambda: offered(expr.replace("organisation_info", "nobody_says")) == {id: id for id in names})


# Prometheus requests OpenMetrics without native histograms, and protobuf with them.
@pytest.mark.parametrize("features", [("exemplar-storage",), ("exemplar-storage", "native-histograms")], ids=["openmetrics", "protobuf"])
def test_exemplars_carry_the_request_id(service, client, make_prometheus, features):
    prometheus = make_prometheus(service, wanted=features)
    wanted = "exemplar-test-1"

    def arrived():
        assert client.get("/api/v1/prospects", headers={"X-Request-Id": wanted}).headers["x-request-id"] == wanted
        now = time.time()
        found = prometheus.api("query_exemplars", query="http_request_duration_seconds_bucket", start=now - 3600, end=now + 60)
        return [e for series in found for e in series["exemplars"] if e["labels"] == {"request_id": wanted}]
    exemplar, *_ = wait_until("an exemplar in Prometheus", arrived, interval=0.2)
    assert 0 < float(exemplar["value"]) < 3600
