# SPDX-License-Identifier: Apache-2.0
"""The listeners with TLS: no clear text, otherwise the same behaviour, and new certificates without a restart."""
import http.client
import json
import signal
import socket
import ssl
import subprocess
import time

import pytest
from support.certificates import make_certificate
from support.http import csv_rows
from support.ports import free_port, wait_until
from support.service import BINARY, clean_environment

SECONDS = 180


def connect(port, certificate):
    context = ssl.create_default_context(cafile=str(certificate))
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=SECONDS, context=context)


def ask(connection, path, method="GET", key=None, body=None, **headers):
    if key:
        headers["Authorization"] = f"Bearer {key}"
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.fixture
def secure(make_service, tmp_path):
    """A service with the certificate tls.pem. It is started here, because the usual wait does not speak TLS."""
    certificate, key = make_certificate(tmp_path)
    service = make_service(started=False, TLS_CERT=tmp_path / "tls.pem", TLS_KEY=tmp_path / "tls.key",
                           METRICS_LISTEN=f"127.0.0.1:{free_port()}")
    service.certificate = tmp_path / "tls.pem"
    show(service, certificate, key)
    service.answers = lambda: answers(service)
    return service.start()


def show(service, certificate, key):
    service.certificate.write_bytes(certificate.read_bytes())
    service.certificate.with_suffix(".key").write_bytes(key.read_bytes())


def answers(service):
    try:
        return ask(connect(service.port, service.certificate), "/health/ready")[0] == 200
    except OSError:
        return False


def test_behaviour_with_tls_is_the_same(secure):
    organisation = secure.organisation()
    connection = connect(secure.port, secure.certificate)
    rows = csv_rows(20000)  # many TLS records
    status, body = ask(connection, "/api/v1/prospects/import", "POST", organisation.key, rows, **{"Content-Type": "text/csv"})
    assert status == 200 and json.loads(body)["imported"] == 20000
    status, body = ask(connection, "/api/v1/prospects?limit=500", key=organisation.key)  # the same connection
    assert status == 200 and len(json.loads(body)["data"]) == 500
    assert ask(connection, "/api/v1/prospects")[0] == 401
    port = int(secure.env["METRICS_LISTEN"].rsplit(":", 1)[1])
    status, text = ask(connect(port, secure.certificate), "/metrics")
    assert status == 200 and b'\nhttp_requests_total{method="POST",route="/api/v1/prospects/import",status_code="200"} 1\n' in text


def expiry(certificate):
    text = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-enddate"], capture_output=True, text=True, check=True).stdout
    return ssl.cert_time_to_seconds(text.strip().removeprefix("notAfter="))


def shown_expiry(service):
    port = int(service.env["METRICS_LISTEN"].rsplit(":", 1)[1])
    _, text = ask(connect(port, service.certificate), "/metrics")
    return float(text.split(b"\ntls_certificate_expiry_timestamp_seconds ")[1].split(b"\n")[0])


def exchange(service, data):
    """Send these bytes and return everything until the connection ends."""
    context = ssl.create_default_context(cafile=str(service.certificate))
    received = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=SECONDS) as plain, \
            context.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=True) as s:
        s.sendall(data)
        while chunk := s.recv(65536):
            received += chunk
    return received


