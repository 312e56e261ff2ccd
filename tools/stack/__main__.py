#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: tools/stack/__main__.py run | demo | drill NAME | cluster | monitoring up|down|status|reload|prometheus-up|alertmanager-up|grafana-up

What each starts and which settings it reads: see the docstring of its module.
"""
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # the package's folder; ours would shadow other modules

from stack import Fault, cluster, drill, monitoring, run  # noqa: E402
from stack.supervisor import warn  # noqa: E402


def main(words):
    if words in (["run"], ["demo"]):
        return run.main(*words)
    if words[:1] == ["drill"] and len(words) == 2:
        return drill.main(words[1])
    if words == ["cluster"]:
        return cluster.main()
    if words[:1] == ["monitoring"] and words[1:] in monitoring.COMMANDS:
        return monitoring.main(words[1:])
    print(__doc__.splitlines()[0], file=sys.stderr)
    return 2


if __name__ == "__main__":
    name = {"cluster": "cluster", "drill": "drill", "monitoring": "monitoring"}.get("".join(sys.argv[1:2]), "stack")
    try:
        sys.exit(main(sys.argv[1:]))
    except Fault as fault:
        warn(name, str(fault))
        sys.exit(1)
    except KeyboardInterrupt:  # before the supervisor handles signals
        sys.exit(0)
