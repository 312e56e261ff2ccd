# SPDX-License-Identifier: Apache-2.0
"""A minimal TURN client (RFC 8489, 8656) for one user session: it allocates a relay and releases it."""
import base64
import hashlib
import hmac
import os
import socket
import struct

from .ports import PATIENCE

COOKIE = 0x2112A442
ALLOCATE, REFRESH = 0x0003, 0x0004
SUCCESS, ERROR = 0x0100, 0x0110
ALLOCATION_MISMATCH = b"\x04\x25"  # 437
USERNAME, INTEGRITY, ERROR_CODE, LIFETIME, REALM, NONCE, REQUESTED_TRANSPORT = 0x0006, 0x0008, 0x0009, 0x000D, 0x0014, 0x0015, 0x0019
UDP = b"\x11\0\0\0"


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def attributes_of(message):
    found, at = {}, 20
    while at < len(message):
        kind, length = struct.unpack_from("!HH", message, at)
        found[kind] = message[at + 4:at + 4 + length]
        at += 4 + length + -length % 4
    return found


class Client:
    """A user of a server with a shared secret (coturn's use-auth-secret), with its own socket."""

    def __init__(self, port, user, secret):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(0.5)
        self.user = user.encode()
        self.password = base64.b64encode(hmac.new(secret.encode(), self.user, hashlib.sha1).digest())
        self.credentials = b""
        self.key = None

    def ask(self, method, body):
        """Return the class of the answer, SUCCESS or ERROR, and its attributes. UDP may lose messages, so send again until it answers."""
        transaction = os.urandom(12)
        body += self.credentials
        if self.key:
            head = struct.pack("!HHI", method, len(body) + 24, COOKIE) + transaction
            body += attribute(INTEGRITY, hmac.new(self.key, head + body, hashlib.sha1).digest())
        message = struct.pack("!HHI", method, len(body), COOKIE) + transaction + body
        for _ in range(2 * PATIENCE):
            self.socket.send(message)
            try:
                while (answer := self.socket.recv(2048))[8:20] != transaction:
                    pass
            except TimeoutError:
                continue
            return struct.unpack_from("!H", answer)[0] & ERROR, attributes_of(answer)
        raise AssertionError("the TURN server does not answer")

    def session(self):
        """Allocate a relay and release it. False: the kernel gave us a port for which the server still has an earlier session."""
        with self.socket:
            kind, said = self.ask(ALLOCATE, attribute(REQUESTED_TRANSPORT, UDP))
            if said.get(ERROR_CODE, b"")[2:4] == ALLOCATION_MISMATCH:
                return False
            assert kind == ERROR and REALM in said, said
            self.key = hashlib.md5(b":".join((self.user, said[REALM], self.password))).digest()
            self.credentials = attribute(USERNAME, self.user) + attribute(REALM, said[REALM]) + attribute(NONCE, said[NONCE])
            for method, body in ((ALLOCATE, attribute(REQUESTED_TRANSPORT, UDP)), (REFRESH, attribute(LIFETIME, bytes(4)))):
                kind, said = self.ask(method, body)
                if said.get(ERROR_CODE, b"")[2:4] == ALLOCATION_MISMATCH:
                    return False
                assert kind == SUCCESS, said
            return True
