# SPDX-License-Identifier: Apache-2.0
"""SIGTERM: no new work is accepted, running work is finished and committed, the exit status is 0."""
import signal
import threading
import time

from support.faults import Watch, dumped, record
from support.http import Client, csv_rows, raw_connection
from support.ports import PATIENCE, is_listening, wait_until


def test_sigterm_under_load_finishes_running_requests(make_service, tmp_path):
    arena = tmp_path / "arena"
    service = make_service(METRICS_ARENA=arena)
    organisation = service.organisation()
    acknowledged, answered, cut, stop, lock = set(), [], [], threading.Event(), threading.Lock()

    def importer(worker):
        client = Client(service.port, organisation.key)
        number = 0
        while not stop.is_set():
            tag = f"w{worker}n{number}"
            number += 1
            try:
                answer = client.import_csv(csv_rows(20, tag=tag))
            except ConnectionRefusedError:
                return
            except Exception as error:  # noqa: BLE001 - a kept-alive connection may be closed between two requests
                cut.append(repr(error))
                continue
            assert answer.status in (200, 503), answer
            if answer.status == 200:
                with lock:
                    answered.append(tag)
                    acknowledged.update(f"{tag}.{i}@example.invalid" for i in range(20))

    threads = [threading.Thread(target=importer, args=(w,), daemon=True) for w in range(6)]
    with Watch(service) as watch:
        for thread in threads:
            thread.start()
        wait_until("some rows acknowledged", lambda: len(acknowledged) > 1000)
        watch.ending = True
        service.stop()
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)
    # The final counts equal the answers that the clients got.
    last = dumped(arena)
    assert 0 <= last.total("http_requests_total", route="/api/v1/prospects/import", status_code="200") - len(answered) <= len(cut)
    assert last.total("http_requests_in_flight") == 0
    begun = time.monotonic()
    service.start()
    client = service.client(organisation)
    assert client.import_csv(csv_rows(20, tag="after")).status == 200
    resumed = time.monotonic() - begun
    lost = len(acknowledged - {p["email"] for p in client.prospects()})
    assert lost == 0
    # Each client is cut at most once, between requests: every request that was read was answered.
    assert len(cut) <= len(threads), cut
    record("SIGTERM under load", len(acknowledged), lost, 0, resumed, watch.peak, f"from its start; until it had ended {watch.word}")


def test_a_request_in_progress_is_answered(service, organisation):
    body = csv_rows(2000).encode()
    s = raw_connection(service.port)
    s.sendall((f"POST /api/v1/prospects/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {organisation.key}\r\n"
               f"Content-Type: text/csv\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body[:-100])
    wait_until("the request in flight", lambda: service.metrics().total("http_requests_in_flight") == 1)
    service.process.signal(signal.SIGTERM)
    wait_until("no longer listening", lambda: not is_listening(service.port))
    s.sendall(body[-100:])
    answer = b""
    while chunk := s.recv(65536):
        answer += chunk
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:200]
    assert b"connection: close" in answer.lower()
    assert service.process.wait() == 0


def test_an_idle_connection_does_not_delay_the_shutdown(make_service):
    service = make_service(IDLE_TIMEOUT=3600, SHUTDOWN_TIMEOUT=3600)
    s = raw_connection(service.port)
    service.stop()
    s.close()


def test_sigint_acts_like_sigterm(service):
    service.process.signal(signal.SIGINT)
    assert service.process.wait() == 0
