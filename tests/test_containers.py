# SPDX-License-Identifier: Apache-2.0
"""The containers: rules for every compose file, and a start of the whole stack if there is a Docker engine.

No image registry is used. debootstrap makes the base image, the shipped Dockerfile makes ingest-api's image on that base,
and Debian's own programs make the images of Prometheus and Alertmanager, under the names in the compose files.
"""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.parse
from pathlib import Path

import pytest
import yaml
from stack.process import Process
from stack.servers import prometheus
from support.alerting import shipped_rules
from support.ports import wait_until
from support.service import ROOT

INFRA = ROOT / "infra"
FILES = sorted(path for path in INFRA.glob("*/compose.yaml"))
SERVICES = {(path.parent.name, name): service
            for path in FILES for name, service in yaml.safe_load(path.read_text())["services"].items()}
# The entry points of PostgreSQL and RabbitMQ start as root, change the owner of their folder and then change the user.
ROOT_AT_START = {"postgres", "rabbitmq"}
# Root without capabilities: only to read the log files of Docker, which root owns.
READS_AS_OWNER = {"alloy"}


def test_the_main_file_includes_every_part():
    whole = yaml.safe_load((INFRA / "compose.yaml").read_text())
    assert sorted(whole["include"]) == sorted(f"{path.parent.name}/compose.yaml" for path in FILES)
    names = [name for _, name in SERVICES]
    assert len(names) == len(set(names))
    assert {"ingest-api", "worker", "postgres", "rabbitmq", "prometheus", "alertmanager", "grafana", "mailpit"} <= set(names)
    # The same volume or secret in two files would be defined twice, and the whole would not load.
    for kind in ("volumes", "secrets"):
        defined = [name for path in FILES for name in yaml.safe_load(path.read_text()).get(kind, {})]
        assert len(defined) == len(set(defined)), kind
    assert {yaml.safe_load(path.read_text())["name"] for path in [*FILES, INFRA / "compose.yaml"]} == {"prospectflow"}


