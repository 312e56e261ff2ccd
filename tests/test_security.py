# SPDX-License-Identifier: Apache-2.0
"""Keys that come and go, and what must never be written down."""
import json
import subprocess

from support.service import BINARY, Organisation


def command(service, *words):
    """A command of the same installation as the service's: [status, the objects it printed, what it complained about]."""
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
    assert old.get("/api/v1/prospects").status == 200  # every loop may remember it now
    status, [revoked], _ = command(service, "key", "revoke", first.id, keys[0]["key_id"])
    assert status == 0 and revoked["revoked"] is True
    # It is over everywhere, also on the connection that was open and on those that reach other loops.
    assert old.get("/api/v1/prospects").status == 401
    assert all(service.client(first).get("/api/v1/prospects").status == 401 for _ in range(16))
    assert new.get("/api/v1/prospects").status == 200
    status, keys, _ = command(service, "key", "list", first.id)
    assert [key["revoked_at"] is None for key in keys] == [False, True]


def test_key_commands_say_what_is_wrong(service):
    mine, other = service.organisation("mine"), service.organisation("other")
    _, [key], _ = command(service, "key", "list", mine.id)
    for words, status, said in (
            (("key",), 2, "usage:"), (("key", "lose", mine.id), 2, "usage:"), (("key", "revoke", mine.id), 2, "usage:"),
            (("key", "list", "me"), 1, "no UUID"), (("key", "create", "01890a5d-ac96-774b-bcce-b302099a8057"), 1, "no such organisation"),
            (("key", "revoke", other.id, key["key_id"]), 1, "no such key"), (("key", "revoke", mine.id, "abc"), 1, "12 hexadecimal")):
        got, printed, complaint = command(service, *words)
        assert (got, printed) == (status, []) and said in complaint, (words, got, printed, complaint)
    assert service.client(mine).get("/api/v1/prospects").status == 200


def test_a_command_may_be_the_first_to_use_the_store(make_service):
    service = make_service(started=False)
    service.data_dir.rmdir()
    organisation = service.organisation()
    service.start()
    assert service.client(organisation).get("/api/v1/prospects").status == 200
