# SPDX-License-Identifier: Apache-2.0
"""A load generator that records each answer."""
import collections
import threading

from .http import Client


class Load:
    """`workers` threads, each with its own connection, that call `action(client, number)`, which returns a status.

    With `each`, a worker stops after that many requests; without, when stop() is called. `statuses` counts the answers;
    `failures` holds the exceptions of requests without an answer.
    """

    def __init__(self, service, organisation, action, workers=4, each=None):
        self.statuses = collections.Counter()
        self.failures = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(service.port, organisation.key, action, w, each), daemon=True)
                         for w in range(workers)]
        for thread in self._threads:
            thread.start()

    def _work(self, port, key, action, worker, each):
        client, statuses, number = Client(port, key), collections.Counter(), 0
        while not self._stop.is_set() and (each is None or number < each):
            try:
                statuses[action(client, worker * 1_000_000 + number)] += 1
            except Exception as error:  # noqa: BLE001 - the test checks them
                with self._lock:
                    self.failures.append(error)
                if self._stop.wait(0.01):
                    break
            number += 1
        client.close()
        with self._lock:
            self.statuses += statuses

    def join(self):
        for thread in self._threads:
            thread.join(600)
            assert not thread.is_alive(), "the load did not come to an end"
        return self

    def stop(self):
        self._stop.set()
        return self.join()

    @property
    def answers(self):
        return sum(self.statuses.values())
