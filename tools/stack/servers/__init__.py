# SPDX-License-Identifier: Apache-2.0
"""The kinds of servers. Each module knows its program's versions, so that nobody else has to."""
