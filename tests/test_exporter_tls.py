# SPDX-License-Identifier: Apache-2.0
"""promc-exporter with TLS, a token and client certificates: a real Prometheus can scrape it, other clients cannot."""
import os
import shutil
import socket
import ssl
import subprocess

import pytest
from support.certificates import make_certificate
from stack.process import die_with_parent
from support.ports import wait_until
from support.prometheus import Prometheus
from support.service import BUILD

TARGET = BUILD / "lib/promc-exporter/secure-target"
TOKEN = "s3cret"


@pytest.fixture
def certificates(tmp_path):
    return make_certificate(tmp_path, "localhost"), make_certificate(tmp_path, "client")


@pytest.fixture
def target(request):
    """target(certificate, key, client CA, token): start the program and return its port."""
    programs = []

    def start(*arguments):
        program = subprocess.Popen([TARGET, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, preexec_fn=die_with_parent)
        programs.append(program)
        line = program.stdout.readline()
        if not line and "built without TLS" in program.stderr.read():
            pytest.skip("promc-exporter was built without GnuTLS")
        return int(line)

    yield start
    for program in programs:
        program.stdin.close()
        assert program.wait() == 0


def ask(port, context=None, token=TOKEN, requests=1):
    """The complete response over a new connection. Raises if there is none."""
    with socket.create_connection(("127.0.0.1", port)) as plain:
        client = context.wrap_socket(plain, server_hostname="127.0.0.1") if context else plain
        line = f"Authorization: Bearer {token}\r\n" if token else ""
        for left in range(requests, 0, -1):
            close = "Connection: close\r\n" if left == 1 else ""
            client.sendall(f"GET /metrics HTTP/1.1\r\nHost: x\r\n{line}{close}\r\n".encode())
        answer = b""
        while data := client.recv(65536):
            answer += data
        return answer


def context_for(certificates, with_certificate=True):
    (server, _), (client, key) = certificates
    context = ssl.create_default_context(cafile=server)
    if with_certificate:
        context.load_cert_chain(client, key)
    return context


def test_prometheus_scrapes_by_tls_with_token_and_certificate(certificates, target, tmp_path):
    (server, key), (client, client_key) = certificates
    port = target(server, key, client, TOKEN)
    (tmp_path / "token").write_text(TOKEN)
    prometheus = Prometheus(tmp_path / "prometheus", port, job="secure", scheme="https",
                            authorization={"credentials_file": str(tmp_path / "token")},
                            tls_config={"ca_file": str(server), "cert_file": str(client), "key_file": str(client_key)})
    try:
        wait_until("a scrape that got in", lambda: prometheus.target_state()["health"] == "up")
    except AssertionError as error:
        raise AssertionError(f"{error}: {prometheus.target_state()}") from None
    prometheus.close()


def test_valid_token_and_certificate_are_needed(certificates, target):
    (server, key), (client, _) = certificates
    port = target(server, key, client, TOKEN)
    answer = ask(port, context_for(certificates), requests=3)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 3 and b"\nprocess_threads " in answer
    assert ask(port, context_for(certificates), token=None).startswith(b"HTTP/1.1 401 ")
    assert is_refused(port, context_for(certificates, with_certificate=False))
    for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        context = context_for(certificates)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = old
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask(port, context)
    assert b"HTTP/1.1 200" not in plain_answer(port)
    assert ask(port, context_for(certificates)).startswith(b"HTTP/1.1 200 ")  # it still works after the refused attempts


def is_refused(port, context):
    """In TLS 1.3 the client's handshake ends before the server checks its certificate: the client gets an alert, or only the end."""
    try:
        return ask(port, context) == b""
    except (ssl.SSLError, ConnectionError):
        return True


def plain_answer(port):
    try:
        return ask(port)
    except ConnectionError:
        return b""


def test_a_changed_certificate_is_used_for_new_connections(certificates, target, tmp_path):
    """A renewed certificate is used without a restart. If the new files are unusable, the last good pair stays in use."""
    (server, key), _ = certificates
    first = ssl.create_default_context(cafile=str(server))
    port = target(server, key, "", "")
    assert b"HTTP/1.1 200 OK" in ask(port, first, token=None)
    (tmp_path / "new").mkdir()
    new_server, new_key = make_certificate(tmp_path / "new", "localhost")
    second = ssl.create_default_context(cafile=str(new_server))

    def read_again(file, condition):
        """The server checks its files at most once a second, at a new connection. The condition must hold until it has read the file."""
        os.utime(file, ns=(0, file.stat().st_mtime_ns))

        def read():
            assert condition()
            return file.stat().st_atime_ns > 0
        wait_until("the file read", read)

    def served(connection):
        """The answer over a connection that stays open. It is asked again and again, because an idle one is closed after ten seconds."""
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while not answer.endswith(b"0\r\n\r\n"):
            data = connection.recv(65536)
            assert data, answer
            answer += data
        return answer.startswith(b"HTTP/1.1 200 OK")

    def works(context):
        try:
            return b"HTTP/1.1 200 OK" in ask(port, context, token=None)
        except (ssl.SSLError, ConnectionError):
            return False

    assert not works(second)
    with socket.create_connection(("127.0.0.1", port)) as plain, first.wrap_socket(plain, server_hostname="127.0.0.1") as open_before:
        shutil.copy(new_server, server)  # not yet its key
        read_again(server, lambda: served(open_before) and works(first))
        assert not works(second)
        shutil.copy(new_key, key)
        wait_until("the new certificate is used", lambda: served(open_before) and works(second))
        assert not works(first)
        assert served(open_before)
    server.write_text("nonsense")
    read_again(server, lambda: works(second))
    assert works(second)


def test_a_large_answer_by_tls(certificates, target):
    (server, key), _ = certificates
    port = target(server, key, "", "")
    answer = ask(port, ssl.create_default_context(cafile=server), token=None, requests=200)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 200 and answer.endswith(b"0\r\n\r\n")
