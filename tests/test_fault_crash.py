# SPDX-License-Identifier: Apache-2.0
"""The last counts of a killed service can be read: METRICS_ARENA keeps the registry in a file."""
from support.faults import dumped


def test_the_last_values_of_a_killed_service(make_service, tmp_path):
    arena, n = tmp_path / "arena", 50
    service = make_service(METRICS_ARENA=arena)
    organisation = service.organisation()
    client = service.client(organisation)
    for _ in range(n):
        assert client.get("/api/v1/campaigns").status == 200
    counted = {"route": "/api/v1/campaigns", "method": "GET", "status_code": "200"}
    service.settled("all counted", lambda m: m.total("http_requests_total", **counted) == n)
    service.kill()
    assert dumped(arena).total("http_requests_total", **counted) == n
    # After a restart, the counters start from zero in the same file.
    service.start()
    assert service.metrics().total("http_requests_total", **counted) == 0
    assert service.client(organisation).get("/api/v1/campaigns").status == 200
    service.settled("counted", lambda m: m.total("http_requests_total", **counted) == 1)
    assert dumped(arena).total("http_requests_total", **counted) == 1
