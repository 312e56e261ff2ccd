# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that breaks connections on request: all at once, or one at given bytes."""
import selectors
import socket
import threading
import time

from .http import reset

TO_SERVER, TO_CLIENT = "to server", "to client"


class Proxy:
    """Forwards 127.0.0.1:`port` to 127.0.0.1:`target`. While `refusing`, new connections are reset at once. While `frozen`,
    it forwards and answers nothing, like a machine or a network that is gone."""

    def __init__(self, target):
        self.target, self.refusing, self.frozen = target, False, False
        self.connections = 0  # accepted so far
        self._cuts = []  # [direction, bytes, how many times, whether to cut after them (or before)]
        self.cuts_made, self.last_cut = 0, None  # last_cut: by the monotonic clock
        self._lock, self._pairs = threading.Lock(), set()
        # The kernel may choose the port: nobody needs it free later.
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut_at(self, direction, words, times=1, after=True):
        """Reset the connection when `words` pass next. Forward the data up to their end, or up to their beginning."""
        with self._lock:
            self._cuts.append([direction, words, times, after])

    def cut(self):
        """Reset all connections."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for s in pair:
                _reset(s)

    def close(self):
        self.refusing, self.frozen = True, False
        self._listener.close()
        self.cut()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refusing:
                _reset(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
            except OSError:
                _reset(client)
                continue
            server.settimeout(None)
            with self._lock:
                self._pairs.add((client, server))
                self.connections += 1
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()

    def _forward(self, client, server):
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(client, selectors.EVENT_READ, (server, TO_SERVER))
                selector.register(server, selectors.EVENT_READ, (client, TO_CLIENT))
                while True:
                    ready = selector.select()
                    while self.frozen:
                        time.sleep(0.02)
                    for key, _ in ready:
                        other, direction = key.data
                        data = key.fileobj.recv(65536)
                        end = self._cut_in(direction, data)
                        other.sendall(data if end is None else data[:end])
                        if not data or end is not None:
                            return
        except OSError:
            pass
        finally:
            with self._lock:
                self._pairs.discard((client, server))
            _reset(client)
            _reset(server)

    def _cut_in(self, direction, data):
        """The offset in `data` at which to cut the connection, or None."""
        with self._lock:
            for cut in self._cuts:
                at = data.find(cut[1]) if cut[0] == direction and cut[2] > 0 else -1
                if at >= 0:
                    cut[2] -= 1
                    self.cuts_made, self.last_cut = self.cuts_made + 1, time.monotonic()
                    return at + (len(cut[1]) if cut[3] else 0)
        return None


def _reset(s):
    try:
        reset(s)
    except OSError:
        pass
