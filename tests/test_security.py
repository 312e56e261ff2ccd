# SPDX-License-Identifier: Apache-2.0
"""API keys are created and revoked. Secrets are never stored or logged."""
import json
import re
import subprocess

import pytest
from aiosmtpd.controller import Controller
from support.http import csv_rows, raw_exchange
from support.ports import free_port, wait_until
from support.service import BINARY, Organisation, clean_environment

ADDRESS = re.compile(r"[\w.+-]+(@|%40)[\w-]+\.[\w.-]+")


def command(service, *words):
    """Run a command of the service's installation. Return [status, printed objects, error output]."""
    done = subprocess.run([BINARY, *words], env=service.env, cwd=service.directory, capture_output=True, text=True, timeout=180)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_keys_are_rotated_without_a_gap(service):
    first = service.organisation()
    status, [made], _ = command(service, "key", "create", first.id)
    assert status == 0 and made["organisation_id"] == first.id and made["api_key"] != first.key
    old, new = service.client(first), service.client(Organisation(first.id, made["api_key"]))
    assert old.get("/api/v1/prospects").status == 200
    assert new.get("/api/v1/prospects").status == 200

    status, keys, _ = command(service, "key", "list", first.id)
    assert status == 0 and len(keys) == 2 and [key["revoked_at"] for key in keys] == [None, None]
    assert keys[1]["key_id"] == made["key_id"]
    assert old.get("/api/v1/prospects").status == 200  # now every loop may have the key in its cache
    status, [revoked], _ = command(service, "key", "revoke", first.id, keys[0]["key_id"])
    assert status == 0 and revoked["revoked"] is True
    # The key is refused everywhere: on the open connection and on new ones, which may reach other loops.
    assert old.get("/api/v1/prospects").status == 401
    assert all(service.client(first).get("/api/v1/prospects").status == 401 for _ in range(16))
    assert new.get("/api/v1/prospects").status == 200
    status, keys, _ = command(service, "key", "list", first.id)
    assert [key["revoked_at"] is None for key in keys] == [False, True]


def test_key_commands_report_errors(service):
    mine, other = service.organisation("mine"), service.organisation("other")
    _, [key], _ = command(service, "key", "list", mine.id)
    for words, status, said in (
            (("key",), 2, "usage:"), (("key", "lose", mine.id), 2, "usage:"), (("key", "revoke", mine.id), 2, "usage:"),
            (("key", "list", "me"), 1, "not a UUID"), (("key", "create", "01890a5d-ac96-774b-bcce-b302099a8057"), 1, "no such organisation"),
            (("key", "revoke", other.id, key["key_id"]), 1, "no such organisation or key"), (("key", "revoke", mine.id, "abc"), 1, "12 hexadecimal")):
        got, printed, complaint = command(service, *words)
        assert (got, printed) == (status, []) and said in complaint, (words, got, printed, complaint)
    assert service.client(mine).get("/api/v1/prospects").status == 200


def test_a_command_may_be_the_first_to_use_the_store(make_service):
    service = make_service(started=False)
    service.data_dir.rmdir()
    organisation = service.organisation()
    service.start()
    assert service.client(organisation).get("/api/v1/prospects").status == 200


class RefusesOne:
    """A mail server that repeats the address in its answers."""
    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        if address.startswith("to.0@"):
            return f"550 5.1.1 <{address}> is nobody"
        if address.startswith("to.1@"):
            return f"450 4.2.1 <{address}> is busy"
        envelope.rcpt_tos.append(address)
        return "250 ok"


@pytest.fixture
def smtp():
    server = Controller(RefusesOne(), hostname="127.0.0.1", port=free_port(), ready_timeout=180)
    server.start()
    yield server
    server.stop()


