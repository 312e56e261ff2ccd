# SPDX-License-Identifier: Apache-2.0
"""The counts of a killed service are not lost: METRICS_ARENA keeps the registry in a file."""
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
    # The next life starts from zero, as a counter's does, in the same file.
    service.start()
    assert service.metrics().total("http_requests_total", **counted) == 0
    assert service.client(organisation).get("/api/v1/campaigns").status == 200
    service.settled("counted", lambda m: m.total("http_requests_total", **counted) == 1)
    assert dumped(arena).total("http_requests_total", **counted) == 1
