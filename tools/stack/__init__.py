# SPDX-License-Identifier: Apache-2.0
"""Starts, watches and stops real servers: for `make run`, demo, cluster, accuracy, monitoring-* and the stack tests.

process     one process: its log, its end, whatever becomes of us
server      a server whose process comes and goes while its data and ports stay; one module below `servers` each
supervisor  several of them in the foreground: deaths reported, a wanted stop in order
The rest says what is started with what: run, cluster, monitoring; and what is broken on purpose: drill. Standard library only; Python 3.11 and later.
"""


class Fault(Exception):
    """An error that the user can fix: one line, printed as is."""