def test_no_secret_and_no_address_is_logged(make_service, smtp, tmp_path):
    """With the full log level and many faults, neither the log nor /metrics contains an address or a secret."""
    secrets = {"token": "token-of-the-metrics-1", "sentry": "0123456789abcdef0123456789abcdef"}
    for name, value in secrets.items():
        (tmp_path / name).write_text(value if name != "sentry" else f"http://{value}@127.0.0.1:1/1")
    service = make_service(LOG_LEVEL="trace", METRICS_TOKEN_FILE=tmp_path / "token", SENTRY_DSN_FILE=tmp_path / "sentry",
                           MAIL=f"smtp://ignored:secret-of-the-url@127.0.0.1:{smtp.port}", MAIL_RETRY_MIN=1, MAIL_RETRY_FOR=1, RATE_LIMIT=1000)
    service.errors_allowed = True
    organisation = service.organisation()
    _, [made], _ = command(service, "key", "create", organisation.id)
    client = service.client(organisation)

    answer = client.import_csv(csv_rows(5, tag="to") + "not an address@,x,y,z\r\nno.mail@nowhere,a,b,c\r\n\"broken@example.invalid,a\r\n")
    assert answer.status in (200, 400, 422)
    assert client.import_csv(csv_rows(5, tag="to")).status == 200
    for path in ("/api/v1/prospects?email=somebody@example.invalid", "/api/v1/prospects/somebody@example.invalid",
                 "/somebody@example.invalid?key=" + organisation.key, "/api/v1/prospects?cursor=somebody%40example.invalid"):
        client.request("GET", path)
    client.request("GET", "/api/v1/prospects", headers={"X-Request-Id": "somebody@example.invalid"})
    client.request("GET", "/api/v1/prospects", headers={"Authorization": "Bearer unknown-key-of-somebody"})
    client.request("POST", "/api/v1/prospects", '{"email": "one@example.invalid", "first_name": 7}', {"Content-Type": "application/json"})
    raw_exchange(service.port, b"GET /somebody@example.invalid HTTP/1.1\r\nHost : x\r\nAuthorization: Bearer unknown-key-of-somebody\r\n\r\n")
    campaign = client.campaign()
    assert client.act(campaign, "start").status == 200
    assert client.act(campaign, "send").status == 202
    wait_until("emails sent, refused and given up", lambda: (e := client.stats(campaign)["emails"])["failed"] >= 2 and e["sent"] >= 3, 180)

    assert service.client().get("/metrics").status == 401
    exposed = service.client().get("/metrics", headers={"Authorization": f"Bearer {secrets['token']}"})
    assert exposed.status == 200
    service.stop()
    everything = {"log": service.process.log(), "metrics": exposed.body.decode()}
    known = [*secrets.values(), organisation.key, made["api_key"], "secret-of-the-url", "unknown-key-of-somebody"]
    for where, text in everything.items():
        assert len(text) > 1000
        assert [secret for secret in known if secret in text] == [], where
        found = ADDRESS.search(text)
        assert not found, (where, text[max(0, found.start() - 200):found.end() + 50])


@pytest.mark.parametrize("env", ({"STORE": "postgres://somebody:s3cret-word@127.0.0.1:1/db"}, {"QUEUE": "amqp://somebody:s3cret-word@127.0.0.1:1/"},
                                 {"MAIL": "smtp:/somebody:s3cret-word@127.0.0.1"}, {"SENTRY_DSN": "https://s3cret-word@host"}))
def test_a_failed_start_shows_no_secrets(tmp_path, env):
    process = subprocess.Popen([BINARY], env=clean_environment(PORT=free_port(), DATA_DIR=tmp_path, STORE_TIMEOUT_MS=300, **env),
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        printed = process.communicate(timeout=5 if "QUEUE" in env else 180)[0]  # it keeps waiting for a missing broker
    except subprocess.TimeoutExpired:
        process.terminate()
        printed = process.communicate(timeout=180)[0]
    assert "s3cret-word" not in printed and (printed or "QUEUE" in env)


def test_a_rate_limited_organisation_gets_retry_after(make_service):
    service = make_service(RATE_LIMIT=1)
    one, other = (service.client(service.organisation(name)) for name in ("one", "other"))
    refused = wait_until("a refusal", lambda: (a := one.get("/api/v1/prospects")).status == 429 and a, 180, 0)
    assert int(refused.headers["retry-after"]) >= 1 and refused.json()["error"]["code"]
    assert other.get("/api/v1/prospects").status == 200  # other organisations are not limited
