# SPDX-License-Identifier: Apache-2.0
"""Emails through a real SMTP server: TLS, log-in, classes of refusals, the rate limit."""
import subprocess
import threading
import time

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from support.certificates import make_certificate, server_context
from support.http import csv_rows
from support.ports import free_port, wait_until
from support.service import BINARY

SECONDS = 180
USER, PASSWORD = "prospectflow", "s3cret-of-smtp"


class Sink:
    """`mails`: what the server accepted, as (when, to, user, encrypted, connection). `answers` maps a recipient to the server's answers, in
    order."""

    def __init__(self):
        self.lock, self.mails, self.logins, self.answers = threading.Lock(), [], [], {}

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        with self.lock:
            answer = self.answers[address].pop(0) if self.answers.get(address) else None
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        with self.lock:
            self.mails += [(time.monotonic(), to, session.auth_data, session.ssl is not None, session.peer) for to in envelope.rcpt_tos]
        return "250 2.0.0 taken"

    def log_in(self, server, session, envelope, mechanism, auth_data):
        login = (auth_data.login.decode(), auth_data.password.decode())
        with self.lock:
            self.logins.append(login)
        return AuthResult(success=login == (USER, PASSWORD), handled=False, auth_data=login[0])  # otherwise it does not answer

    def recipients(self):
        with self.lock:
            return sorted(mail[1] for mail in self.mails)


class Server(Controller):
    """aiosmtpd's controller; the test chooses what the server offers."""

    def __init__(self, sink, implicit=None, **options):
        self.options = options
        super().__init__(sink, hostname="127.0.0.1", port=free_port(), ssl_context=implicit, ready_timeout=SECONDS)

    def factory(self):
        return SMTP(self.handler, hostname="mx.test", **self.options)


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def serve(sink):
    made = []

    def serve(**options):
        made.append(Server(sink, **options))
        made[-1].start()
        return made[-1].port
    yield serve
    for server in made:
        server.stop()


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """[certificate file, TLS context of the server]"""
    certificate, key = make_certificate(tmp_path_factory.mktemp("smtp"), "mx")
    return certificate, server_context(certificate, key)


def send(service, n, organisation=None, tag="to"):
    """Start sending n emails. Return the campaign's (client, id)."""
    client = service.client(organisation or service.organisation())
    assert client.import_csv(csv_rows(n, tag=tag)).status == 200
    campaign = client.campaign()
    assert client.act(campaign, "start").status == 200
    assert client.act(campaign, "send").status == 202
    return client, campaign


def all_sent(client, campaign, n):
    wait_until(f"{n} emails sent", lambda: client.stats(campaign)["emails"]["sent"] == n, SECONDS, 0.1)


def test_starttls_and_login(make_service, serve, sink, tls, tmp_path):
    certificate, context = tls
    port = serve(tls_context=context, require_starttls=True, auth_required=True, authenticator=sink.log_in)
    (tmp_path / "password").write_text(PASSWORD + "\n")
    service = make_service(MAIL=f"smtp://127.0.0.1:{port}", SMTP_USER=USER, SMTP_PASSWORD_FILE=tmp_path / "password", SMTP_CA=certificate)
    all_sent(*send(service, 60), 60)
    assert len(set(sink.recipients())) == len(sink.mails) == 60
    assert {mail[2:4] for mail in sink.mails} == {(USER, True)}
    # Connections are reused: there are about as many connections and log-ins as sending threads.
    assert len({mail[4] for mail in sink.mails}) < 20 and len(sink.logins) < 20
    assert PASSWORD not in service.process.log()


def test_tls_from_the_first_byte(make_service, serve, sink, tls):
    certificate, context = tls
    port = serve(implicit=context, auth_required=True, auth_require_tls=False, authenticator=sink.log_in)
    service = make_service(MAIL=f"smtps://127.0.0.1:{port}", SMTP_USER=USER, SMTP_PASSWORD=PASSWORD, SMTP_CA=certificate)
    all_sent(*send(service, 10), 10)
    assert {mail[2] for mail in sink.mails} == {USER}


@pytest.mark.parametrize("what", ("not offered", "not verified", "wrong password"))
def test_nothing_is_sent_to_an_untrusted_server(make_service, serve, sink, tls, what):
    """The emails wait for a server that can be trusted. Nothing is sent to the untrusted one."""
    certificate, context = tls
    options = {} if what == "not offered" else {"tls_context": context}
    if what == "wrong password":
        options |= {"auth_required": True, "authenticator": sink.log_in}
    ca = {} if what == "not verified" else {"SMTP_CA": certificate}
    service = make_service(MAIL=f"smtp://127.0.0.1:{serve(**options)}", SMTP_STARTTLS="required", **ca,
                           **({"SMTP_USER": USER, "SMTP_PASSWORD": "another-secret"} if what == "wrong password" else {}))
    client, campaign = send(service, 5)
    service.settled("an attempt", lambda m: m.total("queue_message_failures_total", queue="email.send", reason="error") > 0)
    assert sink.mails == [] and client.stats(campaign)["emails"]["failed"] == 0
    assert "another-secret" not in service.process.log()


