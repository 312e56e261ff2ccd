# SPDX-License-Identifier: Apache-2.0
"""A C program with promc-exporter that observes what a test tells it to (lib/promc-exporter/tests/histogram_target.c), and its scrapes."""
import subprocess
import urllib.request

from stack.process import die_with_parent

from .ports import PATIENCE
from .protobuf import read_families
from .service import BUILD

TARGET = BUILD / "lib/promc-exporter/histogram-target"
ACCEPT = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"


class Target:
    """The program under test."""

    def __init__(self, log):
        self.log = open(log, "ab")
        self.popen = subprocess.Popen([TARGET], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
                                      preexec_fn=die_with_parent)
        self.port = int(self.popen.stdout.readline())

    def tell(self, *lines):
        self.popen.stdin.write("".join(line + "\n" for line in lines) + "sync\n")
        self.popen.stdin.flush()
        assert self.popen.stdout.readline() == "ok\n"

    def register(self, name, kind, schema=3, max_buckets=160, zero_threshold=0.0):
        self.tell(f"register {name} {kind} {schema} {max_buckets} {zero_threshold!r}")

    def observe(self, name, values):
        self.tell(*(f"observe {name} {value!r}" for value in values))

    def families(self):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/metrics", headers={"Accept": ACCEPT})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=PATIENCE) as answer:
            assert answer.headers["Content-Type"].startswith("application/vnd.google.protobuf")
            families = read_families(answer.read())
        names = [family.name for family in families]
        assert len(names) == len(set(names)), "a family is in more than one message"
        return {family.name: family for family in families}

    def histogram(self, name):
        family = self.families()[name]
        assert family.type == 4 and len(family.metric) == 1
        return family.metric[0].histogram

    def close(self):
        self.popen.stdin.close()
        status = self.popen.wait(PATIENCE)
        self.popen.stdout.close()
        self.log.close()
        return status
