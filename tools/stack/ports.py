# SPDX-License-Identifier: Apache-2.0
"""Ports: read from the environment and checked before anything starts. An error names the process that uses a busy port."""
import os
import re

from . import Fault

_LISTEN = "0A"


def from_environment(defaults, environment=None):
    """{name: port} for {name: default}; an invalid port is an error with its name."""
    environment = os.environ if environment is None else environment
    found = {}
    for name, default in defaults.items():
        value = environment.get(name) or str(default)
        if not re.fullmatch(r"[0-9]{1,5}", value) or not 1 <= int(value) <= 65535:
            raise Fault(f"{name}={value} is not a port number (1 to 65535)")
        found[name] = int(value)
    return found


def owner(port):
    """The id of the process that listens there; 0: we may not see it; None: no process does."""
    sockets = {inode for table in ("tcp", "tcp6") for inode in _listening(f"/proc/net/{table}", port)}
    if not sockets:
        return None
    return next((int(pid) for pid in filter(str.isdigit, os.listdir("/proc"))
                 if any(link in sockets for link in _links(f"/proc/{pid}/fd"))), 0)


def listener(port):
    """The listening process: "prometheus (pid 71)", or "another process" if we may not see it; None: no process listens."""
    pid = owner(port)
    if not pid:
        return None if pid is None else "another process (root can see which)"
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
            return f"{comm.read().strip()} (pid {pid})"
    except OSError:  # it has ended meanwhile
        return None


def _links(folder):
    """The targets of the links in a folder, without unreadable or vanished ones."""
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        try:
            yield os.readlink(os.path.join(folder, name))
        except OSError:
            continue


def _listening(table, port):
    """The names of the sockets that listen at a port, as /proc/PID/fd shows them."""
    try:
        with open(table, encoding="ascii") as file:
            next(file)
            for line in file:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    yield f"socket:[{fields[9]}]"
    except FileNotFoundError:  # a kernel without IPv6
        return


def require_free(ports, command):
    """Raise one error with a line for each of {name: port} that is in use or given twice. @param command  for the advice in the error"""
    faults, names = [], sorted(ports)
    for i, name in enumerate(names):
        faults += [f"{name} and {other} are both {ports[name]}; set one of them to another port"
                   for other in names[i + 1:] if ports[name] == ports[other]]
    for name, port in ports.items():
        who = listener(port)
        if who:
            faults.append(f"port {port} ({name}) is in use by {who}; stop it or choose another: {name}=NUMBER {command}")
    if faults:
        raise Fault("\n".join(faults))