def test_opportunistic_encrypts_where_it_can(make_service, serve, sink, tls):
    service = make_service(MAIL=f"smtp://127.0.0.1:{serve(tls_context=tls[1])}")
    all_sent(*send(service, 3), 3)
    off = make_service(MAIL=f"smtp://127.0.0.1:{serve(tls_context=tls[1])}", SMTP_STARTTLS="off")
    all_sent(*send(off, 3, tag="off"), 3)
    assert {mail[3] for mail in sink.mails if mail[1].startswith("to")} == {True}
    assert {mail[3] for mail in sink.mails if mail[1].startswith("off")} == {False}


def test_refusals_are_counted_by_class_and_subject(make_service, serve, sink):
    sink.answers = {"to.0@example.invalid": ["550 5.1.1 nobody of that name"], "to.1@example.invalid": ["451 4.7.1 greylisted"],
                    "to.2@example.invalid": ["452 no enhanced status"]}
    service = make_service(MAIL=f"smtp://127.0.0.1:{serve()}", MAIL_RETRY_MIN=1)
    client, campaign = send(service, 6)
    wait_until("the rest sent", lambda: client.stats(campaign)["emails"]["sent"] == 5, SECONDS, 0.1)  # those with 4xx at the second attempt
    metrics = service.settled("all counted", lambda m: m.total("email_bounces_total") == 3
                              and m.total("queue_message_failures_total", queue="email.send", reason="dead_lettered") == 1)
    for klass, subject in (("5xx", "address"), ("4xx", "policy"), ("4xx", "unknown")):
        assert metrics.total("email_bounces_total", **{"class": klass, "subject": subject}) == 1
    assert client.stats(campaign)["emails"]["failed"] == 1 and "to.0@example.invalid" not in sink.recipients()


def test_an_organisation_sends_no_faster_than_allowed(make_service, serve, sink):
    service = make_service(MAIL=f"smtp://127.0.0.1:{serve()}", MAIL_RATE_LIMIT=5)
    began = time.monotonic()
    first = send(service, 20, tag="many")
    second = send(service, 5, tag="few")
    all_sent(*first, 20)
    all_sent(*second, 5)
    assert len(set(sink.recipients())) == len(sink.mails) == 25  # no duplicates
    # Five at once, then one per 200 ms: 20 need about three seconds. A slow machine only makes it longer.
    assert max(mail[0] for mail in sink.mails if mail[1].startswith("many")) - began >= 2.9


def test_two_workers_keep_to_one_rate(make_service, postgres_server, rabbitmq_server, serve, sink):
    """The limit is per organisation, for any number of workers. A delayed email is neither lost nor sent twice."""
    shared = {"STORE": postgres_server.database(), "QUEUE": rabbitmq_server.vhost()}
    workers = [make_service(ROLE="worker", MAIL=f"smtp://127.0.0.1:{serve()}", MAIL_RATE_LIMIT=5, **shared) for _ in range(2)]
    api, n = make_service(ROLE="api", **shared), 20
    began = time.monotonic()
    all_sent(*send(api, n), n)
    assert len(set(sink.recipients())) == len(sink.mails) == n
    assert max(mail[0] for mail in sink.mails) - began >= 2.9  # see above; with one bucket per worker it would be one second
    for worker in workers:
        assert worker.metrics().total("queue_message_failures_total") == 0
    wait_until("each counted", lambda: sum(w.metrics().total("emails_sent_total", success="true") for w in workers) == n, SECONDS)


def test_libcurl_is_needed_only_for_sending(make_service, tmp_path):
    (tmp_path / "libcurl.so.4").write_bytes(b"none")
    serves = make_service(LD_LIBRARY_PATH=tmp_path)
    for setting in ({"MAIL": "smtp://127.0.0.1:25"}, {"SENTRY_DSN": "https://0123456789abcdef@127.0.0.1/1"}):
        done = subprocess.run([BINARY], env=serves.env | {"PORT": str(free_port())} | setting, capture_output=True, text=True, check=False,
                              timeout=SECONDS)
        assert done.returncode == 1 and "libcurl cannot be used" in done.stdout and str(tmp_path / "libcurl.so.4") in done.stdout, done
