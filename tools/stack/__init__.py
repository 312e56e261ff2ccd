# SPDX-License-Identifier: Apache-2.0
"""Starts, watches and stops real servers: for `make run`, demo, cluster, accuracy, monitoring-* and the stack tests.

process     one process and its log; it never outlives us
server      a server: its process may be restarted, its data and ports stay; one module below `servers` each
supervisor  several servers in the foreground: reports deaths, stops them in order
run, cluster and monitoring start sets of servers; drill breaks one on purpose. Standard library only; Python 3.11 and later.
"""


class Fault(Exception):
    """An error that the user can fix: one line, printed as is."""
