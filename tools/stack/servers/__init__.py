# SPDX-License-Identifier: Apache-2.0
"""The kinds of servers. Only its own module knows a program's versions."""
