# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the stack tests. Each test gets its own servers, on free ports, in its own folder."""
import os
import signal

import pytest
from support import faults, generations  # imported first: it puts `stack` on the path

from stack.server import Server
from support.prometheus import Prometheus
from support.relay import Relay
from support.service import BINARY, Service
from support.target import Target

pytest_plugins = ["backends"]
Server.death_signal = signal.SIGKILL  # the servers die with pytest, even when pytest is killed
for name in ("no_proxy", "NO_PROXY"):  # a developer's proxy does not reach the servers on this machine
    os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost", "::1")))


def pytest_sessionstart(session):
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is not built: make build", returncode=1)


def pytest_sessionfinish(session):
    """With pytest-xdist, each worker sends its rows of the tables to the process that prints them."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tables"] = faults.recorded()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    faults.add(getattr(node, "workeroutput", {}).get("tables", []))


def pytest_terminal_summary(terminalreporter):
    for line in faults.table():
        terminalreporter.write_line(line)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    """Print the last line that every test suite of this project prints."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    count = {kind: len(reporter.stats.get(kind, [])) for kind in ("passed", "failed", "error", "skipped")}
    skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
    print(f"stack: {count['passed']} passed, {count['failed'] + count['error']} failed{skipped}")


def group(item):
    """One group name for all tests that share a fixture of scope "module". None for other tests."""
    defined = item._fixtureinfo.name2fixturedefs
    shared = [name for name in item.fixturenames if name in defined and defined[name][-1].scope == "module"]
    parameters = getattr(item, "callspec", None) and item.callspec.params or {}
    return "-".join([item.path.stem] + [str(parameters[name]) for name in shared if name in parameters]) if shared else None


def uses_broker(item):
    parameters = getattr(item, "callspec", None) and item.callspec.params or {}
    return "rabbitmq_server" in item.fixturenames or {"rabbitmq", "amqp"} & {value for value in parameters.values() if isinstance(value, str)}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Tests that share a server run in one pytest process, so that the server starts once. All other tests run in any process. All files share
    one RabbitMQ: it needs ten seconds of CPU time to start, and it uses the CPU even when idle.

    On other back ends (make test-backends), only tests that start the service by make_service run, and only with the installed Prometheus:
    the back end makes no difference to Prometheus."""
    if os.environ.get("STORE") == "postgres" or os.environ.get("QUEUE") == "amqp":
        kept = [item for item in items if "make_service" in item.fixturenames and not item.get_closest_marker("embedded")
                and getattr(getattr(item, "callspec", None), "params", {}).get("generation", "installed") == "installed"]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)  # start the slow tests first
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            name = group(item) or ("rabbitmq" if uses_broker(item) and os.environ.get("QUEUE") != "amqp" else None)
            if name:
                item.add_marker(pytest.mark.xdist_group(name))


@pytest.fixture
def backends(request):
    """backends(data_dir): the back-end settings of one service. Empty by default. With STORE=postgres QUEUE=amqp in the environment
    (make test-backends): a new database and virtual host. Services that share a DATA_DIR share these too."""
    given = {}

    def make(data_dir):
        if data_dir in given:
            return given[data_dir]
        env = {}
        if os.environ.get("STORE") == "postgres":
            env["STORE"] = request.getfixturevalue("postgres_server").database()
        if os.environ.get("QUEUE") == "amqp":
            env["QUEUE"] = request.getfixturevalue("rabbitmq_server").vhost()
        return env

    def remember(data_dir, env):
        given.setdefault(data_dir, {k: v for k, v in env.items() if k in ("STORE", "QUEUE")})
    make.remember = remember
    return make


@pytest.fixture
def make_service(tmp_path, backends):
    """make_service(**env): a running ingest-api. After the test, each must exit cleanly and must have logged no errors."""
    made = []

    def make(started=True, **env):
        service = Service(tmp_path / f"service-{len(made)}", **(backends(str(env.get("DATA_DIR"))) | env))
        backends.remember(service.env["DATA_DIR"], service.env)
        made.append(service)
        return service.start() if started else service
    yield make
    faults = []
    for service in made:
        try:
            service.close()
        except Exception as fault:  # noqa: BLE001 - close the others too
            faults.append(fault)
            if service.process:
                service.process.kill()
    if faults:
        raise faults[0]


@pytest.fixture
def relay():
    made = Relay()
    yield made
    made.stop()


@pytest.fixture
def service(make_service):
    return make_service()


@pytest.fixture
def organisation(service):
    return service.organisation()


@pytest.fixture
def client(service, organisation):
    return service.client(organisation)


@pytest.fixture(params=generations.VERSIONS)
def generation(request, monkeypatch):
    """Run the test once for each installed generation of Prometheus. Every Prometheus that the test starts is of that generation."""
    return generations.use(request.param, monkeypatch)


@pytest.fixture
def make_prometheus(tmp_path):
    """make_prometheus(service, **settings): a real Prometheus that scrapes the service. After the test, its log must contain no complaints."""
    made = []

    def make(service, **settings):
        made.append(Prometheus(tmp_path / f"prometheus-{len(made)}", service.port, **settings))
        return made[-1]
    yield make
    faults = []
    for prometheus in made:
        try:
            prometheus.close()
        except Exception as fault:  # noqa: BLE001
            faults.append(fault)
            prometheus.process.kill()
    if faults:
        raise faults[0]


@pytest.fixture
def target(tmp_path):
    """A C program with promc-exporter that exposes what the test tells it to observe."""
    made = Target(tmp_path / "target.log")
    yield made
    if made.popen.poll() is None:
        assert made.close() == 0