@pytest.mark.parametrize("where,name", SERVICES, ids=[name for _, name in SERVICES])
def test_service(where, name):
    service = SERVICES[where, name]
    # Pinned to a version, never "latest".
    tag = service["image"].rpartition(":")[2]
    assert re.match(r"v?\d+\.\d+", tag), service["image"]
    # Reachable only from this machine.
    for published in service.get("ports", []):
        assert published.startswith("127.0.0.1:"), published
    # Only the rights that it needs.
    assert service["cap_drop"] == ["ALL"] and "no-new-privileges:true" in service["security_opt"]
    assert service["read_only"] is True and "privileged" not in service
    if name in ROOT_AT_START:
        assert set(service["cap_add"]) <= {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
    elif name in READS_AS_OWNER:
        assert "cap_add" not in service and "ports" not in service and not any("docker.sock" in volume for volume in service["volumes"])
    else:
        assert "cap_add" not in service and not str(service["user"]).startswith(("0:", "root"))
    # Resource limits and a health check.
    assert service["mem_limit"] and service["cpus"] and service["pids_limit"]
    assert service["healthcheck"]["test"][0] == "CMD" and service["restart"] == "unless-stopped"
    assert service["logging"]["options"]["max-size"]
    assert service["logging"]["options"]["tag"] == "{{.Name}}", "Alloy needs the tag to know the container"
    # Docker makes a folder for a missing file. So mounts are folders of this repository, var/compose, or named volumes.
    for volume in service.get("volumes", []):
        source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
        if source.startswith("."):
            path = (INFRA / where / source).resolve()
            assert path.exists() or "var/compose" in str(path), f"{source} does not exist"
    for text in (json.dumps(service.get("environment", {})), json.dumps(service.get("command", []))):
        assert not re.search(r"(?i)(password|secret|token|_pass)\"?: \"(?!/run/secrets/)", text), text


def test_a_replaced_command_keeps_the_data_paths():
    assert "--storage.tsdb.path=/prometheus" in SERVICES["prometheus", "prometheus"]["command"]
    assert "--storage.path=/alertmanager" in SERVICES["alertmanager", "alertmanager"]["command"]
    assert any(volume.endswith(":/prometheus") for volume in SERVICES["prometheus", "prometheus"]["volumes"])
    # The flags are the same natively and in the container.
    flags = [line for line in (INFRA / "prometheus/flags").read_text().splitlines() if line.strip()]
    command = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", word) for word in SERVICES["prometheus", "prometheus"]["command"]]
    assert set(flags) <= set(command)
    # In the pinned version, native histograms are a setting and no longer a feature flag.
    assert f"--enable-feature={','.join(name for name in prometheus.WANTED if name != 'native-histograms')}" in command
    assert yaml.safe_load((INFRA / "prometheus/prometheus.compose.yml").read_text())["global"]["scrape_native_histograms"] is True


def test_dependencies_exist_and_have_health_checks():
    names = {name for _, name in SERVICES}
    for service in SERVICES.values():
        for other, condition in service.get("depends_on", {}).items():
            assert other in names and condition == {"condition": "service_healthy"}


def test_secrets_volumes_and_targets_are_defined():
    """Secrets and volumes are defined in the file that uses them. Every scrape target, with and without profile `backends`, is a service."""
    for path in FILES:
        document = yaml.safe_load(path.read_text())
        for name, service in document["services"].items():
            used = {secret if isinstance(secret, str) else secret["source"] for secret in service.get("secrets", [])}
            assert used <= set(document.get("secrets", {})), name
            named = {volume.split(":")[0] for volume in service.get("volumes", []) if re.match(r"[a-z]", volume)}
            assert named <= set(document.get("volumes", {})), name
    always = {name for (_, name), service in SERVICES.items() if "profiles" not in service}
    backends = always | {name for (_, name), service in SERVICES.items() if service.get("profiles") == ["backends"]}
    for folder, there in (("targets-compose", always), ("targets-compose-backends", backends)):
        targets = [target for path in (INFRA / "prometheus" / folder).glob("*.yml") for group in yaml.safe_load(path.read_text())
                   for target in group["targets"]]
        assert targets and {target.split(":")[0] for target in targets} <= there, folder
    assert any("postgres-exporter" in target for target in targets) and any("rabbitmq" in target for target in targets)


def test_logs_flow_from_container_to_grafana():
    """Each part names the next: Docker's log file, Alloy, Loki, Grafana's data source, the exemplars. Not tested with the real programs."""
    alloy, source = SERVICES["loki", "alloy"], (INFRA / "loki/alloy/config.alloy").read_text()
    assert any(volume.endswith("/var/lib/docker/containers:ro") for volume in alloy["volumes"]) and "/var/lib/docker/containers/*/*-json.log" in source
    assert "attrs.tag" in source and 'container!~\\"prospectflow-.+\\"' in source
    config = yaml.safe_load((INFRA / "loki/loki.yml").read_text())
    port = config["server"]["http_listen_port"]
    assert f"http://loki:{port}/loki/api/v1/push" in source
    grafana = SERVICES["grafana", "grafana"]["environment"]
    assert grafana["LOKI_URL"] == f"http://loki:{port}"
    [data] = yaml.safe_load((INFRA / "grafana/provisioning/datasources/loki.yml").read_text())["datasources"]
    default = {name: re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", grafana[name]) for name in ("LOGS_URL", "LOGS_URL_END")}
    address = urllib.parse.urlsplit(default["LOGS_URL"] + "req-1" + default["LOGS_URL_END"])
    assert (address.netloc, address.path) == ("", "/explore"), "a link within this Grafana: its port can be changed"
    pane = json.loads(urllib.parse.parse_qs(address.query)["panes"][0])["logs"]
    assert pane["datasource"] == data["uid"] == "loki" and pane["queries"][0]["expr"] == '{container=~"prospectflow-.+"} |= `req-1`'
    [prometheus_source] = yaml.safe_load((INFRA / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    [exemplars] = prometheus_source["jsonData"]["exemplarTraceIdDestinations"]
    assert exemplars["url"] == "${LOGS_URL}$${__value.raw}${LOGS_URL_END}"
    # Loki has its own volume and keeps logs for 14 days.
    assert config["compactor"]["retention_enabled"] and config["limits_config"]["retention_period"] == "336h"
    assert {"loki-data:/loki"} <= set(SERVICES["loki", "loki"]["volumes"])


def test_two_networks():
    """Only the services that use or scrape the database and the broker can reach them."""
    inside = {name for (_, name), service in SERVICES.items() if "backend" in service.get("networks", [])}
    assert inside == {"ingest-api", "worker", "prometheus", "postgres", "postgres-exporter", "rabbitmq"}
    assert all(SERVICES[where, name]["networks"] == ["backend"] for where, name in SERVICES if name in ("postgres", "postgres-exporter", "rabbitmq"))
    for path in FILES:
        document = yaml.safe_load(path.read_text())
        used = {network for service in document["services"].values() for network in service.get("networks", [])} - {"default"}
        assert document.get("networks", {}) == {network: {} for network in used}, path


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="docker-compose (1.29, Debian) is not installed")
@pytest.mark.parametrize("path", FILES, ids=[path.parent.name for path in FILES])
def test_schema(tmp_path, path):
    """Debian's docker-compose does not know `name` and `include`. The rest of the schema is the same."""
    document = yaml.safe_load(path.read_text())
    del document["name"]
    for key in [key for key in document if key.startswith("x-")]:
        del document[key]
    (tmp_path / "compose.yaml").write_text(yaml.safe_dump(document))
    done = subprocess.run(["docker-compose", "-f", tmp_path / "compose.yaml", "--profile", "backends", "--profile", "mail", "--profile", "logs", "config", "-q"],
                          capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr


# ---- the started stack ----

class Engine:
    """Our own Docker engine: no bridge, no iptables, its data in the test's folder."""

    def __init__(self, directory):
        directory.mkdir(parents=True)
        self.socket = directory / "s"
        self.process = Process("dockerd", [
            "dockerd", "--bridge=none", "--iptables=false", f"--data-root={directory / 'data'}", f"--exec-root={directory / 'exec'}",
            f"--pidfile={directory / 'pid'}", "-H", f"unix://{self.socket}",
        ], directory / "dockerd.log")
        self.env = os.environ | {"DOCKER_HOST": f"unix://{self.socket}", "DOCKER_BUILDKIT": "0"}
        end = time.monotonic() + 30
        while self("info", check=False).returncode != 0:
            if not self.process.running() or time.monotonic() > end:
                log = self.process.log()
                self.close()
                pytest.skip(f"no Docker engine starts here: {log.strip().splitlines()[-1] if log.strip() else 'no output of dockerd'}")
            time.sleep(0.3)

    def __call__(self, *words, check=True, timeout=600, **options):
        done = subprocess.run(["docker", *[str(word) for word in words]], env=self.env, capture_output=True, text=True,
                              timeout=timeout, check=False, **options)
        assert not check or done.returncode == 0, f"docker {' '.join(map(str, words))}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done

    def close(self):
        if self.process.running():
            self.process.stop(60)
        # Remove what it leaves mounted, and its data: they belong to root.
        subprocess.run(["umount", self.socket.parent / "exec/netns/default"], capture_output=True, check=False)
        shutil.rmtree(self.socket.parent.parent, ignore_errors=True)


@pytest.fixture(scope="module")
def engine():
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        pytest.skip("a Docker engine is started by root only, and needs docker.io")
    # Not below pytest's own folder: a later run removes that, and there may be mounts in it.
    made = Engine(Path(tempfile.mkdtemp(prefix="ingest-api-docker-")) / "d")
    yield made
    for container in made("ps", "-aq").stdout.split():
        made("rm", "-f", container, check=False)
    made.close()


def libraries(program):
    """The shared libraries of a program, by ldd."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return sorted(set(re.findall(r"(/\S+)", listed)))


def import_program(engine, image, programs, entrypoint, extra=""):
    """Make an image from programs of this machine, their libraries, and the files for a static user database."""
    script = f"""
set -e
t=$(mktemp -d); trap 'rm -rf "$t"' EXIT
mkdir -p "$t"/bin "$t"/etc "$t"/tmp
for p in {' '.join(programs)}; do cp "$(readlink -f "$p")" "$t/bin/$(basename "$p" | sed s/^prometheus-alertmanager$/alertmanager/)"; done
for l in {' '.join(sorted({name for program in programs for name in libraries(program)}))}; do mkdir -p "$t$(dirname "$l")"; cp -L "$l" "$t$l"; done
printf 'root:x:0:0::/:/bin/sh\\nnobody:x:65534:65534::/:/bin/sh\\n' > "$t/etc/passwd"
{extra}
tar -C "$t" -c . | docker import --change 'ENTRYPOINT ["{entrypoint}"]' --change 'ENV PATH=/bin' - {image}
"""
    subprocess.run(["sh", "-c", script], env=engine.env, check=True, capture_output=True, timeout=120)


@pytest.fixture(scope="module")
def images(engine, tmp_path_factory):
    """The images that the compose files name, made without a registry."""
    directory = tmp_path_factory.mktemp("images")
    if not shutil.which("debootstrap"):
        pytest.skip("the base image is made with debootstrap, which is not installed")
    done = subprocess.run(["debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", directory / "base"],
                          capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        pytest.skip(f"debootstrap finds no packages: {done.stdout.strip().splitlines()[-1:]}")
    # The machine's own apt settings.
    for name in ("/etc/apt/apt.conf.d",):
        shutil.copytree(name, directory / "base" / name.lstrip("/"), dirs_exist_ok=True)
    subprocess.run(f"tar -C {directory / 'base'} -c . | docker import - local/debian-base:12", shell=True, env=engine.env,
                   check=True, capture_output=True, timeout=300)
    shutil.rmtree(directory / "base")

    context = directory / "context"
    context.mkdir()
    subprocess.run("git ls-files -z --cached --others --exclude-standard | grep -zv '^\\(bench\\|docs\\|tests\\|infra/grafana\\)/' |"
                   f" xargs -0 tar -c --ignore-failed-read 2>/dev/null | tar -x -C {context}", shell=True, cwd=ROOT, check=True, timeout=60)
    engine("build", "--network=host", "--build-arg", "BASE=local/debian-base:12", "-f", context / "infra/ingest-api/Dockerfile",
           "-t", SERVICES["ingest-api", "ingest-api"]["image"], context, timeout=1500)
    import_program(engine, SERVICES["prometheus", "prometheus"]["image"], ["/usr/bin/prometheus", "/usr/bin/promtool"], "/bin/prometheus",
                   'install -d -o 65534 "$t/prometheus"')
    import_program(engine, SERVICES["alertmanager", "alertmanager"]["image"], ["/usr/bin/prometheus-alertmanager", "/usr/bin/amtool"],
                   "/bin/alertmanager", 'install -d -o 65534 "$t/alertmanager"; mkdir -p "$t/usr/share/prometheus";'
                   ' cp -r /usr/share/prometheus/alertmanager "$t/usr/share/prometheus/"')
    return engine


@pytest.mark.slow
def test_image(images):
    image = json.loads(images("image", "inspect", SERVICES["ingest-api", "ingest-api"]["image"]).stdout)[0]
    config = image["Config"]
    assert config["User"] == "10001:10001" and config["Healthcheck"]["Test"][0] == "CMD"
    said = images("run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL", image["Id"], "--version").stdout
    assert said.startswith("ingest-api ")
    # The shipped image has no compiler and no sources.
    listed = images("run", "--rm", "--network=none", "--entrypoint=sh", image["Id"], "-c", "ls /src /build /usr/bin/gcc 2>&1; id -u").stdout
    assert listed.count("No such file") == 3 and listed.strip().endswith("10001")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("docker-compose"), reason="docker-compose (1.29, Debian) is not installed")
def test_stack(images, tmp_path):
    """ingest-api, worker, Prometheus, Alertmanager from the compose files: healthy, scraped, alerting, and stopped cleanly."""
    wanted = {"ingest-api", "worker", "prometheus", "alertmanager"}
    checkout = tmp_path / "checkout"
    for name in ("infra", "scripts"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("node_modules"))
    # Debian's Prometheus replaces the pinned one. Before 3.9 it does not know this setting.
    config = checkout / "infra/prometheus/prometheus.compose.yml"
    if "native-histograms" in prometheus.known():
        config.write_text(re.sub(r"^  scrape_native_histograms: .*\n", "", config.read_text(), flags=re.MULTILINE))
    alertmanager = checkout / "var/compose/alertmanager"
    shutil.copytree(checkout / "infra/alertmanager/templates", alertmanager / "templates")
    (alertmanager / "secrets").mkdir()
    subprocess.run([checkout / "scripts/alertmanager-config", "--secrets", alertmanager / "secrets", "--out", alertmanager / "alertmanager.yml",
                    "--templates", "/etc/alertmanager/templates"], check=True, capture_output=True, timeout=180)
    for path in (tmp_path, *tmp_path.parents[:3], checkout, *checkout.rglob("*")):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))

    # The files are unchanged except for what needs a bridge: all services share one namespace, with their names in its hosts file.
    # In one namespace, the worker and the API cannot use the same port.
    whole = {"services": {}, "volumes": {}, "secrets": {}}
    for path in FILES:
        document = yaml.safe_load(path.read_text())
        for name, service in document["services"].items():
            if name in wanted:
                service.pop("ports", None), service.pop("build", None), service.pop("networks", None)
                service["volumes"] = [re.sub(r"^(\.\S*?)(?=:)", lambda match, at=path: str((checkout / "infra" / at.parent.name / match.group()).resolve()),
                                             re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume)) for volume in service.get("volumes", [])]
                whole["services"][name] = service
                whole["volumes"] |= {volume: {} for volume in document.get("volumes", {})}
                whole["secrets"] |= {name: document["secrets"][name] for name in service.get("secrets", [])}
    services = whole["services"]
    services["ingest-api"]["network_mode"] = "none"
    services["ingest-api"]["extra_hosts"] = [f"{name}:127.0.0.1" for name in wanted]
    for name in wanted - {"ingest-api"}:
        services[name]["network_mode"] = "service:ingest-api"
    services["worker"] = json.loads(json.dumps(services["worker"]).replace("127.0.0.1:3000", "127.0.0.1:3002"))
    services["worker"]["environment"]["PORT"] = "3002"
    targets = checkout / "infra/prometheus/targets-compose/ingest-api-worker.yml"
    targets.write_text(targets.read_text().replace("worker:3000", "worker:3002"))
    (tmp_path / "stack.yaml").write_text(yaml.safe_dump(whole))

    def compose(*words):
        done = subprocess.run(["docker-compose", "-p", "stack-test", "-f", tmp_path / "stack.yaml", *words], env=images.env,
                              capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def health():
        return {line.split()[0]: line.split(None, 1)[1] for line in
                images("ps", "-a", "--format", "{{.Names}} {{.Status}}").stdout.splitlines()}

    def ask(url):
        return json.loads(images("exec", container["ingest-api"], "curl", "-fsS", url).stdout)

    try:
        compose("up", "-d")
        container = {name: compose("ps", "-q", name).strip() for name in wanted}
        wait_until("all healthy", lambda: sum("(healthy)" in text for text in health().values()) == len(wanted), 120, 1)
        wait_until("all targets up", lambda: all(target["health"] == "up" for target in
                   ask("http://prometheus:9090/api/v1/targets?state=active")["data"]["activeTargets"]), 60, 1)
        jobs = [target["labels"]["job"] for target in ask("http://prometheus:9090/api/v1/targets?state=active")["data"]["activeTargets"]]
        assert sorted(jobs) == ["alertmanager", "ingest-api", "ingest-api", "prometheus"]
        assert sum(len(group["rules"]) for group in ask("http://prometheus:9090/api/v1/rules")["data"]["groups"]) == len(shipped_rules())
        assert ask("http://prometheus:9090/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
        wait_until("the watchdog in Alertmanager", lambda: any(alert["labels"]["alertname"] == "Watchdog"
                   for alert in ask("http://alertmanager:9093/api/v2/alerts")), 60, 1)
        # The alert divides by the container's limit.
        limit = ask("http://prometheus:9090/api/v1/query?query=process_memory_limit_bytes{instance=\"ingest-api:3000\"}".replace('"', "%22")
                    .replace("{", "%7B").replace("}", "%7D"))["data"]["result"]
        assert limit and float(limit[0]["value"][1]) == 512 << 20
        # It works as its own user, on a read-only root file system.
        made = json.loads(images("exec", container["ingest-api"], "ingest-api", "org", "create", "Compose").stdout)
        answer = images("exec", container["ingest-api"], "curl", "-fsS", "-H", f"Authorization: Bearer {made['api_key']}",
                        "-H", "Content-Type: text/csv", "--data-binary", "email,first_name\na@example.invalid,A\n",
                        "http://ingest-api:3000/api/v1/prospects/import").stdout
        assert json.loads(answer)["imported"] == 1
        wait_until("the worker has done its job", lambda: "success=\"true\"} 1" in re.sub(r"1\.0\b", "1", images(
            "exec", container["ingest-api"], "sh", "-c",
            "curl -fsS http://worker:3002/metrics | grep 'queue_processing_duration_seconds_count{queue=\"prospect.validate\"'").stdout), 60, 1)
        denied = images("exec", container["ingest-api"], "sh", "-c", "touch /usr/bin/x", check=False)
        assert denied.returncode != 0 and "Read-only" in denied.stderr
        compose("stop", "-t", "30")
        ended = {name: images("inspect", "-f", "{{.State.ExitCode}}", identity).stdout.strip() for name, identity in container.items()}
        assert set(ended.values()) == {"0"}, ended
    except AssertionError:
        for name in wanted:
            print(f"--- {name}\n{subprocess.run(['docker-compose', '-p', 'stack-test', '-f', tmp_path / 'stack.yaml', 'logs', '--no-color', '--tail=15', name], env=images.env, capture_output=True, text=True, check=False).stdout}")
        raise
    finally:
        compose("down", "-v", "-t", "5")
