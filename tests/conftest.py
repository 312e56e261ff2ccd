# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the stack tests. Each test gets its own servers, on free ports, in its own folder."""
import os
import signal

import pytest
from support import faults, generations  # before `stack`, which they make known

from stack.server import Server
from support.prometheus import Prometheus
from support.relay import Relay
from support.service import BINARY, Service
from support.target import Target

pytest_plugins = ["backends"]
Server.death_signal = signal.SIGKILL  # a killed pytest takes its servers with it, also one that is broken


def pytest_sessionstart(session):
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is not built: make build", returncode=1)


def pytest_sessionfinish(session):
    """Several pytests share the work (pytest-xdist): each hands its rows of the tables to the one that prints."""
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
    """The closing line that every suite of this project has."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    count = {kind: len(reporter.stats.get(kind, [])) for kind in ("passed", "failed", "error", "skipped")}
    skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
    print(f"stack: {count['passed']} passed, {count['failed'] + count['error']} failed{skipped}")


def group(item):
    """The tests that share what is made once for their file (fixtures of scope "module"): one name for all. None for the others."""
    defined = item._fixtureinfo.name2fixturedefs
    shared = [name for name in item.fixturenames if name in defined and defined[name][-1].scope == "module"]
    parameters = getattr(item, "callspec", None) and item.callspec.params or {}
    return "-".join([item.path.stem] + [str(parameters[name]) for name in shared if name in parameters]) if shared else None


def uses_broker(item):
    parameters = getattr(item, "callspec", None) and item.callspec.params or {}
    return "rabbitmq_server" in item.fixturenames or {"rabbitmq", "amqp"} & {value for value in parameters.values() if isinstance(value, str)}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Tests that share a server stay in one pytest, so that it is started once; all others go to whichever is free. RabbitMQ is shared by
    all files: its start is ten seconds of a processor, and while it runs it never rests.

    On other back ends (make test-backends): the tests that start the service by make_service, and no others; and with the installed
    Prometheus, to which it is all one."""
    if os.environ.get("STORE") == "postgres" or os.environ.get("QUEUE") == "amqp":
        kept = [item for item in items if "make_service" in item.fixturenames and not item.get_closest_marker("embedded")
                and getattr(getattr(item, "callspec", None), "params", {}).get("generation", "installed") == "installed"]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)  # what takes long is not begun last
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            name = group(item) or ("rabbitmq" if uses_broker(item) and os.environ.get("QUEUE") != "amqp" else None)
            if name:
                item.add_marker(pytest.mark.xdist_group(name))


@pytest.fixture
def backends(request):
    """backends(data_dir): the settings of one service's servers: none, or with STORE=postgres QUEUE=amqp in the environment
    (make test-backends) a database and a virtual host of its own. Services that share a DATA_DIR share these too."""
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
    """make_service(**env): a running ingest-api. After the test each must end cleanly and have logged no error."""
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
        except Exception as fault:  # noqa: BLE001 - the others are closed all the same
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
    """The test runs once for each generation of Prometheus that is here; what starts one starts that."""
    return generations.use(request.param, monkeypatch)


@pytest.fixture
def make_prometheus(tmp_path):
    """make_prometheus(service, **settings): a real one that scrapes it. After the test it must have complained about nothing."""
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
    """A C program with promc-exporter that shows what it is told to observe."""
    made = Target(tmp_path / "target.log")
    yield made
    if made.popen.poll() is None:
        assert made.close() == 0
