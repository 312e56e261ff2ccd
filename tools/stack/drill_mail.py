# SPDX-License-Identifier: Apache-2.0
"""A mail server for drills: it refuses every sender, or accepts each message after a delay. It stores nothing."""
import socketserver
import threading
import time


class MailServer:
    """@param refusal the reply to MAIL; None: accept everything
    @param seconds delay of each message"""

    def __init__(self, refusal, seconds=0.0):
        server = self
        self._refusal, self._seconds = refusal, seconds

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    server._dialogue(self.rfile, self.wfile)
                except OSError:
                    pass

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address, daemon_threads, block_on_close = True, True, False
        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self._server.server_address[1]}"

    def _dialogue(self, incoming, outgoing):
        def say(line):
            outgoing.write(line.encode() + b"\r\n")
        say("220 drill.example ESMTP")
        for line in incoming:
            verb = line.split(b" ")[0].strip().upper()
            if verb == b"MAIL" and self._refusal:
                say(self._refusal)
            elif verb == b"DATA":
                say("354 go on")
                while incoming.readline() not in (b".\r\n", b""):
                    pass
                time.sleep(self._seconds)
                say("250 2.0.0 taken")
            elif verb == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    def close(self):
        self._server.shutdown()
        self._server.server_close()
