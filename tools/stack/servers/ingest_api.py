# SPDX-License-Identifier: Apache-2.0
"""ingest-api, in any of its roles."""
import json
import os

from .. import web
from ..server import Server


class IngestApi(Server):
    """@param settings environment variables, in addition to ours
    @param without  names of our environment that it must not get

    `drill` is a file with start settings that a drill (drill.py) writes; None: no drills."""
    drill = None

    def __init__(self, name, directory, port, binary, settings=None, words=(), without=(), **options):
        super().__init__(name, directory, **options)
        self.port, self.binary, self.words, self.without = port, binary, words, without
        self.settings = {"HOST": "127.0.0.1", "PORT": port, "DATA_DIR": self.seen(self.directory)} | (settings or {})

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _drill(self):
        """A drill's request: {"settings": {…}, "hold": bool}; None: no drill."""
        try:
            return json.loads(self.drill.read_text(encoding="utf-8")) if self.drill else None
        except (OSError, ValueError):
            return None

    def drilled(self):
        return self._drill() is not None

    def held_back(self):
        return (self._drill() or {}).get("hold", False)

    def prepare(self):
        self.launcher.own_directory(self.account, self.directory)

    def command(self):
        return [self.seen(self.binary), *self.words]

    def environment(self):
        ours = {name: value for name, value in os.environ.items() if name not in self.without}
        settings = self.settings | (self._drill() or {}).get("settings", {})
        return ours | {name: str(value) for name, value in settings.items()}

    def working_directory(self):
        return self.launcher.root

    def answers(self):
        return web.answers(f"{self.url}/health/ready")


class Traffic(Server):
    """demo-traffic: sends requests at a steady rate and counts the answers. Its output goes to the terminal."""
    patience, show = 15, True

    def __init__(self, directory, api, key, program, rate, seed, duration, **options):
        super().__init__("demo-traffic", directory, **options)
        self.api, self.key, self.program = api, key, program
        self.rate, self.seed, self.duration = rate, seed, duration

    def prepare(self):
        self.launcher.own_directory(self.account, self.directory)

    def command(self):
        return [self.seen(self.program), "--url", self.api.url, "--directory", self.seen(self.directory), "--rate", self.rate, "--seed",
                self.seed, "--duration", self.duration]

    def environment(self):
        return os.environ | {"API_KEY": self.key}
