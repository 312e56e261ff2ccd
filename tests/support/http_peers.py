# SPDX-License-Identifier: Apache-2.0
"""Servers to compare our HTTP front with. Each answers 200 to GET / and, after it has read the body, to POST /. None if not installed."""
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .ports import PATIENCE, free_port, wait_until
from .service import BINARY, ROOT, clean_environment

HERE = Path(__file__).resolve().parent.parent / "http_peers"


@dataclass
class Server:
    port: int
    version: str
    get: str = "/"
    post: str = "/"
    headers: str = ""


def _listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def _version(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return re.search(r"\d+\.\d+(\.\d+)?", done.stdout + done.stderr).group()


@contextlib.contextmanager
def _running(command, port, **kwargs):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs)
    try:
        wait_until(f"{command[0]} listens", lambda: process.poll() is not None or _listens(port))
        assert process.poll() is None, f"{command} has ended"
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextlib.contextmanager
def ours():
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        env = clean_environment(PORT=port, DATA_DIR=folder, LOG_LEVEL="warn")
        made = subprocess.run([BINARY, "org", "create", "probes"], env=env, capture_output=True, text=True, timeout=PATIENCE, check=True)
        key = json.loads(made.stdout)["api_key"]
        with _running([BINARY], port, env=env):
            yield Server(port, _version([BINARY, "--version"]), "/health/live", "/api/v1/prospects/import",
                         f"Authorization: Bearer {key}\r\nContent-Type: text/csv\r\n")


@contextlib.contextmanager
def nginx():
    if not (program := shutil.which("nginx", path="/usr/sbin:/usr/bin")):
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        os.chmod(folder, 0o755)
        config = Path(folder, "nginx.conf")
        config.write_text(HERE.joinpath("nginx.conf").read_text().replace("PORT", str(port)).replace("FOLDER", folder))
        with _running([program, "-p", folder, "-c", config, "-g", "daemon off;"], port):
            yield Server(port, _version([program, "-v"]))


@contextlib.contextmanager
def haproxy():
    if not (program := shutil.which("haproxy", path="/usr/sbin:/usr/bin")):
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        config = Path(folder, "haproxy.cfg")
        config.write_text(HERE.joinpath("haproxy.cfg").read_text().replace("PORT", str(port)))
        with _running([program, "-db", "-f", config], port):
            yield Server(port, _version([program, "-v"]))


@contextlib.contextmanager
def go():
    if not (program := shutil.which("go", path=os.environ["PATH"] + ":/usr/local/go/bin")):
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        env = {**os.environ, "GO111MODULE": "off"}
        subprocess.run([program, "build", "-o", f"{folder}/server", HERE / "server.go"], env=env, check=True, timeout=600)
        with _running([f"{folder}/server", str(port)], port):
            yield Server(port, _version([program, "version"]))


@contextlib.contextmanager
def express():
    program, modules = shutil.which("node"), ROOT / "bench/peers/express/node_modules"
    modules = Path(os.environ.get("EXPRESS_MODULES", modules))
    if not program or not (modules / "express").exists():
        yield None
        return
    port = free_port()
    with _running([program, HERE / "server.cjs", str(port)], port, env={**os.environ, "NODE_PATH": str(modules)}):
        yield Server(port, json.loads((modules / "express/package.json").read_text())["version"] + ", Node " + _version([program, "--version"]))


PEERS = {"nginx": nginx, "HAProxy": haproxy, "Go net/http": go, "Express": express}
