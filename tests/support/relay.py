# SPDX-License-Identifier: Apache-2.0
"""A mail server that misbehaves on request and records the accepted messages. SMTP over plain sockets, one thread for each
connection, because aiosmtpd cannot hang in the middle of a dialogue.
"""
import socketserver
import threading
import time
from collections import Counter

from .ports import free_port


class Relay:
    """`mode`: take · slow (one second before each answer) · busy (421 as greeting) · later (451 to RCPT) · refuse (550 to RCPT)
    · hang (silence after accept) · mute (the message is taken but never answered) · drop (closed instead of an answer)
    """

    def __init__(self):
        self.port = free_port()
        self.mode = "take"
        self.taken = Counter()  # receiver: messages read up to the final dot
        self.times = []  # when each was taken
        self.on_command = None  # called with (verb, its argument); returns the answer, or None for the usual one
        self.on_message = None  # called with the receiver after a message was taken, before the answer
        self._server = None
        self._open, self._lock = set(), threading.Lock()
        self.start()

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self.port}"

    def start(self):
        relay = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                with relay._lock:
                    relay._open.add(self.request)
                try:
                    relay._dialogue(self)
                except OSError:
                    pass
                finally:
                    with relay._lock:
                        relay._open.discard(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address, daemon_threads, request_queue_size = True, True, 128
        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        """Stop listening and cut every connection."""
        self._server.shutdown()
        self._server.server_close()
        self.cut()

    def connections(self):
        with self._lock:
            return len(self._open)

    def cut(self):
        """Close every open connection, as a server restart does."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(2)
            except OSError:
                pass

    def _hold(self, handler):
        """Stay silent until the connection is cut or the client closes it."""
        handler.request.settimeout(None)
        while handler.request.recv(4096):
            pass

    def _dialogue(self, handler):
        def say(line):
            handler.wfile.write(line + b"\r\n")
        if self.mode == "hang":
            return self._hold(handler)
        if self.mode == "busy":
            return say(b"421 4.3.2 too busy")
        say(b"220 relay ESMTP")
        receiver = ""
        while line := handler.rfile.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                receiver = line.decode().partition("<")[2].partition(">")[0]
            special = self.on_command and self.on_command(verb.decode("latin-1"), line[5:].decode("latin-1").strip())
            if special:
                say(special.encode())
                if special.startswith("421"):
                    return
            elif verb == b"RCPT":
                say({"later": b"451 4.3.0 later", "refuse": b"550 5.1.1 no such user"}.get(self.mode, b"250 2.1.5 ok"))
            elif verb == b"DATA":
                say(b"354 go on")
                while handler.rfile.readline() not in (b".\r\n", b""):
                    pass
                if self._message(handler, receiver, say):
                    return
            elif verb == b"QUIT":
                return say(b"221 bye")
            else:
                say(b"250 ok")

    def _message(self, handler, receiver, say):
        """@return whether to close the connection without an answer."""
        with self._lock:
            mode, hook = self.mode, self.on_message  # read before `taken` changes: a test that waits for `taken` may change them
            self.taken[receiver] += 1
            self.times.append(time.monotonic())
        if hook:
            hook(receiver)
        if mode == "mute":
            self._hold(handler)
            return True
        if mode == "drop":
            return True
        if mode == "slow":
            time.sleep(1)
        say(b"250 2.0.0 taken")
        return False

    def twice(self):
        with self._lock:
            return sum(times - 1 for times in self.taken.values())

    def first_after(self, since):
        with self._lock:
            return next((t for t in self.times if t > since), None)