def test_refusals_with_tls_are_the_same(secure):
    cases = [(b"GET /x HTTP/2.0\r\n\r\n", 505), (b"nonsense\r\n\r\n", 400), (b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 7abc\r\n\r\n", 400),
             (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414), (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 10000, 431),
             (b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;\nxx", 404)]
    for data, status in cases:
        received = exchange(secure, data)
        assert received.startswith(b"HTTP/1.1 %d " % status) and received.count(b"\r\n\r\n") == 1, received
        assert set(json.loads(received.partition(b"\r\n\r\n")[2])["error"]) == {"code", "message", "request_id"}
    pipelined = b"".join(b"GET /api/v1/prospects HTTP/1.1\r\nHost: x\r\n\r\n" for _ in range(99))
    received = exchange(secure, pipelined + b"GET /api/v1/prospects HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert received.count(b"HTTP/1.1 401 ") == 100
    port = int(secure.env["METRICS_LISTEN"].rsplit(":", 1)[1])

    def counted():
        text = ask(connect(port, secure.certificate), "/metrics")[1].decode()
        lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith("http_requests_total{")]
        return {code: sum(float(value) for series, _, value in lines if f'status_code="{code}"' in series)
                for code in ("400", "401", "404", "414", "431", "499", "505")}
    expected = {"400": 2, "401": 100, "404": 1, "414": 1, "431": 1, "499": 0, "505": 1}
    wait_until("each counted once, as it was answered", lambda: counted() == expected)


@pytest.mark.parametrize("ciphers, good", [
    ("ECDHE+AESGCM", True), ("ECDHE+CHACHA20", True),
    ("AES128-GCM-SHA256", False),  # no forward secrecy
    ("ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256", False),  # no AEAD
    ("ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA", False),
])
def test_forward_secrecy_and_aead_only(secure, ciphers, good):
    context = ssl.create_default_context(cafile=str(secure.certificate))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers + ":@SECLEVEL=0")
    try:
        with socket.create_connection(("127.0.0.1", secure.port), timeout=SECONDS) as plain, \
                context.wrap_socket(plain, server_hostname="127.0.0.1") as s:
            assert good and s.version() == "TLSv1.2", s.cipher()
    except ssl.SSLError:
        assert not good
    assert answers(secure)  # by TLS 1.3


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_versions_are_refused(secure, version):
    context = ssl.create_default_context(cafile=str(secure.certificate))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = version
    context.maximum_version = version
    with socket.create_connection(("127.0.0.1", secure.port), timeout=SECONDS) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_an_unfinished_handshake_is_cut_off(make_service, tmp_path):
    certificate, key = make_certificate(tmp_path)
    service = make_service(started=False, TLS_CERT=certificate, TLS_KEY=key, REQUEST_TIMEOUT=3, IDLE_TIMEOUT=3600)
    service.certificate = certificate
    service.answers = lambda: answers(service)
    service.start()
    for begun in (b"", b"\x16\x03\x01\x02\x00\x01\x00"):
        with socket.create_connection(("127.0.0.1", service.port), timeout=SECONDS) as s:
            s.sendall(begun)
            assert s.recv(1000) == b""


def test_the_health_command_speaks_tls(secure):
    def asked():
        done = subprocess.run([BINARY, "health"], env=secure.env, capture_output=True, text=True, check=False, timeout=SECONDS)
        return done.returncode == 0 and done
    done = wait_until("an answer within the command's four seconds", asked)
    assert json.loads(done.stdout)["status"] == "ok", done


def test_nothing_is_sent_in_clear_text(secure):
    for port in (secure.port, int(secure.env["METRICS_LISTEN"].rsplit(":", 1)[1])):
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as plain:
            plain.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            try:
                assert not plain.recv(1000).startswith(b"HTTP/")
            except ConnectionError:
                pass
    assert answers(secure)  # TLS clients are still served


def test_aborted_handshakes_leak_nothing(secure):
    for _ in range(100):
        with socket.create_connection(("127.0.0.1", secure.port), timeout=SECONDS) as s:
            s.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
    assert answers(secure)


def test_a_new_certificate_without_a_restart(secure, tmp_path):
    old = connect(secure.port, secure.certificate)
    assert ask(old, "/health/live")[0] == 200
    first = ssl.get_server_certificate(("127.0.0.1", secure.port))
    assert shown_expiry(secure) == expiry(secure.certificate)
    show(secure, *make_certificate(tmp_path, "renewed", days=30))
    secure.process.signal(signal.SIGHUP)
    wait_until("the new certificate shown", lambda: ssl.get_server_certificate(("127.0.0.1", secure.port)) != first, SECONDS)
    assert answers(secure)  # verified with the new certificate
    assert expiry(secure.certificate) > time.time() + 28 * 86400
    wait_until("its expiry", lambda: shown_expiry(secure) == expiry(secure.certificate), SECONDS)
    assert ask(old, "/health/live")[0] == 200  # open connections stay open

    secure.errors_allowed = True
    secure.certificate.write_text("no certificate\n")
    second = ssl.get_server_certificate(("127.0.0.1", secure.port))
    secure.process.signal(signal.SIGHUP)
    wait_until("an error in the log", lambda: any("cannot be used" in line["msg"] for line in secure.log_lines()), SECONDS)
    assert ssl.get_server_certificate(("127.0.0.1", secure.port)) == second


def test_unusable_files_give_one_clear_line(tmp_path):
    certificate, key = make_certificate(tmp_path)
    other = make_certificate(tmp_path, "other")[1]

    def run(**env):
        return subprocess.run([BINARY], env=clean_environment(PORT=free_port(), DATA_DIR=tmp_path / "data", **env),
                              capture_output=True, text=True, check=False, timeout=SECONDS)
    done = run(TLS_CERT=certificate)
    assert done.returncode == 1 and "both or none" in done.stderr
    done = run(TLS_CERT=tmp_path / "nowhere", TLS_KEY=key)
    assert done.returncode == 1 and "TLS_CERT" in done.stderr and "No such file" in done.stderr
    for wrong in ({"TLS_CERT": key, "TLS_KEY": key}, {"TLS_CERT": certificate, "TLS_KEY": other}):
        done = run(**wrong)
        errors = [json.loads(line) for line in done.stdout.splitlines() if '"level":50' in line]
        assert done.returncode == 1 and len(errors) == 1 and errors[0]["component"] == "tls", done
        assert "PRIVATE" not in done.stdout + done.stderr
