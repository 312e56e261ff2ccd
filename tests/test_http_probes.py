# SPDX-License-Identifier: Apache-2.0
"""The cases of docs/service/http-scorecard.md: valid and invalid HTTP/1.1 requests to our front, and the plain ones to other servers."""
import json

import pytest
from support.http_peers import PEERS, ours
from support.ports import PATIENCE
from support.probes import CASES, is_good, outcome

IDS = [case["id"] for case in CASES]


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    with ours() as server:
        yield server


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_front(target, case):
    """The outcome is one that the case allows. A refused request gets one answer, in the documented form."""
    word, answers = outcome(target, case, PATIENCE)
    assert is_good(case, word), (word, case["why"])
    assert word != "close", "closed without an answer"
    for status, head, body in answers:
        assert b"\r\nDate: " in head and b"\r\nX-Request-Id: " in head
        if status >= 400:
            error = json.loads(body)["error"]
            assert set(error) == {"code", "message", "request_id"} and f"X-Request-Id: {error['request_id']}\r\n".encode() in head
    if word in ("400", "4xx"):
        assert b"\r\nConnection: close\r\n" in answers[-1][1]


def test_case_ids_are_unique():
    assert len(set(IDS)) == len(IDS) > 120
    assert {case["level"] for case in CASES} == {"MUST", "SHOULD", "MAY"}


@pytest.mark.parametrize("peer", PEERS)
def test_the_method_is_fair(peer):
    """Every peer passes the plain cases, so a failure in other cases is not caused by the way we test."""
    with PEERS[peer]() as server:
        if server is None:
            pytest.skip(f"{peer} is not installed")
        for case in CASES:
            if case["id"] in ("get", "keep-alive", "content-length", "chunked", "connection-close", "head-has-no-body"):
                word, _ = outcome(server, case, PATIENCE)
                assert is_good(case, word), (case["id"], word)
