# SPDX-License-Identifier: Apache-2.0
"""The kinds of servers, a module each. Differences between versions of a program are handled only in its module."""
