# SPDX-License-Identifier: Apache-2.0
"""Random registries, exposed in every format and read by all parsers. Each parser must read the recorded values.

generate-corpus creates the registries and records its operations; support/exposition_model.py computes the expected values. For
other registries: CORPUS_SEED=n CORPUS_REGISTRIES=n pytest tests/test_exposition_corpus.py. A failure names
seed and registry; `generate-corpus SEED REGISTRY+1 DIRECTORY` makes the files of that registry again."""
import http.server
import math
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families
from stack.servers.prometheus import Prometheus
from support import exposition_model as model
from support.ports import free_port, wait_until
from support.service import BUILD, ROOT

GENERATOR = BUILD / "lib/promc-testkit/generate-corpus"
SEED = int(os.environ.get("CORPUS_SEED", 1))
REGISTRIES = int(os.environ.get("CORPUS_REGISTRIES", 300))
TYPES = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
    "protobuf": "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
}
GO_LIBRARIES = Path("/usr/share/gocode/src/github.com/prometheus/common")


class Corpus:
    def __init__(self, directory):
        subprocess.run([GENERATOR, str(SEED), str(REGISTRIES), directory], check=True)
        self.directory = directory
        self.registries = [model.replay((directory / f"{i}.ops").read_text().splitlines()) for i in range(REGISTRIES)]

    def body(self, i, form):
        return (self.directory / f"{i}.{form}").read_bytes()

    def whole(self, form):
        """All registries in one scrape: each name begins with the number of its registry."""
        bodies = [self.body(i, form) for i in range(REGISTRIES)]
        if form == "openmetrics":
            return b"".join(body.removesuffix(b"# EOF\n") for body in bodies) + b"# EOF\n"
        return b"".join(bodies)

    def expected(self, form):
        return {key: value for registry in self.registries for key, value in registry.samples(form).items()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return Corpus(tmp_path_factory.mktemp("corpus"))


def expect(expected, got, where):
    faults = model.differences(expected, got)
    assert not faults, f"seed {SEED}, {where}:\n" + "\n".join(faults)


def read(families):
    """The series that a parser of prometheus_client returns. Asserts that none is there twice."""
    out = {}
    for family in families:
        for sample in family.samples:
            key = model.series(sample.name, sample.labels)
            assert key not in out, f"twice: {key}"
            out[key] = float(sample.value)
    return out


def test_the_corpus_covers_all_types(corpus):
    """It has series of every type, and values that need escaping or repair."""
    kinds = {family.kind for registry in corpus.registries for family in registry.families if family.series}
    assert kinds == {"counter", "gauge", "updown", "histogram", "summary", "info", "stateset", "untyped"}
    values = {value for _, labels in corpus.expected("text") for _, value in labels}
    assert any("\n" in value for value in values) and any("\ufffd" in value for value in values)
    assert any('"' in value for value in values) and any("\\" in value for value in values)
    assert len(corpus.expected("text")) > 2000


@pytest.mark.parametrize("form, parse", [("openmetrics", openmetrics_families), ("text", text_families)])
def test_the_parsers_of_python(corpus, form, parse):
    for i, registry in enumerate(corpus.registries):
        try:
            got = read(parse(corpus.body(i, form).decode()))
        except (ValueError, AssertionError) as fault:
            pytest.fail(f"seed {SEED}, registry {i}, {form}: {fault}")
        expect(registry.samples(form), got, f"registry {i}, {form}")


def test_promtool(corpus):
    """Status 3 is a lint warning about names, which is allowed. Status 1 is a parse error."""
    run = subprocess.run(["promtool", "check", "metrics"], input=corpus.whole("text"), capture_output=True)
    assert run.returncode in (0, 3), f"seed {SEED}: {run.stderr.decode()[-2000:]}"


def test_the_library_of_go_reads_protobuf(corpus, tmp_path):
    if not GO_LIBRARIES.is_dir() or not shutil.which("go", path="/usr/lib/go-1.19/bin:/usr/lib/go/bin:" + os.environ["PATH"]):
        pytest.skip("golang-github-prometheus-common-dev is not installed: Prometheus, below, reads protobuf too")
    env = os.environ | {"PATH": "/usr/lib/go-1.19/bin:/usr/lib/go/bin:" + os.environ["PATH"], "GO111MODULE": "off",
                        "GOFLAGS": "", "GOPATH": "/usr/share/gocode", "GOTOOLCHAIN": "local", "GOCACHE": str(BUILD / "go-cache")}
    source = ROOT / "lib/promc/tests/oracle_protobuf.go"
    built = subprocess.run(["go", "build", "-o", tmp_path / "oracle", source], env=env, capture_output=True)
    if built.returncode != 0:
        pytest.skip(f"the oracle cannot be built: {built.stderr.decode()[-500:]}")
    run = subprocess.run([tmp_path / "oracle"], input=corpus.whole("protobuf"), capture_output=True)
    assert run.returncode == 0, f"seed {SEED}: {run.stderr.decode()}"
    expect(corpus.expected("protobuf"), read(text_families(run.stdout.decode())), "protobuf by Go")


class Target(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bodies = {}

    def do_GET(self):
        form = self.path.strip("/")
        self.send_response(200)
        self.send_header("Content-Type", TYPES[form])
        self.send_header("Content-Length", str(len(self.bodies[form])))
        self.end_headers()
        self.wfile.write(self.bodies[form])

    def log_message(self, *args):
        pass


@pytest.fixture
def target(corpus):
    handler = type("Handler", (Target,), {"bodies": {form: corpus.whole(form) for form in TYPES}})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def prometheus(target, tmp_path):
    """One job per format, each with a timeout that is long enough for any machine."""
    server = Prometheus(tmp_path, free_port(), wanted=["native-histograms"])
    server.configure(**{"global": {"scrape_interval": "5s", "scrape_timeout": "5s"}, "scrape_configs": [
        {"job_name": form, "metrics_path": f"/{form}", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]} for form in TYPES]})
    yield server.start()
    server.stop()


def read_answer(result):
    """The series of an instant query, without what Prometheus adds."""
    got = {}
    for series in result:
        labels = {name: value for name, value in series["metric"].items() if name not in ("job", "instance", "__name__")}
        name = series["metric"]["__name__"]
        if not name.startswith(("up", "scrape_")):
            got[model.series(name, labels)] = float(series["value"][1]) if "value" in series else series["histogram"][1]
    return got


def test_a_real_prometheus(corpus, prometheus):
    def states():
        return {t["labels"]["job"]: (t["health"], t["lastError"]) for t in prometheus.targets() if t["health"] != "unknown"}
    found = wait_until("a scrape of every format", lambda: s if (s := states()).keys() == TYPES.keys() else None)
    for form, (health, error) in found.items():
        assert health == "up" or "deadline" in error, f"seed {SEED}, {form}: {error}"
    for form in TYPES:
        expected = corpus.expected("native" if form == "protobuf" else form)
        faults = ["nothing was read"]

        def read_as_meant():  # a scrape that timed out stores nothing; wait for the next one
            faults[:] = model.differences(expected, read_answer(prometheus.api("query", query=f'{{job="{form}"}}')["result"]))
            return not faults
        try:
            wait_until(form, read_as_meant, interval=1)
        except AssertionError:
            pytest.fail(f"seed {SEED}, {form} by Prometheus:\n" + "\n".join(faults))


def test_the_model_is_not_promc():
    """Cases that are simple enough to be checked by hand."""
    registry = model.replay([
        '{"op": "registry", "created": 0, "limit": 4, "constants": []}',
        '{"op": "family", "kind": "counter", "callback": false, "name": "a", "unit": "", "labels": ["x"], "constants": [], '
        '"bounds": [], "quantiles": [], "states": []}',
        '{"op": "add", "family": 0, "values": ["\\u00ff\\u00ff"], "x": "0x1p+1"}',
        '{"op": "add", "family": 0, "values": ["\\u00fe"], "x": "0x1.8p+0"}'])
    assert registry.samples("text") == {("a_total", frozenset({("x", "\ufffd")})): 3.5}
    assert not model.differences({("a", frozenset()): math.nan}, {("a", frozenset()): math.nan})
    assert model.differences({("a", frozenset()): 1.0}, {}) and model.differences({}, {("a", frozenset()): 1.0})
